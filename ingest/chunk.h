// Cuts a document's text into pieces for retrieval, at sentence ends.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "ingest/document.h"

namespace widenet::ingest {

struct ChunkRange {
  int64_t start_char = 0;
  int64_t end_char = 0;
  int32_t page = 0;  // where it starts; 0 without pages
};

// How many tokens a text makes.  Called about twice for every character of the text.
using TokenCounter = std::function<int64_t(std::string_view)>;

struct ChunkOptions {
  int64_t tokens_max = 512;
  bool keep_lines = false;  // each line is a row: cut only between lines
};

// Consecutive ranges that cover `text` without gap or overlap, each of at most tokens_max tokens (a
// single character that makes more gets a chunk of its own).  They end at the ends of sentences and
// lines; a row ("a | b") is cut only if it alone exceeds tokens_max, and so is a sentence: at a
// word's end if there is one.  Empty text has no chunks.  `text` is valid UTF-8.
std::vector<ChunkRange> chunk_text(std::string_view text,
                                   std::span<const Page> pages,
                                   const TokenCounter& count_tokens,
                                   const ChunkOptions& options = {});

// The same with what the document's format asks for: rows of CSV, spreadsheets and JSON stay whole.
std::vector<ChunkRange> chunk_document(const ExtractedDocument& document,
                                       const TokenCounter& count_tokens,
                                       int64_t tokens_max = 512);

}  // namespace widenet::ingest
