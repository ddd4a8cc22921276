// From words with boxes to text in reading order: what PDF and character recognition have in
// common.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ingest/document.h"
#include "ingest/text.h"

namespace widenet::ingest {

// In points from the page's upper left corner.
struct Box {
  float left = 0;
  float top = 0;
  float right = 0;
  float bottom = 0;
};

struct LayoutWord {
  Box box;
  std::string text;  // valid UTF-8, without blanks
};

// Words beside each other, left to right, as the tool that found them grouped them.
struct LayoutLine {
  Box box;
  int64_t block =
      0;  // lines of one block, which are consecutive, form a paragraph or a table's cell
  std::vector<LayoutWord> words;
};

struct LayoutPage {
  float width = 0;
  float height = 0;
  std::vector<LayoutLine> lines;

  bool has_words() const { return !lines.empty(); }
};

struct LayoutDocument {
  std::vector<LayoutPage> pages;
  std::map<std::string, std::string> properties;  // "title", "author", "subject", ... as found
};

// Reads the output of `pdftotext -bbox-layout`.  Trusts nothing but skips what it does not know.
Result<LayoutDocument> read_bbox_layout(std::string_view xhtml);

// Reads the output of `tesseract ... tsv`: a page in pixels, scaled to points.
LayoutPage read_tesseract_tsv(std::string_view tsv, float points_per_pixel);

// Appends a page's text and says where it lies.  Columns of prose are read one after the other.
// The lines of a paragraph are joined, and words that were hyphenated at their ends made whole.
// Short pieces beside each other become a table's row, "a | b | c", or "label: value".
Page write_page(const LayoutPage& layout, int32_t number, TextBuilder& out);

}  // namespace widenet::ingest
