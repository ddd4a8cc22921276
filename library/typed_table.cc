#include "library/typed_table.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "library/number_style.h"

namespace widenet::library {
namespace {

constexpr size_t kColumnsMax = 1000;  // SQLite takes 2,000

using store::TableColumnType;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// "2021-05-03", "2021-05-03 10:00", "2021-05-03T10:00:00.000Z".
bool is_iso_date(std::string_view cell) {
  constexpr std::string_view kForm = "dddd-dd-dd";
  if (cell.size() < kForm.size()) return false;
  for (size_t i = 0; i < kForm.size(); ++i) {
    if (kForm[i] == 'd' ? !is_digit(cell[i]) : cell[i] != kForm[i]) return false;
  }
  const std::string_view time = cell.substr(kForm.size());
  if (time.empty()) return true;
  return (time[0] == ' ' || time[0] == 'T') && time.size() >= 6 && is_digit(time[1]) &&
         is_digit(time[2]) && time[3] == ':' &&
         time.find_first_not_of("0123456789:.+-Z", 1) == std::string_view::npos;
}

std::optional<int64_t> boolean_of(std::string_view cell) {
  std::string lower(cell);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  if (lower == "true" || lower == "yes") return 1;
  if (lower == "false" || lower == "no") return 0;
  return {};
}

template <typename Number>
std::optional<Number> number_of(std::string_view cell) {
  if (cell.starts_with('+')) cell.remove_prefix(1);
  Number number{};
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), number);
  if (error != std::errc() || end != cell.data() + cell.size()) return {};
  return number;
}

// Of the non-empty cells of a column; false if there are none.
template <typename Test>
bool all_are(const ingest::Table& table, size_t column, const Test& test) {
  bool is_any = false;
  for (const auto& row : table.rows) {
    if (row[column].empty()) continue;
    if (!test(row[column])) return false;
    is_any = true;
  }
  return is_any;
}

struct TypedColumn {
  TableColumnType type = TableColumnType::text;
  std::optional<NumberStyle> style;  // of numbers that are not plain
};

TypedColumn type_of(const ingest::Table& table, size_t column) {
  switch (table.columns[column].type) {
    case ingest::ColumnType::integer:
      return {TableColumnType::integer, {}};
    case ingest::ColumnType::real:
      return {TableColumnType::real, {}};
    case ingest::ColumnType::text:
      break;
  }
  if (all_are(table, column, is_iso_date)) return {TableColumnType::date, {}};
  const auto is_boolean = [](std::string_view cell) { return boolean_of(cell).has_value(); };
  if (all_are(table, column, is_boolean)) return {TableColumnType::boolean, {}};
  const auto style = find_number_style([&](const auto& use) { all_are(table, column, use); });
  if (!style) return {};
  const auto is_whole = [&](std::string_view cell) { return cell.find(style->point) == cell.npos; };
  return {all_are(table, column, is_whole) ? TableColumnType::integer : TableColumnType::real,
          style};
}

int32_t decimals_of(const ingest::Table& table, size_t column, char decimal_point) {
  size_t most = 0;
  for (const auto& row : table.rows) {
    const std::string& cell = row[column];
    const size_t point = cell.find(decimal_point);
    if (point == std::string::npos) continue;
    size_t end = point + 1;
    while (end < cell.size() && is_digit(cell[end])) ++end;
    most = std::max(most, end - point - 1);
  }
  return static_cast<int32_t>(std::min<size_t>(most, 10));
}

store::TableCell cell_of(const std::string& cell, TableColumnType type) {
  if (cell.empty()) return std::monostate();
  switch (type) {
    case TableColumnType::integer:
      if (const auto number = number_of<int64_t>(cell)) return *number;
      break;
    case TableColumnType::real:
      if (const auto number = number_of<double>(cell)) return *number;
      break;
    case TableColumnType::boolean:
      if (const auto truth = boolean_of(cell)) return *truth;
      break;
    case TableColumnType::date: {
      std::string date = cell;
      if (date.size() > 10) date[10] = 'T';  // one form, so that they compare
      return date;
    }
    case TableColumnType::text:
      break;
  }
  return cell;
}

// What a row is called: its name or title if it has one, else its first column.
std::string title_of(const ingest::Table& table) {
  const auto is_name = [](const ingest::Column& column) {
    std::string lower = column.name;
    for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    return lower.ends_with("name") || lower.ends_with("title");
  };
  const auto named = std::ranges::find_if(table.columns, is_name);
  const auto& column = named == table.columns.end() ? table.columns.front() : *named;
  return "{" + column.name + "}";
}

}  // namespace

Result<store::ProcessedTable> typed_table(const ingest::Table& table) {
  if (table.columns.empty() || table.columns.size() > kColumnsMax) {
    return Unexpected("sums and counts cannot be asked of \"" + table.name + "\": it has " +
                      std::to_string(table.columns.size()) + " columns, not 1 to " +
                      std::to_string(kColumnsMax));
  }
  store::ProcessedTable typed;
  typed.name = table.name.empty() ? "table" : table.name;
  nlohmann::json description = {{"title", title_of(table)}};
  std::vector<TypedColumn> columns;
  for (size_t i = 0; i < table.columns.size(); ++i) {
    const TypedColumn& column = columns.emplace_back(type_of(table, i));
    const char point = column.style ? column.style->point : '.';
    typed.columns.push_back(
        {.name = table.columns[i].name,
         .type = column.type,
         .decimals = column.type == TableColumnType::real ? decimals_of(table, i, point) : 0});
    if (column.style && !column.style->mark.empty()) {
      description["columns"][table.columns[i].name]["unit"] = column.style->mark;
    }
  }
  typed.description_json = description.dump();
  typed.rows.reserve(table.rows.size());
  for (const auto& row : table.rows) {
    auto& cells = typed.rows.emplace_back();
    cells.reserve(row.size());
    for (size_t i = 0; i < row.size(); ++i) {
      const auto& style = columns[i].style;
      cells.push_back(cell_of(style && !row[i].empty() ? plain_number(row[i], *style) : row[i],
                              columns[i].type));
    }
  }
  for (const auto& line : table.lines) typed.lines.push_back({line.start_char, line.end_char});
  return typed;
}

}  // namespace widenet::library
