#include "answer/table_answer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <utility>

#include "answer/table_question.h"
#include "base/utf8.h"

namespace widenet::answer {
namespace {

using Clock = std::chrono::steady_clock;
using store::TableCell;
using store::TableRows;

// What one question may cost, looking for its values in every text column included.
constexpr store::TableLimits kLimits = {
    .rows_max = 1000, .bytes_max = 1 << 20, .milliseconds_max = 2000};

// "1234567.5" reads "1,234,567.5".
std::string grouped(std::string digits) {
  const size_t point = std::min(digits.find('.'), digits.size());
  const size_t first = digits.starts_with('-') ? 1 : 0;
  for (size_t i = point; i > first + 3; i -= 3) digits.insert(i - 3, 1, ',');
  return digits;
}

std::string plain(const TableCell& cell, int decimals) {
  if (const auto* text = std::get_if<std::string>(&cell)) return *text;
  if (const auto* whole = std::get_if<int64_t>(&cell)) return std::to_string(*whole);
  if (const auto* real = std::get_if<double>(&cell)) {
    char text[64];
    std::snprintf(text, sizeof text, "%.*f", decimals, *real);
    return text;
  }
  return "";
}

// Exports of binary numbers have digits that nobody wrote: of 32.3800011 it shows 32.38.
std::string readable(double number, int decimals) {
  constexpr int kDecimalsMax = 4, kDecimalsOfMoney = 2;
  const bool is_tiny = std::abs(number) < 0.01;
  std::string digits = plain(number, is_tiny ? decimals : std::min(decimals, kDecimalsMax));
  const size_t least = digits.find('.') + 1 + kDecimalsOfMoney;
  while (decimals > kDecimalsOfMoney && digits.size() > least && digits.back() == '0') {
    digits.pop_back();
  }
  return digits;
}

std::string shown(const TableCell& cell, int decimals, const std::string& unit) {
  if (std::holds_alternative<std::monostate>(cell)) return "none";
  if (std::holds_alternative<std::string>(cell)) return std::get<std::string>(cell);
  const auto* real = std::get_if<double>(&cell);
  const std::string digits = real == nullptr ? plain(cell, 0) : readable(*real, decimals);
  return grouped(digits) + (unit.empty() ? "" : " " + unit);
}

// The cells of a title, joined as a reader wants them.
std::string title_in(const std::vector<TableCell>& row, size_t first, size_t end) {
  std::string title;
  for (size_t i = first; i < end; ++i) {
    const std::string part = plain(row[i], 0);
    if (!part.empty()) title += (title.empty() ? "" : " ") + part;
  }
  return title;
}

class Answerer {
 public:
  Answerer(const store::Store& store, store::CollectionId collection)
      : store_(store),
        collection_(collection),
        reader_(store.read_tables(collection)),
        schema_(schema_of(reader_->tables())) {}

  Result<TableAnswer> answer(const std::string& question) {
    if (schema_.tables.empty()) return Unexpected("it has no tables");
    auto values = find_values(question);
    if (!values) return Unexpected(values.error());
    auto read = read_question(schema_, question, *values);
    if (!read) return Unexpected(read.error());
    question_ = *std::move(read);
    return run();
  }

 private:
  Result<TableRows> query(const std::string& sql) const { return reader_->query(sql, kLimits); }

  Result<std::vector<KnownValue>> find_values(const std::string& question) const {
    const auto end = Clock::now() + std::chrono::milliseconds(kLimits.milliseconds_max);
    std::vector<KnownValue> values;
    for (size_t t = 0; t < schema_.tables.size(); ++t) {
      const auto& columns = schema_.tables[t].columns;
      for (size_t c = 0; c < columns.size(); ++c) {
        if (columns[c].type != store::TableColumnType::text) continue;
        if (Clock::now() > end) return Unexpected("looking for its words takes too long");
        auto found = query(value_sql(schema_.tables[t], columns[c], question));
        if (!found) return Unexpected(found.error());
        for (auto& row : found->rows) {
          values.push_back({.table = t, .column = c, .value = std::get<std::string>(row.front())});
        }
      }
    }
    return values;
  }

  Result<TableAnswer> run() const {
    TableAnswer answer;
    answer.collection = collection_;
    answer.sql = answer_sql(schema_, question_);
    answer.read_as = described(schema_, question_);
    const auto rows = query(answer.sql);
    const auto evidence = query(evidence_sql(schema_, question_, kRowLinksMax));
    const auto count = query(count_sql(schema_, question_));
    for (const auto* result : {&rows, &evidence, &count}) {
      if (!result->has_value()) return Unexpected(result->error());
    }
    answer.n_rows = std::get<int64_t>(count->rows.front().front());
    if (question_.order && question_.aggregate == Aggregate::rows) {
      answer.n_rows = std::ssize(rows->rows);
    }
    answer.columns = rows->columns;
    for (const auto& row : rows->rows) {
      if (std::ssize(answer.rows) == kShownRowsMax) break;
      auto& cells = answer.rows.emplace_back();
      for (const auto& cell : row) cells.push_back(plain(cell, decimals()));
    }
    for (const auto& row : evidence->rows) {
      if (std::ssize(answer.links) < kRowLinksMax) answer.links.push_back(link_to(row));
    }
    answer.citations = cite(answer.links);
    answer.text = text_of(*rows, answer.n_rows);
    return answer;
  }

