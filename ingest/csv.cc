// CSV and TSV (RFC 4180 and what programs make of it): a typed table, and a sentence for each row.
#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <string>
#include <vector>

#include "base/utf8.h"
#include "ingest/extract.h"
#include "ingest/parsers.h"
#include "ingest/text.h"

namespace widenet::ingest {
namespace {

using Row = std::vector<std::string>;

constexpr size_t kSampleBytes = 256 << 10;
constexpr int64_t kSampleRows = 200;
constexpr size_t kColumnsMax = 10'000;
constexpr int64_t kNameCharsMax = 200;

// Reads rows one after the other.  A quote opens a quoted cell only at the cell's start; a doubled
// quote inside stands for one; an unclosed quote runs to the end.
class RowReader {
 public:
  RowReader(std::string_view text, char delimiter) : text_(text), delimiter_(delimiter) {}

  bool next(Row& row) {
    row.clear();
    if (at_ >= text_.size()) return false;
    for (bool more = true; more;) more = next_cell(row);
    return true;
  }

 private:
  // Whether another cell follows in this row.
  bool next_cell(Row& row) {
    std::string cell;
    if (at_ < text_.size() && text_[at_] == '"') read_quoted(cell);
    const size_t end = std::min(text_.find_first_of(stops_, at_), text_.size());
    cell += text_.substr(at_, end - at_);
    at_ = end;
    row.push_back(std::move(cell));
    if (at_ >= text_.size()) return false;
    const char stop = text_[at_++];
    if (stop == delimiter_) return true;
    if (stop == '\r' && at_ < text_.size() && text_[at_] == '\n') ++at_;
    return false;
  }

  void read_quoted(std::string& cell) {
    for (++at_; at_ < text_.size();) {
      const size_t quote = std::min(text_.find('"', at_), text_.size());
      cell += text_.substr(at_, quote - at_);
      at_ = std::min(quote + 1, text_.size());
      if (at_ >= text_.size() || text_[at_] != '"') return;
      cell += '"';
      ++at_;
    }
  }

  std::string_view text_;
  char delimiter_;
  std::string stops_ = std::string("\r\n") + delimiter_;
  size_t at_ = 0;
};

bool is_blank(const Row& row) {
  return row.size() == 1 && trimmed(row[0]).empty();
}

// Rows that have the most common width, times the separators in them: 0 if there is none.
int64_t score(std::string_view sample, char delimiter) {
  RowReader reader(sample, delimiter);
  std::vector<size_t> widths;
  Row row;
  while (static_cast<int64_t>(widths.size()) < kSampleRows && reader.next(row)) {
    if (!is_blank(row)) widths.push_back(row.size());
  }
  int64_t best = 0;
  for (const size_t width : std::set<size_t>(widths.begin(), widths.end())) {
    const auto rows = std::count(widths.begin(), widths.end(), width);
    // Consistency first: a separator that also occurs in prose makes rows of all widths.
    const int64_t agreement = rows * 1000 / static_cast<int64_t>(widths.size());
    best = std::max(best, width > 1 ? agreement * 100 + static_cast<int64_t>(width) : 0);
  }
  return best;
}

char detect_delimiter(std::string_view text, char preferred) {
  const std::string_view sample = text.substr(0, kSampleBytes);
  char best = preferred;
  int64_t best_score = score(sample, preferred);
  for (const char delimiter : {',', ';', '\t', '|'}) {
    const int64_t candidate = score(sample, delimiter);
    if (candidate > best_score) {
      best = delimiter;
      best_score = candidate;
    }
  }
  return best;
}

template <typename T>
bool parses_as(std::string_view cell) {
  T value;
  if (cell.starts_with('+')) cell.remove_prefix(1);
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  return error == std::errc() && end == cell.data() + cell.size();
}

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
  if (parses_as<int64_t>(cell)) return ColumnType::integer;
  return parses_as<double>(cell) ? ColumnType::real : ColumnType::text;
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

// A first row names the columns if each of its cells says something that is no number and no other
// cell says too.
bool is_header(const Row& row) {
  std::set<std::string_view> seen;
  for (const std::string& cell : row) {
    const bool trailing = cell.empty() && &cell == &row.back() && row.size() > 1;
    if (trailing) continue;
    if (cell.empty() || type_of(cell) != ColumnType::text || !seen.insert(cell).second) {
      return false;
    }
  }
  return true;
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
void add_row(TextBuilder& text, const std::vector<Column>& columns, const Row& row) {
  std::string line;
  for (size_t i = 0; i < row.size(); ++i) {
    if (row[i].empty()) continue;
    if (!line.empty()) line += "; ";
    line += columns[i].name;
    line += ": ";
    line += row[i];
  }
  text.add(line);
  text.end_line();
}

std::string cell_text(std::string_view cell) {
  std::string line;
  for (const char c : canonical_text(trimmed(cell))) {
    if (c != '\n') line += c;
    if (c == '\n' && !line.empty() && line.back() != ' ') line += ' ';
  }
  return line;
}

std::vector<Row> read_rows(std::string_view text, char delimiter) {
  std::vector<Row> rows;
  RowReader reader(text, delimiter);
  Row row;
  while (reader.next(row)) {
    if (is_blank(row)) continue;
    for (std::string& cell : row) cell = cell_text(cell);
    rows.push_back(row);
  }
  return rows;
}

Table make_table(std::vector<Row> rows, std::string name) {
  size_t width = 0;
  for (const Row& row : rows) width = std::max(width, row.size());
  const bool headed = !rows.empty() && is_header(rows[0]) && (rows.size() > 1 || width > 1);
  Table table{.name = std::move(name),
              .columns = make_columns(headed ? rows[0] : Row(), width),
              .rows = {}};
  if (headed) rows.erase(rows.begin());
  for (Row& row : rows) row.resize(width);
  table.rows = std::move(rows);
  for (size_t i = 0; i < width; ++i) table.columns[i].type = type_of_column(table.rows, i);
  return table;
}

Parsed parse_table(std::string_view bytes, std::string_view name, Format format) {
  const DecodedText decoded = decode_text(bytes);
  std::string_view text = decoded.text;
  char delimiter = detect_delimiter(text, format == Format::tsv ? '\t' : ',');
  // Excel's own way of naming the separator: one ASCII character.
  if (text.starts_with("sep=") && text.size() > 4 && static_cast<uint8_t>(text[4]) < 0x80) {
    delimiter = text[4];
    text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
  }
  std::vector<Row> rows = read_rows(text, delimiter);
  const bool too_wide = std::any_of(rows.begin(), rows.end(),
                                    [](const Row& row) { return row.size() > kColumnsMax; });
  if (too_wide) return Unexpected{"a row has more than 10000 cells"};
  ExtractedDocument document;
  document.format = format_name(format);
  document.tables.push_back(make_table(std::move(rows), one_line(stem_of(name))));
  const Table& table = document.tables[0];
  TextBuilder builder;
  for (const Row& row : table.rows) add_row(builder, table.columns, row);
  document.text = builder.take();
  warn_of_guess(decoded, document);
  Extraction extraction;
  extraction.documents.push_back(std::move(document));
  return extraction;
}

}  // namespace

Parsed parse_csv(std::string_view bytes, std::string_view name) {
  return parse_table(bytes, name, Format::csv);
}

Parsed parse_tsv(std::string_view bytes, std::string_view name) {
  return parse_table(bytes, name, Format::tsv);
}

}  // namespace widenet::ingest
