// RTF: what is text in it, and what hostile groups do.
#include <gtest/gtest.h>

#include <string>

#include "ingest/extract.h"
#include "tests/ingest/parse.h"

namespace widenet::ingest {
namespace {

std::string rtf(const std::string& body) {
  return text_of("rtf", "{\\rtf1\\ansi\\ansicpg1252 " + body + "}");
}

TEST(RtfTest, UnicodeSkipsWhatStandsForIt) {
  EXPECT_EQ(rtf(R"(\uc1 caf\u233?s)"), "cafés");
  EXPECT_EQ(rtf(R"(\uc2 a\u8364\'80\'80b)"), "a€b");
  EXPECT_EQ(rtf(R"(\uc0 a\u8364 b)"), "a€b");
  EXPECT_EQ(rtf(R"({\uc0 \u945 }\u946?c)"), "αβc") << "a group's \\uc ends with it";
  EXPECT_EQ(rtf(R"(\u-10179?\u-8704?!)"), "😀!");
  EXPECT_EQ(rtf(R"(a\u-10179?b)"), "ab") << "half a pair";
  EXPECT_EQ(rtf(R"(\u128512?)"), "😀");
}

TEST(RtfTest, BytesAreInTheirFontsCodePage) {
  const std::string fonts =
      R"({\fonttbl{\f0\fcharset0 A;}{\f1\fcharset238 B;}{\f2\fcharset129 C;}})";
  EXPECT_EQ(rtf(fonts + R"(\f0 \'e8 \f1 \'e8 {\f2 \'c7\'d1}\'e8)"), "è č 한č");
  EXPECT_EQ(text_of("rtf", R"({\rtf1\ansi\ansicpg1251 \'cf\'f0\'e8})"), "При");
  EXPECT_EQ(text_of("rtf", R"({\rtf1\mac \'8e})"), "é");
}

TEST(RtfTest, WhatIsNotForReadingIsLeftOut) {
  EXPECT_EQ(rtf(R"(a{\v hidden}b{\*\unknown c}{\pict 00ff}d\v e\v0 f)"), "abdf");
  EXPECT_EQ(rtf(R"({\field{\*\fldinst PAGE}{\fldrslt 12}} of)"), "12 of");
  EXPECT_EQ(rtf(std::string(R"(a\bin4 )") + "}{}}" + "b"), "ab");
  EXPECT_EQ(rtf(R"(a\{b\}\\c\~d\_e\-f)"),
            "a{b}\\c\xC2\xA0"
            "d-ef");
}

TEST(RtfTest, HeadingsGiveTheTitle) {
  const auto document = only_document(extract(
      "rtf", R"({\rtf1{\stylesheet{\s3 heading 1;}}\pard Before\par\pard\s3 Aims\par\pard x\par})",
      ""));
  EXPECT_EQ(document.title, "Aims");
  EXPECT_EQ(document.text, "Before\n\nAims\n\nx");
  EXPECT_EQ(only_document(extract("rtf", R"({\rtf1\pard\outlinelevel0 Scope\par x})", "")).title,
            "Scope");
}

TEST(RtfTest, TablesAreRows) {
  EXPECT_EQ(rtf(R"(Before\par\trowd\pard\intbl a\par b\cell c\cell\row\pard\trowd\intbl d\cell)"
                R"(\cell\row\pard After)"),
            "Before\n\na b | c\nd |\n\nAfter");
  EXPECT_EQ(rtf(R"(\trowd\intbl a\cell unended)"), "a | unended");
}

TEST(RtfTest, DamageAndDepthEndQuietly) {
  EXPECT_EQ(rtf("a}}}}b"), "ab");
  EXPECT_EQ(text_of("rtf", "{\\rtf1 open {\\b more"), "open more");
  EXPECT_EQ(refusal_of("rtf", "{\\rtf1}"), "the file has no text");
  EXPECT_EQ(refusal_of("rtf", "text"), "the RTF does not begin with {\\rtf");
  EXPECT_EQ(rtf(R"(a\u99999999999999999999?\f99999999999999999999\bin-5 b\'zz)"), "abzz");
  const auto document = only_document(extract(
      "rtf", "{\\rtf1 top" + repeated("{", 1'000'000) + "deep" + repeated("}", 999'999) + "}", ""));
  EXPECT_EQ(document.text, "top");
  ASSERT_EQ(document.warnings.size(), 1U);
  EXPECT_EQ(document.warnings[0], "groups nested more than 1000 levels deep were left out");
}

}  // namespace
}  // namespace widenet::ingest
