#include "answer/quote_text.h"

namespace widenet::answer {
namespace {

// Letters and digits of scripts that separate words; so not those of East Asia.
bool is_word(char32_t c) {
  if (c < 0x80) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
  }
  return c >= 0xC0 && c < 0x2E80 && c != 0xD7 && c != 0xF7 && !(c >= 0x2000 && c < 0x2C00);
}

}  // namespace

std::vector<Stretch> stretches_of(std::span<const PromptDocument> documents) {
  std::vector<Stretch> stretches;
  for (const PromptDocument& document : documents) {
    int64_t previous_end = -1;
    for (const PromptPassage& passage : document.passages) {
      if (passage.start_char != previous_end) {
        stretches.push_back({document.id, document.title, passage.start_char, {}});
      }
      stretches.back().text += code_points(passage.text);
      previous_end = passage.end_char;
    }
  }
  return stretches;
}

std::u32string code_points(std::string_view text) {
  std::u32string points;
  points.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const auto lead = static_cast<uint8_t>(text[at]);
    const size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    char32_t point = length == 1 ? lead : lead & (0x7F >> length);
    for (size_t i = 1; i < length && at + i < text.size(); ++i) {
      point = point << 6 | (static_cast<uint8_t>(text[at + i]) & 0x3F);
    }
    points += point;
    at += length;
  }
  return points;
}

bool counts_for_nothing(char32_t c) {
  return c <= 0x20 || c == 0x85 || c == 0xA0 || c == 0xAD || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200F) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x2060 || c == 0x3000 || c == 0xFEFF;
}

bool is_within_word(const std::u32string& text, size_t at) {
  return at > 0 && at < text.size() && is_word(text[at - 1]) && is_word(text[at]);
}

}  // namespace widenet::answer
