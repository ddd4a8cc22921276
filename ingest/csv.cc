// CSV and TSV (RFC 4180 and what programs make of it).
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "ingest/extract.h"
#include "ingest/parsers.h"
#include "ingest/table.h"
#include "ingest/text.h"

namespace widenet::ingest {
namespace {

constexpr size_t kSampleBytes = 256 << 10;
constexpr int64_t kSampleRows = 200;

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

Parsed parse_table(std::string_view bytes, std::string_view name, Format format) {
  const DecodedText decoded = decode_text(bytes);
  std::string_view text = decoded.text;
  char delimiter = detect_delimiter(text, format == Format::tsv ? '\t' : ',');
  // Excel's own way of naming the separator: one ASCII character.
  if (text.starts_with("sep=") && text.size() > 4 && static_cast<uint8_t>(text[4]) < 0x80) {
    delimiter = text[4];
    text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
  }
  Result<Table> table = make_table(read_rows(text, delimiter), one_line(stem_of(name)));
  if (!table) return Unexpected{table.error()};
  ExtractedDocument document;
  document.format = format_name(format);
  TextBuilder builder;
  write_table(*table, builder);
  document.text = builder.take();
  document.tables.push_back(*std::move(table));
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
