// XML of any vocabulary: its lines, and what entities and depth do.
#include <gtest/gtest.h>

#include <string>

#include "ingest/extract.h"
#include "tests/ingest/parse.h"

namespace widenet::ingest {
namespace {

TEST(XmlTest, ElementsAreLinesAndRecordsAreRows) {
  EXPECT_EQ(text_of("xml", "<a x='1'><b>t</b><c><d>u</d></c></a>"), "x: 1\nb: t\nc.d: u");
  EXPECT_EQ(text_of("xml", "<a><b i='1'><c>x</c></b><b i='2'>y</b></a>"),
            "b.i: 1; b.c: x\nb.i: 2; b: y");
  EXPECT_EQ(text_of("xml", "<a><b>x</b><b>y</b></a>"), "b: x\nb: y");
  EXPECT_EQ(text_of("xml", "<a>only text</a>"), "a: only text");
  EXPECT_EQ(text_of("xml", "<p>Read <i>this</i>\n  first.</p>"), "p: Read this first.");
}

TEST(XmlTest, TheInnermostRepeatedElementsAreTheRecords) {
  EXPECT_EQ(text_of("xml",
                    "<shop><shelf n='1'><item><id>1</id></item><item><id>2</id></item></shelf>"
                    "<shelf n='2'><item><id>3</id></item></shelf></shop>"),
            "shelf.n: 1\nitem.id: 1\nitem.id: 2\nshelf.n: 2; shelf.item.id: 3");
}

TEST(XmlTest, ContentAndNameDecide) {
  EXPECT_EQ(*detect_format("<?xml version='1.0'?><a/>", "a.txt"), Format::xml);
  EXPECT_EQ(*detect_format("<a>b</a>", "a.xml"), Format::xml);
  EXPECT_EQ(*detect_format("no mark", "a.xml"), Format::txt);
  EXPECT_EQ(*detect_format("<?xml version='1.0'?><html><p>x</p></html>", "a.xml"), Format::html);
}

TEST(XmlTest, EntitiesAreNotExpanded) {
  std::string bomb = "<?xml version='1.0'?><!DOCTYPE l [<!ENTITY l0 'lol'>";
  for (int i = 1; i < 10; ++i) {
    const std::string name = "&l" + std::to_string(i - 1) + ";";
    bomb += "<!ENTITY l" + std::to_string(i) + " '" + repeated(name, 10) + "'>";
  }
  bomb += "<!ENTITY x SYSTEM 'file:///etc/passwd'>]><l>&l9;&x;&amp;&#65;&#0;&#xD800;</l>";
  EXPECT_TRUE(text_of("auto", bomb).starts_with("l: &l9;&x;&A"));
}

TEST(XmlTest, DepthIsBounded) {
  const auto document = only_document(extract(
      "xml",
      "<r><t>top</t>" + repeated("<a>", 100'000) + "deep" + repeated("</a>", 100'000) + "</r>",
      ""));
  EXPECT_EQ(document.text, "t: top");
  ASSERT_EQ(document.warnings.size(), 1U);
}

TEST(XmlTest, LongNamesDoNotMultiply) {
  const std::string name(100'000, 'n');
  EXPECT_EQ(
      refusal_of("xml", "<r><" + name + ">" + repeated("<b>x</b>", 1000) + "</" + name + "></r>"),
      "the text is longer than 64 MiB; split the file");
}

TEST(XmlTest, MalformedIsReadAsText) {
  const auto document = only_document(extract("xml", "<?xml version='1.0'?><a>kept</b>", "a.xml"));
  EXPECT_EQ(document.text, "<?xml version='1.0'?><a>kept</b>");
  ASSERT_EQ(document.warnings.size(), 1U);
  EXPECT_EQ(document.warnings[0],
            "the XML is malformed at byte 30 and was read as plain text: Start-end tags mismatch");
}

}  // namespace
}  // namespace widenet::ingest