  const SchemaTable& base() const { return schema_.tables[question_.base]; }
  const SchemaColumn* measure() const {
    return question_.measure ? &base().columns[question_.measure->column] : nullptr;
  }
  int decimals() const {
    if (measure() == nullptr) return 0;
    const int own = measure()->decimals;
    return question_.aggregate == Aggregate::average ? std::max(own, 2) : own;
  }
  std::string unit() const { return measure() == nullptr ? std::string() : measure()->unit; }

  RowLink link_to(const std::vector<TableCell>& row) const {
    RowLink link{.row = std::get<int64_t>(row[0]),
                 .document = std::get<int64_t>(row[1]),
                 .start_char = std::get<int64_t>(row[2]),
                 .end_char = std::get<int64_t>(row[3]),
                 .table = base().name,
                 .title = row_title(row),
                 .value = {}};
    if (measure() != nullptr) link.value = shown(row.back(), decimals(), unit());
    return link;
  }

  std::string row_title(const std::vector<TableCell>& row) const {
    return title_in(row, kRowColumns, row.size() - (measure() == nullptr ? 0 : 1));
  }

  std::vector<Citation> cite(const std::vector<RowLink>& links) const {
    constexpr size_t kCitationsMax = 5;
    std::vector<Citation> citations;
    for (const RowLink& link : links) {
      if (citations.size() == kCitationsMax) break;
      const auto document = store_.document(link.document);
      const auto text = document ? store_.text(link.document) : std::nullopt;
      if (!text || link.start_char >= link.end_char) continue;
      citations.push_back({.document = link.document,
                           .title = document->title,
                           .page = {},
                           .start_char = link.start_char,
                           .end_char = link.end_char,
                           .quote = std::string(slice_chars(*text, link.start_char, link.end_char)),
                           .verified = true,
                           .derived = true});
    }
    find_pages(store_, citations);
    return citations;
  }

  std::string text_of(const TableRows& rows, int64_t n_rows) const {
    if (question_.aggregate == Aggregate::rows) return text_of_rows(rows, n_rows);
    if (!question_.groups.empty()) return text_of_groups(rows);
    const std::string value = shown(rows.rows.front().front(), decimals(), unit());
    const std::string what = n_rows == 1 && question_.aggregate == Aggregate::count
                                 ? base().singular_label
                                 : base().plural_label;
    if (question_.aggregate == Aggregate::count) return value + " " + what;
    if (n_rows == 0) return "None: no " + base().plural_label + " match";
    const char* const how = question_.aggregate == Aggregate::sum ? "the sum of " : "the average ";
    return value + " (" + how + measure()->label + " of " + grouped(std::to_string(n_rows)) + " " +
           (n_rows == 1 ? base().singular_label : base().plural_label) + ")";
  }

  std::string text_of_groups(const TableRows& rows) const {
    if (rows.rows.empty()) return "None: no " + base().plural_label + " match";
    return lines(rows, [&](const std::vector<TableCell>& row) {
      const std::string group = title_in(row, 0, row.size() - 1);
      return (group.empty() ? "(none)" : group) + ": " + shown(row.back(), decimals(), unit());
    });
  }

  std::string text_of_rows(const TableRows& rows, int64_t n_rows) const {
    if (n_rows == 0) return "None: no " + base().plural_label + " match";
    return lines(rows, [&](const std::vector<TableCell>& row) {
      const std::string title = row_title(row);
      if (measure() == nullptr) return title;
      return title + ": " + shown(row.back(), decimals(), unit());
    });
  }

  // One a row, as many as are read with pleasure.
  template <typename Line>
  static std::string lines(const TableRows& rows, const Line& line) {
    constexpr size_t kLinesMax = 20;
    std::string text;
    for (size_t i = 0; i < std::min(rows.rows.size(), kLinesMax); ++i) {
      text += (i > 0 ? "\n" : "") + line(rows.rows[i]);
    }
    if (rows.rows.size() > kLinesMax) {
      text += "\nand " + std::to_string(rows.rows.size() - kLinesMax) +
              (rows.is_cut ? " or more" : "") + " others";
    }
    return text;
  }

  const store::Store& store_;
  store::CollectionId collection_;
  std::unique_ptr<store::TableReader> reader_;
  Schema schema_;
  TableQuestion question_;
};

}  // namespace

Result<TableAnswer> answer_from_tables(const store::Store& store,
                                       store::CollectionId collection,
                                       const std::string& question) {
  return Answerer(store, collection).answer(question);
}

}  // namespace widenet::answer
