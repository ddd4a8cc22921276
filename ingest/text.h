// Text on its way to being canonical: decoding of foreign charsets, and the builder that every
// parser writes into.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace widenet::ingest {

struct DecodedText {
  std::string text;     // valid UTF-8, otherwise as it came
  std::string charset;  // IANA or ICU name of what was decoded
  bool guessed = false;
};

// A byte order mark decides, else UTF-16's or UTF-32's pattern, else well-formed UTF-8, else
// `declared` (a charset's name; may be empty or unknown), else what is likely (ingest/charset.h).
DecodedText decode_text(std::string_view bytes, std::string_view declared = {});

// The charset that HTML or XML declares at its head; empty if it does not.
std::string declared_charset(std::string_view bytes);

// The bytes in a charset that is certain, ill-formed ones as U+FFFD; nothing if it is unknown.
std::optional<std::string> decoded_as(std::string_view bytes, const std::string& charset);

// Whether decoded text has so many control characters that it is no text at all.
bool looks_binary(std::string_view text);

struct CharRange {
  int64_t start_char = 0;
  int64_t end_char = 0;
};

// Collects canonical text (ingest/document.h says what that is).  Newlines and blanks wait until
// something visible follows, so that ends of lines and of the text stay clean.
class TextBuilder {
 public:
  // Appends valid UTF-8; returns where its visible part went (an empty range if there is none).
  CharRange add(std::string_view text);

  // Sets the next word apart; nothing at a line's start or after a blank.
  void blank() {
    if (!at_line_start() && blanks_.empty()) blanks_ = " ";
  }
  // Ends the line, or the paragraph, if one has begun.
  void end_line() { end_lines(1); }
  void end_paragraph() { end_lines(2); }

  bool at_line_start() const { return text_.empty() || newlines_ > 0; }
  int64_t n_chars() const { return n_chars_; }
  int64_t n_bytes() const { return static_cast<int64_t>(text_.size()); }
  const std::string& text() const { return text_; }
  std::string take() { return std::move(text_); }

 private:
  void add_visible(std::string_view character);
  void end_lines(int count) {
    newlines_ = std::max(newlines_, count);
    blanks_.clear();
  }

  std::string text_;
  std::string blanks_;
  int newlines_ = 0;
  int64_t n_chars_ = 0;
};

std::string canonical_text(std::string_view text);
bool is_canonical(std::string_view text);

// One line of at most kTitleCharsMax characters: blanks and newlines collapsed, ends trimmed.
std::string one_line(std::string_view text);

// Canonical text as one line of any length: a newline becomes a blank.
std::string flattened(std::string_view text);

// "a | b | c": a row of a table inside other text; empty if all of its cells are.
std::string row_line(const std::vector<std::string>& cells);

// The number that the whole text is; none for an empty one.
template <typename T>
std::optional<T> number_from(std::string_view text) {
  T number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_number = error == std::errc() && end == text.data() + text.size();
  return is_number ? std::optional<T>(number) : std::nullopt;
}

// Without blanks and newlines at the ends.
std::string_view trimmed(std::string_view text);

// ASCII letters lowered.
std::string lowered(std::string_view text);

// The part of a file name before its last dot, and the lowered part behind it.
std::string_view stem_of(std::string_view name);
std::string extension_of(std::string_view name);

}  // namespace widenet::ingest
