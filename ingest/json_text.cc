// JSON and JSON Lines as text: a record (an object in an array) is one line "name: value; name:
// value", everything else a line "path: value" each.
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "ingest/fields.h"
#include "ingest/parsers.h"
#include "ingest/text.h"

namespace widenet::ingest {
namespace {

using nlohmann::json;

constexpr size_t kDepthMax = 200;

// Receives the parser's events; keeps no tree.  Fields wait only while their record is open.
class Flattener : public json::json_sax_t {
 public:
  explicit Flattener(TextBuilder& out) : out_(out) {}

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
      write_record(fields_, out_);
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

  TextBuilder& out_;
  std::vector<Level> levels_;
  size_t record_depth_ = 0;  // number of levels down to the open record; 0 without one
  std::vector<Field> fields_;
  std::string problem_;
};

Parsed finished(std::string_view format, TextBuilder& text) {
  ExtractedDocument document;
  document.format = format;
  document.text = text.take();
  Extraction extraction;
  extraction.documents.push_back(std::move(document));
  return extraction;
}

}  // namespace

Parsed parse_json(std::string_view bytes, std::string_view name) {
  const DecodedText decoded = decode_text(bytes);
  TextBuilder text;
  Flattener flattener(text);
  if (json::sax_parse(decoded.text, &flattener)) return finished("json", text);
  // Several values, one a line, under the name of JSON.
  Parsed lines = parse_jsonl(bytes, name);
  if (lines) return lines;
  return Unexpected{flattener.problem()};
}

Parsed parse_jsonl(std::string_view bytes, std::string_view) {
  const DecodedText decoded = decode_text(bytes);
  TextBuilder text;
  int64_t number = 0;
  for (std::string_view rest = decoded.text; !rest.empty();) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    ++number;
    line = trimmed(line);
    if (line.empty()) continue;
    // An array of one, so that the line's object is a record.
    Flattener flattener(text);
    const std::string record = '[' + std::string(line) + ']';
    if (!json::sax_parse(record, &flattener)) {
      return Unexpected{"line " + std::to_string(number) + ": " + flattener.problem()};
    }
  }
  return finished("jsonl", text);
}

}  // namespace widenet::ingest
