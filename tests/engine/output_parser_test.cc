#include "engine/output_parser.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/support/sample_size.h"
#include "tests/support/tokenizers.h"

namespace widenet::engine {
namespace {

using Part = OutputSplitter::Part;
using Special = Tokenizer::SpecialTokens;
using Tokens = std::vector<TokenId>;

const std::string kEnd = "<｜end▁of▁sentence｜>";

// `DSML` stands for its token.
std::string dsml(std::string text) {
  for (size_t at = 0; (at = text.find("DSML", at)) != std::string::npos; at += 10) {
    text.replace(at, 4, "｜DSML｜");
  }
  return text;
}

const std::string kBlock = dsml(
    "\n\n<DSMLtool_calls>\n"
    "<DSMLinvoke name=\"find\">\n"
    "<DSMLparameter name=\"text\" string=\"true\">Straße \"b\"\n</DSMLparameter>\n"
    "<DSMLparameter name=\"limits\" string=\"false\">[1, 2.0]</DSMLparameter>\n"
    "</DSMLinvoke>\n"
    "<DSMLinvoke name=\"stop\">\n\n</DSMLinvoke>\n"
    "</DSMLtool_calls>");
const std::vector<ToolCall> kCalls = {
    {"", "find", R"({"text": "Straße \"b\"\n", "limits": [1, 2.0]})"}, {"", "stop", "{}"}};

struct Parsed {
  std::string reasoning;
  std::string content;
  std::vector<ToolCall> tool_calls;

