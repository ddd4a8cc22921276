// Generated tokens taken apart as they come.
#include "engine/output_parser.h"

#include <algorithm>
#include <set>
#include <utility>

#include "engine/json_value.h"

namespace widenet::engine {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";
constexpr std::string_view kDsml = "｜DSML｜";

// The special token inside a block's text: a byte that decoded text never has.
constexpr std::string_view kMark = "\xff";
constexpr std::string_view kOpenBlock = "\xfftool_calls>";  // its "<" has been held back
constexpr std::string_view kCloseBlock = "</\xfftool_calls>";
constexpr std::string_view kOpenCall = "<\xffinvoke";
constexpr std::string_view kCloseCall = "</\xffinvoke>";
constexpr std::string_view kOpenParameter = "<\xffparameter";
constexpr std::string_view kCloseParameter = "</\xffparameter>";

// The end of `text` that a block may begin with: "<" after at most two newlines.
size_t unsure_bytes(std::string_view text) {
  size_t n = text.ends_with('<') ? 1 : 0;
  for (int i = 0; i < 2 && text.substr(0, text.size() - n).ends_with('\n'); ++i) ++n;
  return n;
}

void skip_blanks(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
}

bool skip(std::string_view& text, std::string_view what) {
  if (!text.starts_with(what)) return false;
  text.remove_prefix(what.size());
  return true;
}

// Takes what comes before `end`, and `end`.
std::optional<std::string_view> take_until(std::string_view& text, std::string_view end) {
  const size_t at = text.find(end);
  if (at == std::string_view::npos) return {};
  const std::string_view taken = text.substr(0, at);
  text.remove_prefix(at + end.size());
  return taken;
}

std::string with_marks_written(std::string_view text) {
  std::string written;
  for (const char c : text) {
    if (c == kMark[0]) {
      written += kDsml;
    } else {
      written += c;
    }
  }
  return written;
}

// `text` is what stands between kOpenCall and kCloseCall.
std::optional<ToolCall> parse_call(std::string_view text) {
  skip_blanks(text);
  const auto name = skip(text, "name=\"") ? take_until(text, "\">") : std::nullopt;
  if (!name || name->empty()) return {};
  std::string arguments;
  std::set<std::string_view> seen;
  for (skip_blanks(text); !text.empty(); skip_blanks(text)) {
    if (!skip(text, kOpenParameter)) return {};
    skip_blanks(text);
    const auto key = skip(text, "name=\"") ? take_until(text, "\" string=\"") : std::nullopt;
    const auto is_string = key ? take_until(text, "\">") : key;
    const auto value = is_string ? take_until(text, kCloseParameter) : key;
    if (!value || !seen.insert(*key).second) return {};
    const std::string written = with_marks_written(*value);
    const bool is_right =
        *is_string == "true" || (*is_string == "false" && JsonValue::parse(written));
    if (!is_right) return {};
    arguments += (arguments.empty() ? "" : ", ") + json_string(with_marks_written(*key)) + ": " +
                 (*is_string == "true" ? json_string(written) : written);
  }
  return ToolCall{.id = {}, .name = with_marks_written(*name), .arguments = "{" + arguments + "}"};
}

}  // namespace

std::optional<OutputSplitter::Part> OutputSplitter::feed(TokenId token) {
  if (token == tokens_.eos) part_ = Part::end;
  if (part_ == Part::end) return part_;
  if (token == tokens_.think_end) {
    part_ = Part::content;
    return {};
  }
  if (token == tokens_.think_start) return {};
  return part_;
}

int64_t count_reasoning_tokens(const PromptTokens& tokens,
                               Thinking thinking,
                               std::span<const TokenId> reply) {
  OutputSplitter splitter(tokens, thinking);
  return std::count_if(reply.begin(), reply.end(), [&](TokenId token) {
    return splitter.feed(token) == OutputSplitter::Part::reasoning;
  });
}

OutputParser::OutputParser(const Tokenizer& tokenizer, Thinking thinking, bool has_tools)
    : tokens_(PromptTokens::of(tokenizer)),
      has_tools_(has_tools && tokens_.dsml),
      splitter_(tokens_, thinking),
      decoder_(tokenizer) {}

