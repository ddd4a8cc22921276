#include "ingest/document.h"

#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "base/utf8.h"
#include "ingest/base64.h"
#include "ingest/extract.h"
#include "ingest/text.h"

// The JSON: {"documents": [{"title", "format", "text", "pages", "tables", "metadata", "warnings"}],
// "attachments": [{"name", "base64"}]}.  A page is {"number", "start", "end", "width", "height",
// "words"}, its words one flat array of start, end, left, top, right, bottom for each.  A table is
// {"name", "columns": [[name, type]], "rows": [[cell]], "lines": [start, end, ..]}, the type an
// index into ColumnType.

namespace widenet::ingest {
namespace {

using nlohmann::json;

constexpr size_t kWordFields = 6;
constexpr int64_t kStringsMax = 1000;  // of metadata entries, of warnings
constexpr int64_t kColumnsMax = 10'000;
constexpr float kPointsMax = 1e6F;

// Inside this file only: why the child's output was refused.
struct Refusal {
  std::string reason;
};

void require(bool holds, const char* reason) {
  if (!holds) throw Refusal{reason};
}

json page_json(const Page& page) {
  json words = json::array();
  for (const WordBox& w : page.words) {
    words.insert(words.end(), {w.start_char, w.end_char, w.left, w.top, w.right, w.bottom});
  }
  return {{"number", page.number}, {"start", page.start_char}, {"end", page.end_char},
          {"width", page.width},   {"height", page.height},    {"words", std::move(words)}};
}

json table_json(const Table& table) {
  json columns = json::array();
  for (const Column& column : table.columns) {
    columns.push_back({column.name, static_cast<int>(column.type)});
  }
  json lines = json::array();
  for (const RowLine& line : table.lines) {
    lines.insert(lines.end(), {line.start_char, line.end_char});
  }
  return {{"name", table.name},
          {"columns", std::move(columns)},
          {"rows", table.rows},
          {"lines", std::move(lines)}};
}

json document_json(const ExtractedDocument& document) {
  json pages = json::array();
  for (const Page& page : document.pages) pages.push_back(page_json(page));
  json tables = json::array();
  for (const Table& table : document.tables) tables.push_back(table_json(table));
  return {{"title", document.title},      {"format", document.format},
          {"text", document.text},        {"pages", std::move(pages)},
          {"tables", std::move(tables)},  {"metadata", document.metadata},
          {"warnings", document.warnings}};
}

float finite(const json& value) {
  const auto number = value.get<float>();
  require(std::isfinite(number) && std::abs(number) <= kPointsMax, "a box is out of range");
  return number;
}

std::string line_from(const json& value) {
  auto line = value.get<std::string>();
  require(one_line(line) == line, "a title, name or warning is not one clean line");
  return line;
}

WordBox word_from(const json& words, size_t at) {
  return {.start_char = words[at].get<int64_t>(),
          .end_char = words[at + 1].get<int64_t>(),
          .left = finite(words[at + 2]),
          .top = finite(words[at + 3]),
          .right = finite(words[at + 4]),
          .bottom = finite(words[at + 5])};
}

// Pages lie in order within [earliest, n_chars); their words in order within them.
Page page_from(const json& value, int64_t earliest, int64_t n_chars) {
  Page page{.number = value.at("number").get<int32_t>(),
            .start_char = value.at("start").get<int64_t>(),
            .end_char = value.at("end").get<int64_t>(),
            .width = finite(value.at("width")),
            .height = finite(value.at("height")),
            .words = {}};
  require(page.number > 0 && earliest <= page.start_char && page.start_char <= page.end_char &&
              page.end_char <= n_chars,
          "a page lies outside the text");
  const json& words = value.at("words");
  require(words.is_array() && words.size() % kWordFields == 0, "a page's words are cut off");
  page.words.reserve(words.size() / kWordFields);
  int64_t at = page.start_char;
  for (size_t i = 0; i < words.size(); i += kWordFields) {
    const WordBox word = word_from(words, i);
    require(
        at <= word.start_char && word.start_char < word.end_char && word.end_char <= page.end_char,
        "a word lies outside its page");
    at = word.end_char;
    page.words.push_back(word);
  }
  return page;
}

Column column_from(const json& value) {
  const auto type = value.at(1).get<int>();
  require(0 <= type && type <= static_cast<int>(ColumnType::real), "a column has no known type");
  return {line_from(value.at(0)), static_cast<ColumnType>(type)};
}

// Lines lie in order within the text.
std::vector<RowLine> lines_from(const json& value, size_t n_rows, int64_t n_chars) {
  require(value.is_array() && value.size() == 2 * n_rows, "a table's lines are not its rows'");
  std::vector<RowLine> lines(n_rows);
  int64_t at = 0;
  for (size_t i = 0; i < n_rows; ++i) {
    lines[i] = {.start_char = value[2 * i].get<int64_t>(),
                .end_char = value[2 * i + 1].get<int64_t>()};
    require(at <= lines[i].start_char && lines[i].start_char <= lines[i].end_char &&
                lines[i].end_char <= n_chars,
            "a row's line lies outside the text");
    at = lines[i].end_char;
  }
  return lines;
}

Table table_from(const json& value, int64_t n_chars) {
  Table table{.name = line_from(value.at("name")), .columns = {}, .rows = {}, .lines = {}};
  const json& columns = value.at("columns");
  require(columns.is_array() && columns.size() <= size_t{kColumnsMax}, "a table is too wide");
  std::set<std::string> names;
  for (const json& column : columns) {
    table.columns.push_back(column_from(column));
    require(names.insert(table.columns.back().name).second, "two columns have one name");
  }
  table.rows = value.at("rows").get<std::vector<std::vector<std::string>>>();
  for (const auto& row : table.rows) {
    require(row.size() == table.columns.size(), "a row has too few or too many cells");
  }
  table.lines = lines_from(value.at("lines"), table.rows.size(), n_chars);
  return table;
}

ExtractedDocument document_from(const json& value) {
  ExtractedDocument document;
  document.title = line_from(value.at("title"));
  document.format = value.at("format").get<std::string>();
  require(format_named(document.format).has_value(), "the format is unknown");
  document.text = value.at("text").get<std::string>();
  require(document.text.size() <= size_t{kTextBytesMax}, "the text is too long");
  require(!document.text.empty() && is_canonical(document.text), "the text is not canonical");
  const int64_t n_chars = count_chars(document.text);
  const json& pages = value.at("pages");
  require(pages.is_array() && pages.size() <= size_t{kPagesMax}, "there are too many pages");
  for (const json& page : pages) {
    const int64_t earliest = document.pages.empty() ? 0 : document.pages.back().end_char;
    document.pages.push_back(page_from(page, earliest, n_chars));
  }
  for (const json& table : value.at("tables")) {
    document.tables.push_back(table_from(table, n_chars));
  }
  require(value.at("metadata").size() <= size_t{kStringsMax} &&
              value.at("warnings").size() <= size_t{kStringsMax},
          "there is too much metadata");
  for (const auto& [name, entry] : value.at("metadata").items()) {
    document.metadata[name] = line_from(entry);
  }
  for (const json& warning : value.at("warnings")) document.warnings.push_back(line_from(warning));
  return document;
}

Attachment attachment_from(const json& value) {
  auto bytes = from_base64(value.at("base64").get_ref<const std::string&>());
  require(bytes.has_value(), "an attachment is not base64");
  return {line_from(value.at("name")), *std::move(bytes)};
}

Extraction extraction_from(const json& value) {
  Extraction extraction;
  for (const json& document : value.at("documents")) {
    extraction.documents.push_back(document_from(document));
  }
  const json& attachments = value.at("attachments");
  require(attachments.size() <= size_t{kAttachmentsMax}, "there are too many attachments");
  for (const json& attachment : attachments) {
    extraction.attachments.push_back(attachment_from(attachment));
  }
  return extraction;
}

}  // namespace

std::string to_json(const Extraction& extraction) {
  json documents = json::array();
  for (const auto& document : extraction.documents) documents.push_back(document_json(document));
  json attachments = json::array();
  for (const auto& attachment : extraction.attachments) {
    attachments.push_back({{"name", attachment.name}, {"base64", to_base64(attachment.bytes)}});
  }
  return json{{"documents", std::move(documents)}, {"attachments", std::move(attachments)}}.dump(
      -1, ' ', false, json::error_handler_t::replace);
}

Result<Extraction> extraction_from_json(std::string_view text) {
  try {
    return extraction_from(json::parse(text));
  } catch (const Refusal& refusal) {
    return Unexpected{"the extractor's output was refused: " + refusal.reason};
  } catch (const json::exception& error) {
    return Unexpected{std::string("the extractor's output is damaged: ") + error.what()};
  }
}

}  // namespace widenet::ingest
