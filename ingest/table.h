// Rows of cells as a typed table, and as text: what CSV and spreadsheets have in common.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ingest/document.h"
#include "ingest/text.h"

namespace widenet::ingest {

using Row = std::vector<std::string>;

// Of one document, empty cells included: what a gigabyte of memory holds.
inline constexpr size_t kCellsMax = 16'000'000;
inline constexpr std::string_view kTooMuchInTables =
    "there are more than 16 million cells or 64 MiB of text in tables; split the file";

// A cell's text as the table keeps it: canonical, on one line.
std::string cell_text(std::string_view cell);

// Whether a column's cells may count as numbers: "007" is a code, "inf" and "nan" are words.
bool is_number(std::string_view cell);

// A row may name the columns below it if each of its cells says something that is no number and no
// other cell says too; the first and the last may be empty.
bool names_columns(const Row& row);

// Types the columns of `rows`, whose cells are cell_texts, and fills up short rows.  The first row
// names the columns if it may; else they are "column 1", "column 2", ...  Refuses a row of more
// than 10000 cells, and more than kCellsMax cells in all.
Result<Table> make_table(std::vector<Row> rows, std::string name);

// A line a row, "Name: value; name: value": each says on its own what it says.  Empty cells say
// nothing.  Notes the rows' lines in the table.
void write_table(Table& table, TextBuilder& text);

}  // namespace widenet::ingest