OutputParser::Output OutputParser::feed(TokenId token) {
  Output output;
  if (splitter_.part() == Part::end) return output;
  if (token == tokens_.eos) {
    output = finish();
    splitter_.feed(token);
  } else if (is_in_block_) {
    block_ += token == tokens_.dsml ? decoder_.finish().append(kMark) : decoder_.feed(token);
    read_block(output);
  } else if (has_tools_ && token == tokens_.dsml) {
    add_text(decoder_.finish(), output);
    if (held_.ends_with('<')) {
      is_in_block_ = true;
      block_ = kMark;
    } else {
      add_text(kDsml, output);
    }
  } else if (token == tokens_.think_end) {
    add_text(decoder_.finish(), output);
    show(std::exchange(held_, {}), output);
    splitter_.feed(token);
  } else if (splitter_.feed(token)) {
    add_text(decoder_.feed(token), output);
  }
  return output;
}

OutputParser::Output OutputParser::finish() {
  Output output;
  if (splitter_.part() == Part::end) return output;
  if (is_in_block_) {
    block_ += decoder_.finish();
    std::string_view rest = std::string_view(block_).substr(n_read_);
    skip_blanks(rest);
    // A block whose calls are whole needs no closing tag.
    if (has_calls_ && kCloseBlock.starts_with(rest)) n_read_ = block_.size();
    leave_block(output);
  }
  add_text(decoder_.finish(), output);
  show(std::exchange(held_, {}), output);
  return output;
}

// Text outside of blocks: all of it is shown that no block can begin with.
void OutputParser::add_text(std::string_view text, Output& output) {
  if (is_after_block_) skip_blanks(text);
  if (text.empty()) return;
  is_after_block_ = false;
  held_ += text;
  const size_t n_shown = held_.size() - (has_tools_ ? unsure_bytes(held_) : 0);
  show(std::string_view(held_).substr(0, n_shown), output);
  held_.erase(0, n_shown);
}

void OutputParser::show(std::string_view text, Output& output) {
  (splitter_.part() == Part::reasoning ? output.reasoning : output.content) += text;
}

// Takes as much of the block as is there.
void OutputParser::read_block(Output& output) {
  if (n_read_ == 0) {
    if (block_.size() < kOpenBlock.size() && kOpenBlock.starts_with(block_)) return;
    if (!block_.starts_with(kOpenBlock)) return leave_block(output);
    n_read_ = n_searched_ = kOpenBlock.size();
  }
  while (true) {
    std::string_view rest = std::string_view(block_).substr(n_read_);
    skip_blanks(rest);
    if (rest.starts_with(kCloseBlock)) {
      n_read_ = block_.size() - (rest.size() - kCloseBlock.size());
      is_after_block_ = has_calls_;
      return leave_block(output);
    }
    if (kCloseBlock.starts_with(rest) || kOpenCall.starts_with(rest)) return;  // or not yet
    if (!rest.starts_with(kOpenCall)) return leave_block(output);

    const size_t end = block_.find(kCloseCall, n_searched_);
    if (end == std::string::npos) {
      n_searched_ =
          std::max(n_searched_, block_.size() - std::min(block_.size(), kCloseCall.size()));
      return;
    }
    const size_t start = block_.size() - rest.size() + kOpenCall.size();
    auto call = parse_call(std::string_view(block_).substr(start, end - start));
    if (!call) return leave_block(output);
    output.tool_calls.push_back(*std::move(call));
    splitter_.feed(tokens_.think_end);  // the model may have forgotten it
    has_calls_ = true;
    n_read_ = n_searched_ = end + kCloseCall.size();
  }
}

// What has not been read is text, and so is the beginning if nothing has.
void OutputParser::leave_block(Output& output) {
  std::string text = std::exchange(held_, {}) + block_;
  if (has_calls_) text = block_.substr(n_read_);
  is_in_block_ = has_calls_ = false;
  block_.clear();
  n_read_ = n_searched_ = 0;
  add_text(with_marks_written(text), output);
}

}  // namespace widenet::engine
