// The sheets of a workbook on their way to a document: XLSX and ODS fill them in.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ingest/document.h"
#include "ingest/table.h"

namespace widenet::ingest {

inline constexpr int64_t kSheetColumnsMax = 16'384;  // spreadsheet programs know no more

// The cells of one sheet that are not empty.  Only they take memory, wherever they lie: a file of a
// few bytes can place a cell in the last column of a million rows, or repeat one a million times.
class Sheet {
 public:
  explicit Sheet(std::string name) : name_(std::move(name)) {}

  const std::string& name() const { return name_; }

  // Begins the next row; a row without cells leaves no trace.
  void start_row();

  // Puts a text, unless it is blank, into the current row, left to right.  False if the sheet holds
  // more cells or bytes than a document may have; then it takes no more.
  bool add(int64_t column, std::string_view text);

  // Repeats the current row, as it is so far.  False as above.
  bool repeat_row(int64_t times);

  // The rows without the columns that have no cell at all.
  Result<std::vector<Row>> dense_rows() const;

 private:
  struct Cell {
    int64_t column = 0;
    std::string text;
  };

  bool has_room(size_t n_cells, size_t n_bytes);

  std::string name_;
  std::vector<std::vector<Cell>> rows_;
  size_t n_cells_ = 0;
  size_t n_bytes_ = 0;
};

// Adds the sheets one by one to a document's text, tables and pages: a page each, that begins with
// the sheet's name.  Titles and remarks above the table's header are text, not table.
class SheetWriter {
 public:
  explicit SheetWriter(ExtractedDocument& document) : document_(document) {}

  // `number` counts the workbook's sheets from 1.  A sheet without cells is left out.
  Result<bool> add(const Sheet& sheet, int32_t number);

  // Says in a warning that a hidden sheet was left out.
  void leave_out(std::string_view name);

  // Gives the document its text and warnings; nothing is added afterwards.
  void finish();

 private:
  ExtractedDocument& document_;
  TextBuilder text_;
  size_t n_cells_ = 0;
  std::string hidden_;
};

// The date and time of a day count, ISO 8601 without a zone: days since 1899-12-30 (what XLSX
// counts from March 1900 on), the time of day behind the point.  Empty if the year has not four
// digits.
enum class Moment { date, time, date_time, duration };
std::string iso_moment(double days, Moment kind);

// As a sheet shows a number that has no format: at most 15 digits.
std::string shown_number(double number);

}  // namespace widenet::ingest
