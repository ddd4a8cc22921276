#include "ingest/table.h"

#include <algorithm>
#include <set>

#include "base/utf8.h"

namespace widenet::ingest {
namespace {

constexpr size_t kColumnsMax = 10'000;
constexpr int64_t kNameCharsMax = 200;

// "007" is a code, not a number; "inf" and "nan" are words.
ColumnType type_of(std::string_view cell) {
  const size_t first_digit = cell.find_first_not_of("+-");
  const bool is_number =
      first_digit != cell.npos && first_digit <= 1 &&
      (cell[first_digit] == '.' || (cell[first_digit] >= '0' && cell[first_digit] <= '9'));
  if (!is_number) return ColumnType::text;
  const bool is_code =
      cell[first_digit] == '0' && cell.size() > first_digit + 1 && cell[first_digit + 1] != '.';
  if (is_code) return ColumnType::text;
  if (cell.starts_with('+')) cell.remove_prefix(1);
  if (number_from<int64_t>(cell)) return ColumnType::integer;
  return number_from<double>(cell) ? ColumnType::real : ColumnType::text;
}

ColumnType type_of_column(const std::vector<Row>& rows, size_t column) {
  ColumnType type = ColumnType::text;
  for (const Row& row : rows) {
    if (row[column].empty()) continue;
    const ColumnType cell = type_of(row[column]);
    if (cell == ColumnType::text) return cell;
    if (type != ColumnType::real) type = cell;
  }
  return type;
}

std::vector<Column> make_columns(const Row& names, size_t width) {
  std::vector<Column> columns;
  std::set<std::string> seen;
  for (size_t i = 0; i < width; ++i) {
    std::string name = i < names.size() ? one_line(slice_chars(names[i], 0, kNameCharsMax)) : "";
    if (name.empty()) name = "column " + std::to_string(i + 1);
    std::string unique = name;
    for (int64_t n = 2; !seen.insert(unique).second; ++n) {
      unique = name + " (" + std::to_string(n) + ")";
    }
    columns.push_back({std::move(unique), ColumnType::text});
  }
  return columns;
}

// "Name: value; name: value": a row that says on its own what it says.  Empty cells say nothing.
RowLine add_row(TextBuilder& text, const std::vector<Column>& columns, const Row& row) {
  std::string line;
  for (size_t i = 0; i < row.size(); ++i) {
    if (row[i].empty()) continue;
    if (!line.empty()) line += "; ";
    line += columns[i].name;
    line += ": ";
    line += row[i];
  }
  const CharRange range = text.add(line);
  text.end_line();
  return {.start_char = range.start_char, .end_char = range.end_char};
}

}  // namespace

std::string cell_text(std::string_view cell) {
  return flattened(canonical_text(trimmed(cell)));
}

bool is_number(std::string_view cell) {
  return type_of(cell) != ColumnType::text;
}

bool names_columns(const Row& row) {
  std::set<std::string_view> seen;
  for (const std::string& cell : row) {
    const bool at_end = &cell == &row.front() || &cell == &row.back();
    if (cell.empty() && at_end && row.size() > 1) continue;
    if (cell.empty() || is_number(cell) || !seen.insert(cell).second) return false;
  }
  return !seen.empty();
}

Result<Table> make_table(std::vector<Row> rows, std::string name) {
  size_t width = 0;
  for (const Row& row : rows) width = std::max(width, row.size());
  if (width > kColumnsMax) return Unexpected{"a row has more than 10000 cells"};
  if (rows.size() * width > kCellsMax) return Unexpected{std::string(kTooMuchInTables)};
  const bool headed = !rows.empty() && names_columns(rows[0]) && (rows.size() > 1 || width > 1);
  Table table{.name = std::move(name),
              .columns = make_columns(headed ? rows[0] : Row(), width),
              .rows = {},
              .lines = {}};
  if (headed) rows.erase(rows.begin());
  for (Row& row : rows) row.resize(width);
  table.rows = std::move(rows);
  for (size_t i = 0; i < width; ++i) table.columns[i].type = type_of_column(table.rows, i);
  return table;
}

void write_table(Table& table, TextBuilder& text) {
  table.lines.clear();
  for (const Row& row : table.rows) table.lines.push_back(add_row(text, table.columns, row));
}

}  // namespace widenet::ingest
