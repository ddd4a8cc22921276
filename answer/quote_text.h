// The text that quotes are taken from: what of it counts when a quote is compared, and where words
// begin and end.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "answer/prompt.h"

namespace widenet::answer {

// Passages of one document that touch, as one text: a quote lies within one stretch.
struct Stretch {
  store::DocumentId document = 0;
  std::string title;
  int64_t start_char = 0;  // in the document
  std::u32string text;
};

// In the order of the prompt.
std::vector<Stretch> stretches_of(std::span<const PromptDocument> documents);

// Of valid UTF-8.
std::u32string code_points(std::string_view text);

// Blanks, and what is not seen: soft hyphens, zero-width characters, byte-order marks.
bool counts_for_nothing(char32_t c);

// Whether a word goes on from the character before: a quote begins or ends nowhere within one.
bool is_within_word(const std::u32string& text, size_t at);

// A quote of fewer characters that count is none.
inline constexpr size_t kQuoteCharsMin = 3;

}  // namespace widenet::answer
