#include "answer/output_stream.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace widenet::answer {
namespace {

constexpr std::string_view kThinkEnd = "</think>";

// How much of the end of `text` is a beginning of </think>.
size_t held_back(std::string_view text) {
  for (size_t length = std::min(text.size(), kThinkEnd.size() - 1); length > 0; --length) {
    if (text.ends_with(kThinkEnd.substr(0, length))) return length;
  }
  return 0;
}

}  // namespace

OutputStream::Output OutputStream::feed(std::string_view text) {
  Output output;
  if (!is_reasoning_) {
    read(text, false, output);
    return output;
  }
  held_ += text;
  const size_t end = held_.find(kThinkEnd);
  if (end == std::string::npos) {
    const size_t shown = held_.size() - held_back(held_);
    output.reasoning = held_.substr(0, shown);
    held_.erase(0, shown);
    return output;
  }
  is_reasoning_ = false;
  output.reasoning = held_.substr(0, end);
  read(std::string_view(held_).substr(end + kThinkEnd.size()), false, output);
  held_.clear();
  return output;
}

OutputStream::Output OutputStream::finish() {
  Output output;
  output.reasoning = std::exchange(held_, {});
  read({}, true, output);
  return output;
}

void OutputStream::read(std::string_view content, bool is_end, Output& output) {
  AnswerReader::Output read = is_end ? reader_.finish() : reader_.feed(content);
  output.text += read.text;
  std::move(read.evidence.begin(), read.evidence.end(), std::back_inserter(output.evidence));
}

}  // namespace widenet::answer
