#include "eval/grown_corpus.h"

#include <string_view>

#include "base/check.h"

namespace widenet::eval {
namespace {

// Behind a full stop, question or exclamation mark and a blank, or an empty line.
void split_sentences(std::string_view text, std::vector<std::string>& sentences) {
  size_t start = 0;
  for (size_t i = 0; i + 1 < text.size(); ++i) {
    const bool ends = (text[i] == '.' || text[i] == '?' || text[i] == '!') &&
                      (text[i + 1] == ' ' || text[i + 1] == '\n');
    const bool breaks = text[i] == '\n' && text[i + 1] == '\n';
    if (!ends && !breaks) continue;
    if (i + 1 > start + 1) sentences.emplace_back(text.substr(start, i + 1 - start));
    start = i + 2;
  }
  if (start < text.size()) sentences.emplace_back(text.substr(start));
}

}  // namespace

GrownCorpus::GrownCorpus(const std::vector<std::string>& chunks, uint64_t seed) : random_(seed) {
  for (const std::string& chunk : chunks) {
    if (chunk.empty()) continue;
    split_sentences(chunk, sentences_);
    lengths_.push_back(chunk.size());
  }
  WN_CHECK(!sentences_.empty() && !lengths_.empty());
}

std::string GrownCorpus::next_chunk() {
  const auto pick = [&](size_t n) { return static_cast<size_t>(random_() % n); };
  const size_t length = lengths_[pick(lengths_.size())];
  std::string chunk;
  while (chunk.size() < length) {
    if (!chunk.empty()) chunk += ' ';
    chunk += sentences_[pick(sentences_.size())];
  }
  return chunk;
}

}  // namespace widenet::eval
