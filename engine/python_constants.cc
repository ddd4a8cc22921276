// A reader of Python string literals, and of templates for str.format.
#include "engine/python_constants.h"

#include <algorithm>

#include "base/utf8.h"

namespace widenet::engine {
namespace {

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Reads literals, from a place in the source on.
class Reader {
 public:
  Reader(std::string_view source, size_t at) : source_(source), at_(at) {}

  // String literals side by side, possibly in parentheses.  Inside brackets lines do not end.
  std::optional<std::string> read_strings(bool is_in_brackets) {
    int n_open = 0;
    const auto skip = [&] { skip_blanks(is_in_brackets || n_open > 0); };
    for (skip(); take('('); skip()) ++n_open;
    std::string text;
    bool has_literal = false;
    for (; peek() == '"' || peek() == '\''; skip()) {
      if (!read_literal(text)) return {};
      has_literal = true;
    }
    for (; n_open > 0 && take(')'); skip()) --n_open;
    const bool is_whole =
        at_ >= source_.size() || std::string_view("\n\r,:}").find(peek()) != std::string_view::npos;
    if (!has_literal || n_open > 0 || !is_whole) return {};
    return text;
  }

  std::optional<std::string> read_entry(std::string_view key) {
    skip_blanks(false);
    if (!take('{')) return {};
    while (true) {
      skip_blanks(true);
      const auto name = read_strings(true);
      if (!name || !take(':')) return {};
      auto value = read_strings(true);
      if (!value || *name == key) return value;
      if (!take(',')) return {};
    }
  }

 private:
  char peek() const { return at_ < source_.size() ? source_[at_] : '\0'; }

  bool take(char c) {
    if (at_ >= source_.size() || source_[at_] != c) return false;
    ++at_;
    return true;
  }

  // Blanks, comments and, if `newlines_too`, ends of lines.
  void skip_blanks(bool newlines_too) {
    while (at_ < source_.size()) {
      const char c = source_[at_];
      if (c == '#') {
        at_ = std::min(source_.find('\n', at_), source_.size());
      } else if (c == '\\' && source_.substr(at_ + 1).starts_with('\n')) {
        at_ += 2;
      } else if (c == ' ' || c == '\t' || (newlines_too && (c == '\n' || c == '\r'))) {
        ++at_;
      } else {
        return;
      }
    }
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
      case 'x':
        read_code_point(text, 2);
        break;
      default:
        if (c != '"' && c != '\'' && c != '\\') text += '\\';  // as Python leaves it
        text += c;
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

// Behind the `=` of the first line that assigns to `name`.
std::optional<size_t> find_assignment(std::string_view source, std::string_view name) {
  for (size_t line = 0; line < source.size();) {
    const size_t end = std::min(source.find('\n', line), source.size());
    const std::string_view text = source.substr(line, end - line);
    const size_t equals = text.find('=');
    const bool is_it = text.starts_with(name) && equals != std::string_view::npos &&
                       !is_name_char(text[name.size()]) && !text.substr(equals).starts_with("==");
    if (is_it) return line + equals + 1;
    line = end + 1;
  }
  return {};
}

}  // namespace

std::optional<std::string> python_string(std::string_view source, std::string_view name) {
  const auto value = find_assignment(source, name);
  if (!value) return {};
  return Reader(source, *value).read_strings(false);
}

std::optional<std::string> python_table_entry(std::string_view source,
                                              std::string_view name,
                                              std::string_view key) {
  const auto value = find_assignment(source, name);
  if (!value) return {};
  return Reader(source, *value).read_entry(key);
}

bool format_like_python(std::string_view text,
                        const std::function<void(std::string_view text)>& on_text,
                        const std::function<void(std::string_view name)>& on_placeholder) {
  while (!text.empty()) {
    const size_t brace = std::min(text.find_first_of("{}"), text.size());
    if (brace > 0) on_text(text.substr(0, brace));
    text.remove_prefix(brace);
    if (text.empty()) return true;
    if (text.starts_with("{{") || text.starts_with("}}")) {
      on_text(text.substr(0, 1));
      text.remove_prefix(2);
      continue;
    }
    const size_t close = text.find('}');
    if (text[0] == '}' || close == std::string_view::npos) return false;
    on_placeholder(text.substr(1, close - 1));
    text.remove_prefix(close + 1);
  }
  return true;
}

}  // namespace widenet::engine
