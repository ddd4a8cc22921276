// widenet tokenize: lines in, lines out.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/cli/program.h"

namespace widenet::testing {
namespace {

const std::string kNano = WN_SOURCE_DIR "/models/nano/tokenizer.json";

// `widenet-engine tokenize ARGUMENTS` with `input` on stdin.
Outcome tokenize(const std::string& arguments, const std::string& input) {
  const ScratchDirectory directory;
  directory.write("input", input);
  return run_program(
      "/bin/sh", {"-c", "\"" WN_BINARY_DIR "/widenet-engine\" tokenize " + arguments + " < input"},
      directory.path());
}

TEST(TokenizeTest, LinesOfTextBecomeLinesOfIds) {
  const Outcome outcome =
      tokenize("--tokenizer '" + kNano + "'", "{\"text\": \"\"}\n{\"text\": \"000\"}");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out.rfind("{\"ids\":[]}\n{\"ids\":[", 0), 0U) << outcome.out;
  EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 2);
}

TEST(TokenizeTest, SpecialTokensAreTextUnlessAskedFor) {
  const std::string line = "{\"text\": \"<think></think>\"}\n";
  EXPECT_NE(tokenize("--tokenizer '" + kNano + "'", line).out, "{\"ids\":[4,5]}\n");
  EXPECT_EQ(tokenize("--special --tokenizer '" + kNano + "'", line).out, "{\"ids\":[4,5]}\n");
}

TEST(TokenizeTest, BadLineIsNamedAndFails) {
  for (const char* line : {"7", "{}", "{\"text\": 7}", "text", "{\"text\": \"\\ud800\"}"}) {
    const Outcome outcome =
        tokenize("--tokenizer '" + kNano + "'", "{\"text\": \"ok\"}\n" + std::string(line) + "\n");
    EXPECT_EQ(outcome.exit_code, 1) << line;
    EXPECT_EQ(outcome.err.rfind("widenet: cannot tokenize line 2 of stdin", 0), 0U) << outcome.err;
  }
}

TEST(TokenizeTest, WithoutATokenizerItIsWrongUsageOrFailure) {
  EXPECT_EQ(tokenize("", "").exit_code, 2);
  EXPECT_EQ(tokenize("--tokenizer /nonexistent.json", "").exit_code, 1);
}

}  // namespace
}  // namespace widenet::testing