  void add(const OutputParser::Output& output) {
    reasoning += output.reasoning;
    content += output.content;
    tool_calls.insert(tool_calls.end(), output.tool_calls.begin(), output.tool_calls.end());
  }
  bool operator==(const Parsed&) const = default;
};

bool is_beginning(const Parsed& part, const Parsed& whole) {
  return whole.reasoning.starts_with(part.reasoning) && whole.content.starts_with(part.content) &&
         part.tool_calls.size() <= whole.tool_calls.size() &&
         std::equal(part.tool_calls.begin(), part.tool_calls.end(), whole.tool_calls.begin());
}

const Tokenizer& nano() {
  return *test::find_tokenizer("nano");
}

Parsed parse(std::span<const TokenId> tokens, Thinking thinking, bool has_tools = true) {
  OutputParser parser(nano(), thinking, has_tools);
  Parsed parsed;
  for (const TokenId token : tokens) parsed.add(parser.feed(token));
  parsed.add(parser.finish());
  return parsed;
}

Parsed parse(const std::string& text, Thinking thinking = Thinking::none, bool has_tools = true) {
  return parse(nano().encode(text, Special::recognised), thinking, has_tools);
}

TEST(OutputSplitterTest, OutputIsReasoningThenContentUntilTheEnd) {
  const PromptTokens tokens = PromptTokens::of(nano());
  OutputSplitter splitter(tokens, Thinking::high);
  EXPECT_EQ(splitter.feed('a'), Part::reasoning);
  EXPECT_EQ(splitter.feed(tokens.think_end), std::nullopt);
  EXPECT_EQ(splitter.feed('b'), Part::content);
  EXPECT_EQ(splitter.feed(tokens.eos), Part::end);
  EXPECT_EQ(splitter.feed('c'), Part::end);
}

TEST(OutputSplitterTest, OutputWithoutThinkingIsContent) {
  const PromptTokens tokens = PromptTokens::of(nano());
  OutputSplitter splitter(tokens, Thinking::none);
  EXPECT_EQ(splitter.feed('a'), Part::content);
  EXPECT_EQ(splitter.feed(tokens.think_end), std::nullopt);
  EXPECT_EQ(splitter.feed('b'), Part::content);
}

TEST(OutputParserTest, ReasoningThenContentThenCalls) {
  EXPECT_EQ(parse("hm\n\n</think>Let me see." + kBlock + kEnd + "more", Thinking::high),
            (Parsed{"hm\n\n", "Let me see.", kCalls}));
  EXPECT_EQ(parse("a < b\n\n" + kEnd), (Parsed{"", "a < b\n\n", {}}));
  EXPECT_EQ(parse("", Thinking::high), Parsed{});
}

TEST(OutputParserTest, ThinkEndMayBeForgottenBeforeABlock) {
  EXPECT_EQ(parse("hm" + kBlock + kEnd, Thinking::high), (Parsed{"hm", "", kCalls}));
}

TEST(OutputParserTest, TheBlankLineMayBeForgotten) {
  EXPECT_EQ(parse(kBlock.substr(2)), (Parsed{"", "", kCalls}));
  EXPECT_EQ(parse("a\n" + kBlock.substr(2)), (Parsed{"", "a", kCalls}));
}

TEST(OutputParserTest, ABlockNeedsNoClosingTagAtTheEnd) {
  const std::string tag = dsml("</DSMLtool_calls>");
  for (size_t n = 0; n <= tag.size() + 1; ++n) {
    EXPECT_EQ(parse(kBlock.substr(0, kBlock.size() - n)).tool_calls, kCalls) << n;
  }
  EXPECT_EQ(parse(kBlock.substr(0, kBlock.size() - tag.size()) + kEnd), (Parsed{"", "", kCalls}));
}

TEST(OutputParserTest, WhatFollowsABlockIsContent) {
  std::vector<ToolCall> twice = kCalls;
  twice.insert(twice.end(), kCalls.begin(), kCalls.end());
  EXPECT_EQ(parse("a" + kBlock + "\n\n b" + kBlock), (Parsed{"", "ab", twice}));
}

TEST(OutputParserTest, MalformedBlocksAreContent) {
  const std::string open = dsml("\n\n<DSMLtool_calls>\n"), call = dsml("<DSMLinvoke name=\"f\">\n"),
                    close = dsml("</DSMLinvoke>\n</DSMLtool_calls>");
  const auto parameter = [](const std::string& attributes, const std::string& value) {
    return dsml("<DSMLparameter ") + attributes + ">" + value + dsml("</DSMLparameter>\n");
  };
  const std::string right = parameter("name=\"a\" string=\"true\"", "x");
  for (const std::string& text :
       {open, dsml("\n\n<DSMLtool_calls>\n</DSMLtool_calls>"), open + call, open + call + right,
        dsml("\n\n<DSMLfunction_calls>\n") + call + close, dsml("DSML"), dsml("a DSML <DSML"),
        open + "text" + close, open + dsml("<DSMLinvoke>\n") + close,
        open + dsml("<DSMLinvoke name=\"\">\n") + close, open + call + "text\n" + close,
        open + call + right + right + close, open + call + parameter("name=\"a\"", "x") + close,
        open + call + parameter("name=\"a\" string=\"maybe\"", "x") + close,
        open + call + parameter("name=\"a\" string=\"false\"", "x") + close,
        open + call + parameter("name=\"a\" string=\"false\"", "1, \"b\": 2") + close}) {
    EXPECT_EQ(parse(text), (Parsed{"", text, {}})) << text;
  }
  EXPECT_EQ(parse(open + call + right + close).tool_calls,
            (std::vector<ToolCall>{{"", "f", R"({"a": "x"})"}}));
}

TEST(OutputParserTest, FromTheLastWholeCallOnAMalformedBlockIsContent) {
  const std::string broken = dsml("\n<DSMLinvoke name=\"f\">\noops");
  const std::string start = kBlock.substr(0, kBlock.find(dsml("\n</DSMLtool_calls>")));
  EXPECT_EQ(parse("a" + start + broken), (Parsed{"", "a" + broken, kCalls}));
}

TEST(OutputParserTest, OnlyTheSpecialTokenMakesATag) {
  const auto quoted = nano().encode(kBlock);
  EXPECT_EQ(parse(quoted, Thinking::none), (Parsed{"", kBlock, {}}));
}

TEST(OutputParserTest, WithoutToolsBlocksAreContent) {
  EXPECT_EQ(parse("a" + kBlock, Thinking::none, false), (Parsed{"", "a" + kBlock, {}}));
}

TEST(OutputParserTest, WhatMayBeginABlockIsHeldBack) {
  OutputParser parser(nano(), Thinking::none, true);
  Parsed parsed;
  for (const TokenId token : nano().encode("a\n\n\n<")) parsed.add(parser.feed(token));
  EXPECT_EQ(parsed.content, "a\n");
  parsed.add(parser.finish());
  EXPECT_EQ(parsed.content, "a\n\n\n<");
}

// At every token what came out is a beginning of what comes out in all, however the text is cut
// into tokens.
TEST(OutputParserTest, NothingIsTakenBackAtAnyCut) {
  const std::string text = "I \u2014 hm\n\n<</think>So:" + kBlock + " done" + kEnd;
  const Parsed whole = {"I \u2014 hm\n\n<", "So:done", kCalls};
  const Tokens merged = nano().encode(text, Special::recognised);
  Tokens bytes;
  for (const TokenId token : merged) {
    if (nano().is_special(token)) {
      bytes.push_back(token);
      continue;
    }
    for (const char c : nano().bytes_of(token)) {
      bytes.push_back(nano().encode(std::string(1, c)).at(0));
    }
  }
  ASSERT_GT(bytes.size(), merged.size());
  for (const Tokens& tokens : {merged, bytes}) {
    EXPECT_EQ(parse(tokens, Thinking::high), whole);
    for (size_t cut = 0; cut <= tokens.size(); ++cut) {
      OutputParser parser(nano(), Thinking::high, true);
      Parsed before;
      for (size_t i = 0; i < cut; ++i) before.add(parser.feed(tokens[i]));
      EXPECT_TRUE(is_beginning(before, whole)) << cut;
    }
  }
}

std::string random_text(std::mt19937& random) {
  static const std::vector<std::string> pieces = {
      "a",         "\n", "<",    ">",      "\"",     "\\",
      "｜DSML｜",  "é",  "</",   "\t",     "{\"b\"", "\n\n<",
      "parameter", "😀",  "[1, ", "invoke", "\u2028", " string=\"true\">"};
  std::string text;
  for (size_t n = random() % 6; n > 0; --n) text += pieces[random() % pieces.size()];
  return text;
}

// What the encoder writes the parser reads.
TEST(OutputParserTest, EncodedCallsComeBack) {
  const PromptEncoder encoder(nano());
  std::mt19937 random(17);
  for (int i = 0; i < test::sample_size(200, 2000); ++i) {
    Message message = {.role = Role::assistant, .content = "x" + random_text(random) + "x"};
    for (size_t n = random() % 3; n > 0; --n) {
      std::string arguments;
      for (size_t k = random() % 4; k > 0; --k) {
        const std::string value = random() % 2 == 0 ? json_string(random_text(random))
                                  : random() % 2 == 0
                                      ? "[1.5, {\"k\": " + json_string(random_text(random)) + "}]"
                                      : "null";
        arguments += (arguments.empty() ? "\"k" : ", \"k") + std::to_string(k) + "\": " + value;
      }
      message.tool_calls.push_back({"", "call_" + std::to_string(n), "{" + arguments + "}"});
    }
    const Tokens tokens = encoder.encode({&message, 1}, Thinking::none);
    const Parsed wanted = {"", std::get<std::string>(message.content), message.tool_calls};
    EXPECT_EQ(parse(std::span(tokens).subspan(1), Thinking::none), wanted) << "sample " << i;
  }
}

// Any tokens: nothing is taken back, arguments are JSON, and what calls nothing is text.
TEST(OutputParserTest, RandomTokensLoseNothing) {
  const Tokens pieces = nano().encode(
      dsml("\n\n<DSMLtool_calls>\n<DSMLinvoke name=\"f\">\n<DSMLparameter name=\"a\" "
           "string=\"false\">1</DSMLparameter>\n</DSMLinvoke>\n</DSMLtool_calls>\n\n"),
      Special::recognised);
  std::mt19937 random(18);
  for (int i = 0; i < test::sample_size(500, 5000); ++i) {
    Tokens tokens;
    while (tokens.size() < 60) {
      const size_t start = random() % pieces.size();
      const size_t n = std::min(pieces.size() - start, size_t{random() % 30 + 1});
      tokens.insert(tokens.end(), pieces.begin() + static_cast<int64_t>(start),
                    pieces.begin() + static_cast<int64_t>(start + n));
    }
    const Parsed whole = parse(tokens, Thinking::none);
    OutputParser parser(nano(), Thinking::none, true);
    Parsed before;
    for (const TokenId token : tokens) {
      before.add(parser.feed(token));
      ASSERT_TRUE(is_beginning(before, whole)) << "sample " << i;
    }
    for (const ToolCall& call : whole.tool_calls) EXPECT_TRUE(JsonValue::parse(call.arguments));
    if (whole.tool_calls.empty()) {
      EXPECT_EQ(whole.content, nano().decode(tokens));
    }
  }
}

}  // namespace
}  // namespace widenet::engine
