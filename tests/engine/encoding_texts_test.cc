#include "engine/encoding_texts.h"

#include <gtest/gtest.h>

#include "engine/python_constants.h"
#include "tests/support/encoding_file.h"
#include "tests/support/temporary_directory.h"

namespace widenet::engine {
namespace {

TEST(PythonConstantsTest, StringsAreReadAsTheyAreWritten) {
  EXPECT_EQ(
      python_string("import x\nA = (\n  \"One.\\n\"  # first\n  'Two \\'2\\'\\u2014'\n)\n", "A"),
      "One.\nTwo '2'\u2014");
  EXPECT_EQ(python_string("A: str = \"\"\"a\n\"b\"\n\"\"\"\n", "A"), "a\n\"b\"\n");
  EXPECT_EQ(python_string("A = 'a' \\\n  'b'\n'c'\n", "A"),
            "ab");  // the docstring is not part of it
  EXPECT_EQ(python_string("A = ((\"a\"))", "A"), "a");
  EXPECT_EQ(python_string("A = \"line\\\n goes on\"", "A"), "line goes on");
  EXPECT_EQ(python_string("A = '\\x41\\U0001f600\\\\\\d\\t'", "A"), "A\U0001F600\\\\d\t");
  EXPECT_EQ(python_string("A_MORE = 'x'\nA == 'y'\nA = 'z'\r\n", "A"), "z");
}

TEST(PythonConstantsTest, WhatIsMoreThanStringsIsNothing) {
  for (const char* source :
       {"", "A", "A = 7\n", "A = \"open\nx", "A = \"open\\", "A = 'x' + y", "A = f'x'", "A = ('x'",
        "A = ('x' + 'y')\n", "A = 'x'.upper()\n", " A = 'indented'\n", "A = x\n", "B = 'x'\n"}) {
    EXPECT_EQ(python_string(source, "A"), std::nullopt) << source;
  }
}

TEST(PythonConstantsTest, TablesAreReadByKey) {
  const std::string source =
      "T: Dict[str, str] = {\n 'low': '',\n \"high\": (\"h1 \"\n \"h2\"),\n 'max': \"max: {\", }\n";
  EXPECT_EQ(python_table_entry(source, "T", "low"), "");
  EXPECT_EQ(python_table_entry(source, "T", "high"), "h1 h2");
  EXPECT_EQ(python_table_entry(source, "T", "max"), "max: {");
  EXPECT_EQ(python_table_entry(source, "T", "other"), std::nullopt);
  EXPECT_EQ(python_table_entry("T = {}", "T", "a"), std::nullopt);
  EXPECT_EQ(python_table_entry("T = {'a': 1, 'b': 'x'}", "T", "b"), std::nullopt);
  EXPECT_EQ(python_table_entry("T = {'a': 'x'", "T", "b"), std::nullopt);
  EXPECT_EQ(python_table_entry("T = 'a'", "T", "a"), std::nullopt);
}

TEST(PythonConstantsTest, TemplatesAreCutAtTheirPlaceholders) {
  const auto cut = [](std::string_view text) {
    std::string parts;
    const bool is_whole = format_like_python(
        text, [&](std::string_view part) { parts += part; },
        [&](std::string_view name) { parts += "<" + std::string(name) + ">"; });
    return is_whole ? parts : "bad";
  };
  EXPECT_EQ(cut("a {b}{c} {{d}} e"), "a <b><c> {d} e");
  EXPECT_EQ(cut(""), "");
  EXPECT_EQ(cut("{{}}"), "{}");
  EXPECT_EQ(cut("{"), "bad");
  EXPECT_EQ(cut("a } b"), "bad");
  EXPECT_EQ(cut("a {b"), "bad");
}

TEST(EncodingTextsTest, AreReadOutOfTheCheckpointsFile) {
  const test::TemporaryDirectory dir;
  test::write_encoding_file(dir.path());
  const EncodingTexts texts = read_encoding_texts(dir.path());
  EXPECT_EQ(texts.tools->substr(0, 18), "# Things to call\n\n");
  EXPECT_TRUE(texts.tools->ends_with("That is all.\n"));
  EXPECT_EQ(texts.response_format, "# Shape\n\nReply as {schema}");
  EXPECT_EQ(texts.effort_low, "");
  EXPECT_EQ(texts.effort_high, "Think well.\nThen again.\n\n");
  EXPECT_EQ(texts.effort_max, "Think \u2014 for ever.\n\n");
}

TEST(EncodingTextsTest, TheFirstEncoderHasMaximumEffortAlone) {
  const test::TemporaryDirectory dir;
  test::write_encoding_file(dir.path(),
                            "REASONING_EFFORT_MAX = (\n  \"All.\\n\"\n)\n\"\"\"Doc.\"\"\"\n");
  const EncodingTexts texts = read_encoding_texts(dir.path());
  EXPECT_EQ(texts.effort_max, "All.\n");
  EXPECT_EQ(texts.effort_high, std::nullopt);
  EXPECT_EQ(texts.tools, std::nullopt);
}

TEST(EncodingTextsTest, WithoutTheFileThereAreNone) {
  const EncodingTexts texts = read_encoding_texts("/nonexistent");
  EXPECT_FALSE(texts.tools || texts.response_format || texts.effort_low || texts.effort_high ||
               texts.effort_max);
}

}  // namespace
}  // namespace widenet::engine
