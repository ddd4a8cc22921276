#include "ingest/sheets.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <set>

namespace widenet::ingest {
namespace {

constexpr size_t kTitleRowsMax = 20;

size_t n_filled(const Row& row) {
  return static_cast<size_t>(
      std::count_if(row.begin(), row.end(), [](const auto& cell) { return !cell.empty(); }));
}

// Whether some column holds mostly numbers below row `at`, so that this names it rather than being
// one of its rows.
bool heads_numbers(const std::vector<Row>& rows, size_t at) {
  for (size_t column = 0; column < rows[at].size(); ++column) {
    int64_t balance = 0;
    for (size_t i = at + 1; i < rows.size(); ++i) {
      const std::string& cell = rows[i][column];
      if (!cell.empty()) balance += is_number(cell) ? 1 : -1;
    }
    if (balance > 0) return true;
  }
  return false;
}

// How many rows at the top are a title or remarks: those of one cell above the first of several,
// and all above a full row that clearly is a header.
size_t count_titles(const std::vector<Row>& rows) {
  size_t first = 0;
  while (first < rows.size() && n_filled(rows[first]) < 2) ++first;
  if (first == rows.size()) return 0;  // a list
  for (size_t at = first; at < std::min(rows.size(), first + kTitleRowsMax); ++at) {
    if (n_filled(rows[at]) < rows[at].size()) continue;
    return names_columns(rows[at]) && heads_numbers(rows, at) ? at : first;
  }
  return first;
}

// Without the gaps: its columns are not the table's.
std::string title_line(Row title) {
  std::erase_if(title, [](const std::string& cell) { return cell.empty(); });
  return row_line(title);
}

std::string padded(int64_t number, int width) {
  std::string digits = std::to_string(number);
  return std::string(std::max<size_t>(static_cast<size_t>(width), digits.size()) - digits.size(),
                     '0') +
         digits;
}

std::string clock_text(int64_t seconds, int hour_width) {
  std::string text = padded(seconds / 3600, hour_width) + ":" + padded(seconds / 60 % 60, 2);
  if (seconds % 60 != 0) text += ":" + padded(seconds % 60, 2);
  return text;
}

}  // namespace

void Sheet::start_row() {
  if (rows_.empty() || !rows_.back().empty()) rows_.emplace_back();
}

bool Sheet::has_room(size_t n_cells, size_t n_bytes) {
  n_cells_ += n_cells;
  n_bytes_ += n_bytes;
  return n_cells_ <= kCellsMax && n_bytes_ <= static_cast<size_t>(kTextBytesMax);
}

bool Sheet::add(int64_t column, std::string_view text) {
  std::string cell = cell_text(text);
  if (cell.empty() || column < 0 || column >= kSheetColumnsMax) return true;
  if (!has_room(1, cell.size())) return false;
  rows_.back().push_back({column, std::move(cell)});
  return true;
}

bool Sheet::repeat_row(int64_t times) {
  const std::vector<Cell> row = rows_.back();
  size_t n_bytes = 0;
  for (const Cell& cell : row) n_bytes += cell.text.size();
  for (int64_t i = 0; i < times && !row.empty(); ++i) {
    if (!has_room(row.size(), n_bytes)) return false;
    rows_.push_back(row);
  }
  return true;
}

Result<std::vector<Row>> Sheet::dense_rows() const {
  std::set<int64_t> used;
  for (const auto& row : rows_) {
    for (const Cell& cell : row) used.insert(cell.column);
  }
  if (rows_.size() * used.size() > kCellsMax) return Unexpected{std::string(kTooMuchInTables)};
  std::vector<size_t> index(static_cast<size_t>(kSheetColumnsMax));
  size_t next = 0;
  for (const int64_t column : used) index[static_cast<size_t>(column)] = next++;
  std::vector<Row> rows;
  for (const auto& sparse : rows_) {
    if (sparse.empty()) continue;
    Row row(used.size());
    for (const Cell& cell : sparse) row[index[static_cast<size_t>(cell.column)]] = cell.text;
    rows.push_back(std::move(row));
  }
  return rows;
}

Result<bool> SheetWriter::add(const Sheet& sheet, int32_t number) {
  Result<std::vector<Row>> rows = sheet.dense_rows();
  if (!rows) return Unexpected{rows.error()};
  if (rows->empty()) return true;
  if (number > kPagesMax) return Unexpected{"the workbook has more than 20000 sheets"};
  const auto table_begin = rows->begin() + static_cast<int64_t>(count_titles(*rows));
  const std::vector<Row> titles(rows->begin(), table_begin);
  rows->erase(rows->begin(), table_begin);
  Result<Table> table = make_table(*std::move(rows), one_line(sheet.name()));
  if (!table) return Unexpected{"sheet \"" + one_line(sheet.name()) + "\": " + table.error()};
  text_.end_paragraph();
  const int64_t start_char = text_.add(table->name).start_char;
  text_.end_paragraph();
  for (const Row& title : titles) {
    text_.add(title_line(title));
    text_.end_line();
  }
  text_.end_paragraph();
  write_table(*table, text_);
  if (table->rows.empty()) {  // only a header
    std::vector<std::string> names;
    for (const Column& column : table->columns) names.push_back(column.name);
    text_.add(row_line(names));
  }
  n_cells_ += table->rows.size() * table->columns.size();
  if (text_.n_bytes() > kTextBytesMax || n_cells_ > kCellsMax) {
    return Unexpected{std::string(kTooMuchInTables)};
  }
  document_.pages.push_back(
      {.number = number, .start_char = start_char, .end_char = text_.n_chars(), .words = {}});
  document_.tables.push_back(*std::move(table));
  return true;
}

void SheetWriter::leave_out(std::string_view name) {
  hidden_ += hidden_.empty() ? "hidden sheets were left out: " : ", ";
  hidden_ += name;
}

void SheetWriter::finish() {
  if (!hidden_.empty()) document_.warnings.push_back(one_line(hidden_));
  document_.text = text_.take();
}

std::string iso_moment(double days, Moment kind) {
  constexpr double kDaysMax = 2'958'466;  // the year 10000
  if (!(days >= 0 && days < kDaysMax)) return {};
  const int64_t seconds = std::llround(days * 86'400);
  if (kind == Moment::duration) return clock_text(seconds, 1);
  const std::string time = clock_text(seconds % 86'400, 2);
  if (kind == Moment::time) return time;
  const std::chrono::year_month_day day = std::chrono::sys_days(std::chrono::year(1899) / 12 / 30) +
                                          std::chrono::days(seconds / 86'400);
  if (static_cast<int>(day.year()) > 9999) return {};
  const std::string date = padded(static_cast<int>(day.year()), 4) + "-" +
                           padded(static_cast<unsigned>(day.month()), 2) + "-" +
                           padded(static_cast<unsigned>(day.day()), 2);
  return kind == Moment::date ? date : date + "T" + time;
}

std::string shown_number(double number) {
  std::array<char, 64> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number,
                                 std::chars_format::general, 15)
                       .ptr;
  return {digits.data(), end};
}

}  // namespace widenet::ingest
