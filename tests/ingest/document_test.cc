// The child's JSON: what it carries, and what the parent refuses.
#include "ingest/document.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "ingest/base64.h"

namespace widenet::ingest {
namespace {

using nlohmann::json;

Extraction sample() {
  ExtractedDocument document;
  document.title = "Grüße";
  document.format = "pdf";
  document.text = "Grüße an\n\nalle";
  document.pages = {{1, 0, 8, 595, 842, {{0, 5, 1, 2, 3.5F, 4}, {6, 8, 4, 2, 5, 4}}},
                    {2, 10, 14, 595, 842, {}}};
  document.tables = {
      {"t", {{"a", ColumnType::integer}, {"b", ColumnType::text}}, {{"1", "x"}}, {{2, 5}}}};
  document.metadata = {{"author", "Ida"}};
  document.warnings = {"one page was left out"};
  return {{document}, {{"a.bin", std::string("\0\xFF\x80", 3)}}};
}

std::string refusal_of(const json& changed) {
  const Result<Extraction> extraction = extraction_from_json(changed.dump());
  return extraction ? "it was accepted" : extraction.error();
}

TEST(DocumentJsonTest, EverythingSurvivesTheTrip) {
  const Result<Extraction> extraction = extraction_from_json(to_json(sample()));
  ASSERT_TRUE(extraction.has_value()) << extraction.error();
  EXPECT_EQ(to_json(*extraction), to_json(sample()));
  EXPECT_EQ(extraction->documents[0].pages[0].words[1].start_char, 6);
  EXPECT_EQ(extraction->attachments[0].bytes, sample().attachments[0].bytes);
}

TEST(DocumentJsonTest, WhatBreaksAPromiseIsRefused) {
  const json good = json::parse(to_json(sample()));
  const auto with = [&](const std::string& pointer, const json& value) {
    json changed = good;
    changed[json::json_pointer(pointer)] = value;
    return refusal_of(changed);
  };
  EXPECT_EQ(refusal_of(good), "it was accepted");
  const std::string refused = "the extractor's output was refused: ";
  EXPECT_EQ(with("/documents/0/text", "a \nb"), refused + "the text is not canonical");
  EXPECT_EQ(with("/documents/0/text", ""), refused + "the text is not canonical");
  EXPECT_EQ(with("/documents/0/title", "a\nb"),
            refused + "a title, name or warning is not one clean line");
  EXPECT_EQ(with("/documents/0/format", "exe"), refused + "the format is unknown");
  EXPECT_EQ(with("/documents/0/pages/1/end", 15), refused + "a page lies outside the text");
  EXPECT_EQ(with("/documents/0/pages/1/start", 7), refused + "a page lies outside the text");
  EXPECT_EQ(with("/documents/0/pages/0/start", -1), refused + "a page lies outside the text");
  EXPECT_EQ(with("/documents/0/pages/0/words/0", 6), refused + "a word lies outside its page");
  EXPECT_EQ(with("/documents/0/pages/0/words/7", 9), refused + "a word lies outside its page");
  EXPECT_EQ(with("/documents/0/pages/0/words/2", 1e30), refused + "a box is out of range");
  EXPECT_EQ(with("/documents/0/pages/0/words", {1, 2}), refused + "a page's words are cut off");
  EXPECT_EQ(with("/documents/0/tables/0/rows/0", {"1"}),
            refused + "a row has too few or too many cells");
  EXPECT_EQ(with("/documents/0/tables/0/columns/1/0", "a"), refused + "two columns have one name");
  EXPECT_EQ(with("/documents/0/tables/0/columns/1/1", 9), refused + "a column has no known type");
  EXPECT_EQ(with("/attachments/0/base64", "!!!!"), refused + "an attachment is not base64");
}

TEST(DocumentJsonTest, DamageIsRefusedNotThrown) {
  const std::string good = to_json(sample());
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(extraction_from_json(good.substr(0, size))) << size << " bytes";
  }
  EXPECT_FALSE(extraction_from_json("{\"documents\": [\"\xFF\"], \"attachments\": []}"));
  EXPECT_FALSE(extraction_from_json(std::string(100'000, '[')));
}

TEST(Base64Test, ReversesForEveryLength) {
  std::string bytes;
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(from_base64(to_base64(bytes)), bytes);
    bytes += static_cast<char>(i * 37);
  }
  EXPECT_EQ(to_base64("Ma"), "TWE=");
  EXPECT_FALSE(from_base64("TWE"));
  EXPECT_FALSE(from_base64("T=E="));
}

}  // namespace
}  // namespace widenet::ingest
