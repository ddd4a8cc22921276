// UTF-8: the one encoding of text here.  A *character* is a Unicode code point, and every position
// that leaves the program (citations, chunks, pages) counts characters; bytes stay inside.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace widenet {

// Well-formed per Unicode 15 table 3-7: no overlong forms, surrogates or values above U+10FFFF.
bool is_valid_utf8(std::string_view text);

// Every ill-formed sequence becomes U+FFFD (one for each maximal subpart).
std::string to_valid_utf8(std::string_view bytes);

// The functions below want valid UTF-8.
int64_t count_chars(std::string_view text);

// The byte offset of the n-th character; text.size() if there are no more than n.
size_t byte_of_char(std::string_view text, int64_t n);

// Characters [start, end) of text, clamped to it.
std::string_view slice_chars(std::string_view text, int64_t start, int64_t end);

// Appends the encoding of one code point; a surrogate or a value out of range becomes U+FFFD.
void append_utf8(std::string& text, char32_t code_point);

}  // namespace widenet
