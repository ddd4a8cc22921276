#include "base/utf8.h"

#include <algorithm>

namespace widenet {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

uint8_t byte_at(std::string_view text, size_t i) {
  return static_cast<uint8_t>(text[i]);
}

bool is_continuation(uint8_t byte) {
  return (byte & 0xC0) == 0x80;
}

// Reads the sequence at `at`: its length if well formed; otherwise `valid` is false and the length
// is that of the maximal subpart to be replaced.
size_t sequence_length(std::string_view text, size_t at, bool& valid) {
  const uint8_t lead = byte_at(text, at);
  valid = true;
  if (lead < 0x80) return 1;
  size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4) {
    valid = false;
    return 1;
  }
  // The second byte has a narrower range after four leads: overlong forms, surrogates, the end.
  const uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  for (size_t i = 1; i < length; ++i) {
    const bool there = at + i < text.size();
    const uint8_t byte = there ? byte_at(text, at + i) : 0;
    const bool fits = there && (i == 1 ? low <= byte && byte <= high : is_continuation(byte));
    if (!fits) {
      valid = false;
      return i;
    }
  }
  return length;
}

}  // namespace

bool is_valid_utf8(std::string_view text) {
  bool valid = true;
  for (size_t at = 0; at < text.size() && valid;) at += sequence_length(text, at, valid);
  return valid;
}

std::string to_valid_utf8(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  for (size_t at = 0; at < bytes.size();) {
    bool valid = true;
    const size_t length = sequence_length(bytes, at, valid);
    text += valid ? bytes.substr(at, length) : kReplacement;
    at += length;
  }
  return text;
}

int64_t count_chars(std::string_view text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return !is_continuation(static_cast<uint8_t>(c)); });
}

size_t byte_of_char(std::string_view text, int64_t n) {
  size_t at = 0;
  while (at < text.size()) {
    if (!is_continuation(byte_at(text, at)) && n-- <= 0) break;
    ++at;
  }
  return at;
}

std::string_view slice_chars(std::string_view text, int64_t start, int64_t end) {
  start = std::max<int64_t>(start, 0);
  if (end <= start) return {};
  text.remove_prefix(byte_of_char(text, start));
  return text.substr(0, byte_of_char(text, end - start));
}

void append_utf8(std::string& text, char32_t c) {
  if (c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) c = 0xFFFD;
  const auto push = [&](char32_t byte) { text += static_cast<char>(byte); };
  if (c < 0x80) {
    push(c);
  } else if (c < 0x800) {
    push(0xC0 | c >> 6), push(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    push(0xE0 | c >> 12), push(0x80 | (c >> 6 & 0x3F)), push(0x80 | (c & 0x3F));
  } else {
    push(0xF0 | c >> 18), push(0x80 | (c >> 12 & 0x3F)), push(0x80 | (c >> 6 & 0x3F));
    push(0x80 | (c & 0x3F));
  }
}

}  // namespace widenet
