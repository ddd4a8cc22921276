// What extraction yields: a document's canonical text, and where its pages, words and rows lie in
// it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace widenet::ingest {

// Every start_char/end_char below counts Unicode code points of ExtractedDocument::text, half open.

// One word on its page, in points (1/72 inch) from the upper left corner.
struct WordBox {
  int64_t start_char = 0;
  int64_t end_char = 0;
  float left = 0;
  float top = 0;
  float right = 0;
  float bottom = 0;
};

struct Page {
  int32_t number = 0;  // as a reader counts pages, slides, sheets or chapters: the first is 1
  int64_t start_char = 0;
  int64_t end_char = 0;
  float width = 0;  // points
  float height = 0;
  std::vector<WordBox> words;  // in text order; empty where the format has no layout
};

// A row's line in the text.
struct RowLine {
  int64_t start_char = 0;
  int64_t end_char = 0;  // no further than the start: the row says nothing
};

enum class ColumnType { text, integer, real };

struct Column {
  std::string name;  // unique within its table
  ColumnType type = ColumnType::text;
};

// The cells of a CSV or TSV file, or of a workbook's sheet; every row has as many cells as there
// are columns.  A column is integer or real only if each of its non-empty cells is.  The text says
// the same, a line a row.
struct Table {
  std::string name;
  std::vector<Column> columns;
  std::vector<std::vector<std::string>> rows;
  std::vector<RowLine> lines{};  // of the rows, in order
};

// The text is canonical: valid UTF-8; newline is the only line end; no control characters but tab
// and newline; no blanks before a newline; never more than one empty line; none at either end.
// Characters are not normalised otherwise, so that a quote matches what the reader sees.
struct ExtractedDocument {
  std::string title;   // one line, at most kTitleCharsMax; empty if the document gives none
  std::string format;  // a name of ingest/extract.h's formats: "txt", "pdf", ...
  std::string text;
  std::vector<Page> pages;  // in order, not overlapping; empty for formats without pages
  std::vector<Table> tables;
  std::map<std::string, std::string> metadata;  // "author", "date", "from", "to", "subject", ...
  std::vector<std::string> warnings;            // what was left out and why, for the user
};

// A file inside a document (a mail's attachment, an archive's member), not looked into yet.
struct Attachment {
  std::string name;  // may be a path inside the archive
  std::string bytes;
};

// All that one file yields.
struct Extraction {
  std::vector<ExtractedDocument> documents;
  std::vector<Attachment> attachments;
};

inline constexpr int64_t kTitleCharsMax = 300;
inline constexpr int64_t kTextBytesMax = int64_t{64} << 20;  // of one document's text
inline constexpr int64_t kPagesMax = 20'000;
inline constexpr int64_t kAttachmentsMax = 1000;
inline constexpr int64_t kAttachmentBytesMax = int64_t{128} << 20;  // of one file's, together

// The form in which the sandboxed child hands its result to the parent.
std::string to_json(const Extraction& extraction);

// Trusts nothing: refuses what is not of to_json's shape, breaks a promise made above (canonical
// text, ranges in bounds and in order, finite boxes) or exceeds a limit, and says which.
Result<Extraction> extraction_from_json(std::string_view json);

}  // namespace widenet::ingest
