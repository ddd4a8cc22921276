// tokenizer.json: any bytes give a tokenizer that returns every text, or a ModelError.
#include <string>

#include "base/check.h"
#include "engine/tokenizer.h"
#include "tests/fuzz/fuzz_target.h"

using namespace widenet::engine;
using namespace std::string_literals;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::string text =
      "It's 12345 <think> caf\u00e9s\n\n  \u6771\u4eac\xff \0 aaaaaaaaaa"s;
  try {
    const Tokenizer tokenizer =
        Tokenizer::parse({reinterpret_cast<const char*>(data), size}, "tokenizer.json");
    for (const auto special :
         {Tokenizer::SpecialTokens::as_text, Tokenizer::SpecialTokens::recognised}) {
      const auto tokens = tokenizer.encode(text, special);
      WN_CHECK(tokenizer.decode(tokens) == text);
      if (special == Tokenizer::SpecialTokens::recognised) continue;
      for (const TokenId token : tokens) WN_CHECK(!tokenizer.is_special(token));
    }
  } catch (const ModelError&) {
  }
  return 0;
}
