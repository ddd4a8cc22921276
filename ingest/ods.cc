// ODS (OpenDocument spreadsheet): each visible sheet's cells, by their values.
#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "ingest/odf.h"
#include "ingest/parsers.h"
#include "ingest/sheets.h"
#include "ingest/text.h"
#include "ingest/xml_tree.h"

namespace widenet::ingest {
namespace {

// "2026-03-31T14:05:00.000" is "2026-03-31T14:05", as XLSX's moments are written.
std::string_view moment_of(std::string_view value) {
  value = value.substr(0, value.find('.'));
  if (value.size() == 19 && value.ends_with(":00")) value.remove_suffix(3);
  return value;
}

// "PT14H05M00S" is "14:05"; empty if it is no such thing.
std::string time_of(std::string_view value) {
  double seconds = 0;
  if (!value.starts_with("PT")) return {};
  value.remove_prefix(2);
  while (!value.empty()) {
    const size_t unit = value.find_first_of("HMS");
    const auto count = number_from<double>(value.substr(0, unit));
    if (unit == std::string_view::npos || !count) return {};
    seconds += *count * (value[unit] == 'H' ? 3600 : value[unit] == 'M' ? 60 : 1);
    value.remove_prefix(unit + 1);
  }
  return iso_moment(seconds / 86'400, seconds < 86'400 ? Moment::time : Moment::duration);
}

class SheetReader {
 public:
  explicit SheetReader(Sheet& sheet) : sheet_(sheet) {}

  bool reached_depth_max() const { return reached_depth_max_; }

  // False if the sheet holds too much.
  bool rows(const pugi::xml_node& node, int depth) {
    reached_depth_max_ = reached_depth_max_ || depth > kXmlDepthMax;
    for (const pugi::xml_node& child : node.children()) {
      if (depth > kXmlDepthMax) break;
      const std::string_view name = local_name(child);
      const bool is_group =
          name == "table-rows" || name == "table-header-rows" || name == "table-row-group";
      if (is_group && !rows(child, depth + 1)) return false;
      if (name == "table-row" && !row(child)) return false;
    }
    return true;
  }

 private:
  bool row(const pugi::xml_node& node) {
    sheet_.start_row();
    int64_t column = 0;
    for (const pugi::xml_node& cell : node.children()) {
      const std::string_view name = local_name(cell);
      if (name != "table-cell" && name != "covered-table-cell") continue;
      const int64_t end = column + repeats_of(cell, "number-columns-repeated");
      const std::string text = name == "table-cell" ? shown(cell) : std::string();
      const int64_t last = text.empty() ? column : std::min(end, kSheetColumnsMax);
      for (; column < last; ++column) {
        if (!sheet_.add(column, text)) return false;
      }
      column = end;
    }
    return sheet_.repeat_row(repeats_of(node, "number-rows-repeated") - 1);
  }

  std::string shown(const pugi::xml_node& cell) {
    const std::string_view type = attribute_of(cell, "value-type");
    if (type == "boolean") return attribute_of(cell, "boolean-value") == "true" ? "TRUE" : "FALSE";
    if (type == "date") return std::string(moment_of(attribute_of(cell, "date-value")));
    const auto number = number_from<double>(attribute_of(cell, "value"));
    if (number && (type == "float" || type == "currency")) return shown_number(*number);
    if (type == "time") {
      std::string time = time_of(attribute_of(cell, "time-value"));
      if (!time.empty()) return time;
    }
    TextBuilder text;
    OdfWriter writer(text);
    writer.blocks(cell, 0);
    reached_depth_max_ = reached_depth_max_ || writer.reached_depth_max();
    if (!text.text().empty()) return text.take();
    if (number && type == "percentage") return shown_number(*number * 100) + "%";
    return std::string(attribute_of(cell, "string-value"));
  }

  Sheet& sheet_;
  bool reached_depth_max_ = false;
};

}  // namespace

Parsed parse_ods(std::string_view bytes, std::string_view) {
  ExtractedDocument document;
  document.format = "ods";
  OdfContent content;
  const Result<bool> read = read_odf(bytes, "spreadsheet", content, document);
  if (!read) return Unexpected{read.error()};
  const auto hidden = styles_with(content.xml, "table-properties", "display", "false");
  SheetWriter writer(document);
  bool reached_depth_max = false;
  int32_t number = 0;
  for (const pugi::xml_node& table : content.body.children()) {
    if (local_name(table) != "table") continue;
    ++number;
    const std::string name(attribute_of(table, "name"));
    if (hidden.contains(std::string(attribute_of(table, "style-name")))) {
      writer.leave_out(name);
      continue;
    }
    Sheet sheet(name);
    SheetReader reader(sheet);
    if (!reader.rows(table, 0)) return Unexpected{std::string(kTooMuchInTables)};
    reached_depth_max = reached_depth_max || reader.reached_depth_max();
    const Result<bool> added = writer.add(sheet, number);
    if (!added) return Unexpected{added.error()};
  }
  writer.finish();
  if (reached_depth_max) document.warnings.emplace_back(kTooDeepWarning);
  Extraction extraction;
  extraction.documents.push_back(std::move(document));
  return extraction;
}

}  // namespace widenet::ingest
