#include "engine/prompt_encoding.h"

#include "base/file.h"
#include "base/utf8.h"

namespace widenet::engine {
namespace {

constexpr size_t kEncoderBytesMax = size_t{4} << 20;

// Reads the value of a Python expression that is nothing but string literals, possibly in
// parentheses: enough to take a constant out of a source file without running it.
class PythonStrings {
 public:
  PythonStrings(std::string_view source, size_t at) : source_(source), at_(at) {}

  // Nothing if there is no literal, or one that does not end.
  std::optional<std::string> read() {
    skip_blanks();
    if (peek() == '(') ++at_;
    std::string text;
    int n_literals = 0;
    for (skip_blanks(); peek() == '"' || peek() == '\''; skip_blanks()) {
      if (!read_literal(text)) return {};
      ++n_literals;
    }
    if (n_literals == 0) return {};
    return text;
  }

 private:
  char peek() const { return at_ < source_.size() ? source_[at_] : '\0'; }

  void skip_blanks() {
    while (at_ < source_.size() && std::string_view(" \t\r\n\\").find(peek()) != source_.npos)
      ++at_;
  }

  bool read_literal(std::string& text) {
    const std::string triple(3, peek());
    const bool is_triple = source_.substr(at_, 3) == triple;
    const std::string close = is_triple ? triple : triple.substr(0, 1);
    at_ += close.size();
    while (at_ < source_.size()) {
      if (source_.substr(at_, close.size()) == close) {
        at_ += close.size();
        return true;
      }
      if (peek() == '\n' && !is_triple) return false;
      if (peek() == '\\') {
        ++at_;
        read_escape(text);
      } else {
        text += source_[at_++];
      }
    }
    return false;
  }

  void read_escape(std::string& text) {
    const char c = peek();
    ++at_;
    switch (c) {
      case 'n':
        text += '\n';
        break;
      case 't':
        text += '\t';
        break;
      case 'r':
        text += '\r';
        break;
      case '\n':
        break;  // a line continued
      case 'u':
        read_code_point(text, 4);
        break;
      case 'U':
        read_code_point(text, 8);
        break;
      default:
        text += c;  // a quote or a backslash
    }
  }

  void read_code_point(std::string& text, size_t n_digits) {
    char32_t code = 0;
    for (size_t i = 0; i < n_digits; ++i, ++at_) {
      const size_t digit =
          std::string_view("0123456789abcdef").find(static_cast<char>(peek() | 0x20));
      if (digit == std::string_view::npos) break;
      code = code << 4 | static_cast<char32_t>(digit);
    }
    append_utf8(text, code);
  }

  const std::string_view source_;
  size_t at_;
};

// Behind the first `text` from `from` on.
std::optional<size_t> behind(std::string_view source, std::string_view text, size_t from) {
  const size_t at = source.find(text, from);
  if (at == std::string_view::npos) return {};
  return at + text.size();
}

// In the first encoder the constant REASONING_EFFORT_MAX; in the later one the entry "max" of the
// table REASONING_EFFORT_PROMPTS.
std::optional<std::string> find_effort_max(std::string_view source) {
  if (const auto name = behind(source, "\nREASONING_EFFORT_MAX", 0)) {
    if (const auto value = behind(source, "=", *name)) return PythonStrings(source, *value).read();
  }
  if (const auto table = behind(source, "\nREASONING_EFFORT_PROMPTS", 0)) {
    const auto key = behind(source, "\"max\"", *table);
    const auto value = key ? behind(source, ":", *key) : key;
    if (value) return PythonStrings(source, *value).read();
  }
  return {};
}

void append(std::vector<TokenId>& prompt, const std::vector<TokenId>& tokens) {
  prompt.insert(prompt.end(), tokens.begin(), tokens.end());
}

// The index of the last user message; -1 if there is none.
int64_t last_user(std::span<const Message> messages) {
  auto i = static_cast<int64_t>(messages.size()) - 1;
  while (i >= 0 && messages[static_cast<size_t>(i)].role != Role::user) --i;
  return i;
}

}  // namespace

PromptTokens PromptTokens::of(const Tokenizer& tokenizer) {
  const auto find = [&](std::string_view content) {
    const std::optional<TokenId> token = tokenizer.special_token(content);
    if (!token) {
      throw ModelError("cannot encode prompts: the tokenizer has no special token \"" +
                       std::string(content) + "\" (is this a DeepSeek-V4 tokenizer.json?)");
    }
    return *token;
  };
  return {.bos = find("<｜begin▁of▁sentence｜>"),
          .eos = find("<｜end▁of▁sentence｜>"),
          .user = find("<｜User｜>"),
          .assistant = find("<｜Assistant｜>"),
          .think_start = find("<think>"),
          .think_end = find("</think>")};
}

PromptEncoder::PromptEncoder(const Tokenizer& tokenizer,
                             const std::optional<std::string>& effort_max)
    : tokens_(PromptTokens::of(tokenizer)) {
  if (effort_max) effort_max_ = tokenizer.encode(*effort_max);
}

std::vector<TokenId> PromptEncoder::encode(std::span<const Message> messages,
                                           Thinking thinking) const {
  std::vector<TokenId> prompt = {tokens_.bos};
  if (thinking == Thinking::max) {
    if (!effort_max_) {
      throw ModelError(
          "cannot think at \"max\": the checkpoint has no encoding/encoding_dsv4.py with the text "
          "that asks for it; use \"high\"");
    }
    append(prompt, *effort_max_);
  }
  const int64_t last = last_user(messages);
  for (size_t i = 0; i < messages.size(); ++i) {
    const Message& message = messages[i];
    const bool thinks_here = thinking != Thinking::none && static_cast<int64_t>(i) >= last;
    if (message.role == Role::user) prompt.push_back(tokens_.user);
    if (message.role == Role::assistant && thinks_here) {
      append(prompt, message.reasoning);
      prompt.push_back(tokens_.think_end);
    }
    append(prompt, message.content);
    if (message.role == Role::assistant) prompt.push_back(tokens_.eos);

    const bool is_answered = i + 1 == messages.size() || messages[i + 1].role == Role::assistant;
    if (message.role == Role::user && is_answered) {
      prompt.push_back(tokens_.assistant);
      prompt.push_back(thinks_here ? tokens_.think_start : tokens_.think_end);
    }
  }
  return prompt;
}

std::vector<TokenId> encode_messages(const Tokenizer& tokenizer,
                                     std::span<const Message> messages,
                                     Thinking thinking) {
  return PromptEncoder(tokenizer).encode(messages, thinking);
}

std::optional<std::string> read_effort_max_text(const std::filesystem::path& model_dir) {
  const auto file = model_dir / "encoding" / "encoding_dsv4.py";
  if (!std::filesystem::exists(file)) return {};
  return find_effort_max("\n" + read_file(file, kEncoderBytesMax));
}

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

}  // namespace widenet::engine
