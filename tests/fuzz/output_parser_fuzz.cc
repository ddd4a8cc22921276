// The model's output: any tokens give reasoning, content and calls whose arguments are JSON, and
// where nothing is called no text is lost.
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/utf8.h"
#include "engine/output_parser.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/support/tiny_tokenizer.h"

using namespace widenet::engine;

namespace {

Tokenizer make_tokenizer() {
  nlohmann::json json = widenet::test::tiny_tokenizer_json();
  nlohmann::json dsml = json["added_tokens"].back();
  dsml["id"] = dsml["id"].get<int>() + 1;
  dsml["content"] = "｜DSML｜";
  json["added_tokens"].push_back(dsml);
  return Tokenizer::parse(json.dump(), "tokenizer.json");
}

}  // namespace

// Bytes are tokens; those that UTF-8 does not have are the special ones.
int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Tokenizer tokenizer = make_tokenizer();
  static const PromptTokens special = PromptTokens::of(tokenizer);
  for (const Thinking thinking : {Thinking::none, Thinking::high}) {
    OutputParser parser(tokenizer, thinking, true);
    std::string text;
    std::vector<ToolCall> calls;
    std::vector<TokenId> tokens;
    const auto add = [&](const OutputParser::Output& output) {
      text += output.reasoning + output.content;
      calls.insert(calls.end(), output.tool_calls.begin(), output.tool_calls.end());
    };
    bool has_marks = false;
    for (size_t i = 0; i < size; ++i) {
      const TokenId token = data[i] == 0xff   ? special.dsml.value()
                            : data[i] == 0xfe ? special.think_end
                            : data[i] == 0xfd ? special.eos
                                              : TokenId{data[i]};
      has_marks = has_marks || token == special.think_end || token == special.eos;
      tokens.push_back(token);
      add(parser.feed(token));
    }
    add(parser.finish());
    WN_CHECK(widenet::is_valid_utf8(text));
    for (const ToolCall& call : calls) {
      const auto arguments = JsonValue::parse(call.arguments);
      WN_CHECK(!call.name.empty() && arguments && arguments->kind() == JsonValue::Kind::object);
    }
    const std::string all = widenet::to_valid_utf8(tokenizer.decode(tokens));
    if (calls.empty() && !has_marks) WN_CHECK(text == all);
  }
  return 0;
}
