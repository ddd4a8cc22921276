// What the parsers' tests ask for: a golden document, the only document, its text, or the refusal.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "base/file.h"
#include "ingest/extract.h"

namespace widenet::ingest {

inline const std::filesystem::path kGolden = std::filesystem::path(WN_TESTS_DIR) / "golden/ingest";

inline std::string golden(const std::string& name) {
  return read_file(kGolden / name);
}

inline Result<Extraction> extract_golden(const std::string& name) {
  return extract("auto", golden(name), name);
}

inline ExtractedDocument only_document(const Result<Extraction>& extraction) {
  EXPECT_TRUE(extraction.has_value()) << (extraction ? "" : extraction.error());
  if (!extraction || extraction->documents.size() != 1) return {};
  return extraction->documents[0];
}

inline std::string text_of(std::string_view format,
                           std::string_view bytes,
                           std::string_view name = "") {
  return only_document(extract(format, bytes, name)).text;
}

inline std::string refusal_of(std::string_view format,
                              std::string_view bytes,
                              std::string_view name = "") {
  const Result<Extraction> extraction = extract(format, bytes, name);
  return extraction ? "it was read" : extraction.error();
}

inline std::string repeated(std::string_view text, int64_t count) {
  std::string all;
  for (int64_t i = 0; i < count; ++i) all += text;
  return all;
}

}  // namespace widenet::ingest
