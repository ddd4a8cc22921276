// What the parsers' tests ask for: the only document, its text, or the refusal.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "ingest/extract.h"

namespace widenet::ingest {

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
