// JSON and JSON Lines as text: a record (an object in an array) is one line "name: value; name:
// value", everything else a line "path: value" each.  The records of one array are a table, too.
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "ingest/fields.h"
#include "ingest/parsers.h"
#include "ingest/table.h"
#include "ingest/text.h"

namespace widenet::ingest {
namespace {

using nlohmann::json;

constexpr size_t kDepthMax = 200;

// Collects records by the array that holds them.
class RecordTables {
 public:
  void add(const std::string& array, const std::vector<Field>& fields, CharRange range) {
    Records& records = by_array_[array];
    auto& row = records.rows.emplace_back();
    for (const Field& field : fields) {
      const auto column = records.columns.emplace(field.path, records.columns.size()).first->second;
      if (column == records.names.size()) records.names.push_back(field.path);
      row.resize(std::max(row.size(), column + 1));
      std::string& cell = row[column];
      cell += (cell.empty() ? "" : ", ") + cell_text(field.value);
    }
    records.lines.push_back({.start_char = range.start_char, .end_char = range.end_char});
  }

  // One record makes no table, nor do so many names that they are no columns.  `otherwise`: what
  // an array without a name is called.
  std::vector<Table> take(const std::string& otherwise) {
    constexpr size_t kColumnsMax = 500;
    std::vector<Table> tables;
    for (auto& [array, records] : by_array_) {
      if (records.rows.size() < 2 || records.names.size() > kColumnsMax) continue;
      if (!names_columns(records.names)) continue;
      records.rows.insert(records.rows.begin(), records.names);
      auto table = make_table(std::move(records.rows), array.empty() ? otherwise : array);
      if (!table) continue;
      table->lines = std::move(records.lines);
      tables.push_back(*std::move(table));
    }
    by_array_.clear();
    return tables;
  }

 private:
  struct Records {
    std::vector<std::string> names;
    std::map<std::string, size_t> columns;
    std::vector<Row> rows;
    std::vector<RowLine> lines;
  };
  std::map<std::string, Records> by_array_;
};

// Receives the parser's events; keeps no tree.  Fields wait only while their record is open.
class Flattener : public json::json_sax_t {
 public:
  Flattener(TextBuilder& out, RecordTables& tables) : out_(out), tables_(tables) {}

  const std::string& problem() const { return problem_; }

  bool null() override { return skip(); }
  bool boolean(bool value) override { return scalar(value ? "true" : "false"); }
  bool number_integer(number_integer_t value) override { return scalar(std::to_string(value)); }
  bool number_unsigned(number_unsigned_t value) override { return scalar(std::to_string(value)); }
  bool number_float(number_float_t, const string_t& raw) override { return scalar(raw); }
  bool string(string_t& value) override { return scalar(value); }
  bool binary(binary_t&) override { return skip(); }

  bool start_object(size_t) override { return open(/*is_array=*/false); }
  bool start_array(size_t) override { return open(/*is_array=*/true); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    levels_.back().name = name;
    return true;
  }

  bool parse_error(size_t position, const std::string&, const json::exception&) override {
    problem_ = "the JSON is malformed at byte " + std::to_string(position);
    return false;
  }

 private:
  struct Level {
    bool is_array = false;
    bool is_record = false;
    int64_t index = -1;  // of the current element
    std::string name;    // of the current member
  };

  bool skip() {
    step();
    return true;
  }

  void step() {
    if (!levels_.empty() && levels_.back().is_array) ++levels_.back().index;
  }

  bool open(bool is_array) {
    step();
    if (levels_.size() == kDepthMax) {
      problem_ = "the JSON is nested more than " + std::to_string(kDepthMax) + " levels deep";
      return false;
    }
    const bool in_array = !levels_.empty() && levels_.back().is_array;
    Level level{.is_array = is_array, .is_record = false, .index = -1, .name = {}};
    if (!is_array && in_array && record_depth_ == 0) {
      level.is_record = true;
      record_depth_ = levels_.size() + 1;
    }
    levels_.push_back(std::move(level));
    return true;
  }

  bool close() {
    if (levels_.back().is_record) {
      const CharRange range = write_record(fields_, out_);
      if (!fields_.empty()) tables_.add(array_path(), fields_, range);
      fields_.clear();
      record_depth_ = 0;
    }
    levels_.pop_back();
    return true;
  }

  bool scalar(std::string_view value) {
    step();
    Field field{path(), std::string(trimmed(value))};
    if (field.value.empty()) return true;
    if (record_depth_ > 0) {
      fields_.push_back(std::move(field));
    } else {
      write_line(field, out_);
    }
    return true;
  }

  // The names from the record (or the top) down.  An element of an array goes by the array's name:
  // its number would be noise.
  std::string path() const {
    std::string path;
    for (size_t i = record_depth_ > 0 ? record_depth_ - 1 : 0; i < levels_.size(); ++i) {
      if (levels_[i].is_array) continue;
      if (!path.empty()) path += '.';
      path += levels_[i].name;
    }
    return path;
  }

  // The names above the open record.
  std::string array_path() const {
    std::string path;
    for (size_t i = 0; i + 1 < record_depth_; ++i) {
      if (levels_[i].is_array) continue;
      if (!path.empty()) path += '.';
      path += levels_[i].name;
    }
    return path;
  }

  TextBuilder& out_;
  RecordTables& tables_;
  std::vector<Level> levels_;
  size_t record_depth_ = 0;  // number of levels down to the open record; 0 without one
  std::vector<Field> fields_;
  std::string problem_;
};

Parsed finished(std::string_view format,
                std::string_view name,
                TextBuilder& text,
                RecordTables& tables) {
  ExtractedDocument document;
  document.format = format;
  document.text = text.take();
  document.tables = tables.take(one_line(stem_of(name)));
  Extraction extraction;
  extraction.documents.push_back(std::move(document));
  return extraction;
}

}  // namespace

Parsed parse_json(std::string_view bytes, std::string_view name) {
  const DecodedText decoded = decode_text(bytes);
  TextBuilder text;
  RecordTables tables;
  Flattener flattener(text, tables);
  if (json::sax_parse(decoded.text, &flattener)) return finished("json", name, text, tables);
  // Several values, one a line, under the name of JSON.
  Parsed lines = parse_jsonl(bytes, name);
  if (lines) return lines;
  return Unexpected{flattener.problem()};
}

Parsed parse_jsonl(std::string_view bytes, std::string_view name) {
  const DecodedText decoded = decode_text(bytes);
  TextBuilder text;
  RecordTables tables;
  int64_t number = 0;
  for (std::string_view rest = decoded.text; !rest.empty();) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    ++number;
    line = trimmed(line);
    if (line.empty()) continue;
    // An array of one, so that the line's object is a record.
    Flattener flattener(text, tables);
    const std::string record = '[' + std::string(line) + ']';
    if (!json::sax_parse(record, &flattener)) {
      return Unexpected{"line " + std::to_string(number) + ": " + flattener.problem()};
    }
  }
  return finished("jsonl", name, text, tables);
}

}  // namespace widenet::ingest
