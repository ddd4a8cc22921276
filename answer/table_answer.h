// An answer out of tables: the question read as one SELECT, run, and put into words.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "answer/citations.h"
#include "base/result.h"
#include "store/store.h"

namespace widenet::answer {

// A row that the answer rests on.
struct RowLink {
  int64_t row = 0;  // its number in its table, from 1
  store::DocumentId document = 0;
  int64_t start_char = 0;  // its line in the document's text
  int64_t end_char = 0;
  std::string table;
  std::string title;
  std::string value;  // what of it was summed or shown; empty: nothing
};

struct TableAnswer {
  store::CollectionId collection = 0;
  std::string text;
  std::string read_as;  // the question in the tables' words
  std::string sql;
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;  // of the SELECT, at most kShownRowsMax
  int64_t n_rows = 0;                          // that it rests on
  std::vector<RowLink> links;                  // the first of them, at most kRowLinksMax
  std::vector<Citation> citations;             // the lines of some of these
};

inline constexpr int64_t kShownRowsMax = 100;
inline constexpr int64_t kRowLinksMax = 20;

// Out of the rows that the reader may read; or why these tables cannot answer this question.
// Throws StoreError.
Result<TableAnswer> answer_from_tables(const store::Store& store,
                                       store::CollectionId collection,
                                       const std::string& question,
                                       const store::Reader& reader = {});

}  // namespace widenet::answer
