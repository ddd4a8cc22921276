// Text: the matcher written by hand and ICU cut it alike.
#include <string>
#include <vector>

#include "base/check.h"
#include "base/utf8.h"
#include "engine/text_splitter.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/support/tiny_tokenizer.h"

using widenet::engine::TextSplitter;

namespace {

TextSplitter make(TextSplitter::Path path) {
  std::vector<TextSplitter::Pattern> patterns;
  for (const std::string& text : widenet::test::deepseek_patterns())
    patterns.push_back({text, false});
  return TextSplitter(patterns, path);
}

std::vector<std::string_view> split(const TextSplitter& splitter, std::string_view text) {
  std::vector<std::string_view> pieces;
  splitter.split(text, [&](std::string_view piece) { pieces.push_back(piece); });
  return pieces;
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const TextSplitter by_hand = make(TextSplitter::Path::automatic);
  static const TextSplitter by_icu = make(TextSplitter::Path::icu);
  const std::string text = widenet::to_valid_utf8({reinterpret_cast<const char*>(data), size});
  WN_CHECK(split(by_hand, text) == split(by_icu, text));
  return 0;
}
