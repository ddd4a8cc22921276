// XLSX (ECMA-376 SpreadsheetML): each visible sheet's cells, formulas by the value that was last
// computed.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "ingest/ooxml.h"
#include "ingest/parsers.h"
#include "ingest/sheets.h"
#include "ingest/text.h"
#include "ingest/xml_tree.h"

namespace widenet::ingest {
namespace {

// What a number format shows: a number, a percentage with some decimals, or a moment.
struct NumberFormat {
  std::optional<Moment> moment;
  std::optional<int> percent_decimals;
};

// The formats that are known by number only, section 18.8.30.
std::string_view builtin_format(int64_t id) {
  if ((id >= 14 && id <= 17) || (id >= 27 && id <= 31) || (id >= 50 && id <= 58)) return "yyyy";
  if ((id >= 18 && id <= 21) || (id >= 32 && id <= 36) || id == 45 || id == 47) return "h:mm";
  if (id == 22) return "yyyy h:mm";
  if (id == 46) return "[h]:mm";
  if (id == 9) return "0%";
  return id == 10 ? "0.00%" : "General";
}

// The letters of a format code's first section, without what it shows literally.
std::string bare_code(std::string_view code) {
  std::string bare;
  for (size_t at = 0; at < code.size() && code[at] != ';'; ++at) {
    if (code[at] == '"') {
      at = std::min(code.find('"', at + 1), code.size());
    } else if (code[at] == '\\' || code[at] == '_' || code[at] == '*') {
      ++at;
    } else if (code[at] == '[') {
      const size_t end = std::min(code.find(']', at), code.size());
      const std::string inside = lowered(code.substr(at + 1, end - at - 1));
      // Elapsed time; all else in brackets is a colour, a condition or a locale.
      if (!inside.empty() && inside.find_first_not_of("hms") == std::string::npos) bare += '[';
      at = end;
    } else {
      bare += code[at];
    }
  }
  return lowered(bare);
}

NumberFormat format_of(std::string_view code) {
  const std::string bare = bare_code(code);
  if (bare == "general" || bare == "standard") return {};  // the same in German
  const bool has_clock = bare.find_first_of("hs") != std::string::npos;
  const bool has_day = bare.find_first_of("yd") != std::string::npos ||
                       (!has_clock && bare.find('m') != std::string::npos);
  const auto shows = [](Moment moment) { return NumberFormat{moment, std::nullopt}; };
  if (bare.find('[') != std::string::npos) return shows(Moment::duration);
  if (has_day && has_clock) return shows(Moment::date_time);
  if (has_day) return shows(Moment::date);
  if (has_clock) return shows(Moment::time);
  if (bare.find('%') == std::string::npos) return {};
  const size_t point = std::min(bare.find('.'), bare.size());
  const auto decimals = std::count(bare.begin() + static_cast<int64_t>(point), bare.end(), '0');
  return {.moment = {}, .percent_decimals = static_cast<int>(std::min<int64_t>(decimals, 15))};
}

// By a cell's style.
std::vector<NumberFormat> read_formats(const pugi::xml_node& style_sheet) {
  std::map<int64_t, NumberFormat> own;
  for (const pugi::xml_node& format : child_of(style_sheet, "numFmts").children()) {
    const auto id = number_from<int64_t>(attribute_of(format, "numFmtId"));
    if (id) own[*id] = format_of(attribute_of(format, "formatCode"));
  }
  std::vector<NumberFormat> formats;
  for (const pugi::xml_node& style : child_of(style_sheet, "cellXfs").children()) {
    if (local_name(style) != "xf") continue;
    const int64_t id = number_from<int64_t>(attribute_of(style, "numFmtId")).value_or(0);
    const auto known = own.find(id);
    formats.push_back(known != own.end() ? known->second : format_of(builtin_format(id)));
  }
  return formats;
}

// "_x000D_" stands for the character of that number.
std::string unescaped(std::string_view text) {
  std::string plain;
  for (size_t at = 0; at < text.size(); ++at) {
    uint16_t unit = 0;
    const std::string_view escape = text.substr(at, 7);
    const bool is_escape = escape.size() == 7 && escape.starts_with("_x") && escape.back() == '_' &&
                           std::from_chars(&escape[2], &escape[6], unit, 16).ptr == &escape[6];
    if (is_escape) append_utf8(plain, unit);
    if (!is_escape) plain += text[at];
    at += is_escape ? 6 : 0;
  }
  return plain;
}

// A string's runs, one after the other; how they are pronounced (rPh) is left out.
std::string string_of(const pugi::xml_node& item) {
  std::string text;
  for (const pugi::xml_node& part : item.children()) {
    const std::string_view name = local_name(part);
    if (name == "t") text += text_in(part);
    if (name == "r") text += text_in(child_of(part, "t"));
  }
  return text.find("_x") == std::string::npos ? text : unescaped(text);
}

// "BC7" is in column 54, counted from 0; -1 if it says none.
int64_t column_of(std::string_view reference) {
  int64_t column = 0;
  for (const char c : reference) {
    if (c < 'A' || c > 'Z' || column > kSheetColumnsMax) break;
    column = column * 26 + (c - 'A' + 1);
  }
  return column - 1;
}

class Workbook {
 public:
  explicit Workbook(const OoxmlParts& parts)
      : parts_(parts),
        main_(main_part(parts, "xl/workbook.xml")),
        relationships_(relationships_of(parts, main_)) {}

  Result<bool> read(ExtractedDocument& document) {
    pugi::xml_document workbook;
    if (!parts_.contains(main_)) return Unexpected{"the XLSX has no xl/workbook.xml"};
    const Result<bool> loaded = load(main_, workbook);
    if (!loaded) return loaded;
    const Result<bool> shared = read_shared();
    if (!shared) return shared;
    const pugi::xml_node root = workbook.document_element();
    const std::string_view from_1904 = attribute_of(child_of(root, "workbookPr"), "date1904");
    days_before_ = from_1904 == "1" || from_1904 == "true" ? 1462 : 0;
    SheetWriter writer(document);
    int32_t number = 0;
    for (const pugi::xml_node& sheet : child_of(root, "sheets").children()) {
      if (local_name(sheet) != "sheet") continue;
      const Result<bool> read = read_sheet(sheet, ++number, writer);
      if (!read) return read;
    }
    writer.finish();
    return true;
  }

 private:
  Result<bool> load(const std::string& name, pugi::xml_document& document) const {
    const auto part = parts_.find(name);
    return part == parts_.end() ? Result<bool>(false) : load_xml(document, part->second);
  }

  Result<bool> read_shared() {
    pugi::xml_document styles;
    const Result<bool> styled = load(target_of(relationships_, "styles"), styles);
    if (!styled) return styled;
    formats_ = read_formats(styles.document_element());
    pugi::xml_document strings;
    const Result<bool> loaded = load(target_of(relationships_, "sharedStrings"), strings);
    if (!loaded) return loaded;
    for (const pugi::xml_node& item : strings.document_element().children()) {
      if (local_name(item) == "si") strings_.push_back(cell_text(string_of(item)));
    }
    return true;
  }

  Result<bool> read_sheet(const pugi::xml_node& entry, int32_t number, SheetWriter& writer) const {
    const std::string_view name = attribute_of(entry, "name");
    const auto relationship = relationships_.find(relationship_id(entry));
    if (relationship == relationships_.end()) return true;
    const std::string_view state = attribute_of(entry, "state");
    if (state == "hidden" || state == "veryHidden") {
      writer.leave_out(name);
      return true;
    }
    pugi::xml_document parsed;
    const Result<bool> loaded = load(relationship->second.target, parsed);
    if (!loaded) return loaded;
    Sheet sheet{std::string(name)};
    // A sheet that is a chart has no data.
    for (const pugi::xml_node& row : child_of(parsed.document_element(), "sheetData").children()) {
      if (!read_row(row, sheet)) return Unexpected{std::string(kTooMuchInTables)};
    }
    return writer.add(sheet, number);
  }

  bool read_row(const pugi::xml_node& row, Sheet& sheet) const {
    sheet.start_row();
    int64_t column = -1;
    for (const pugi::xml_node& cell : row.children()) {
      if (local_name(cell) != "c") continue;
      const int64_t own = column_of(attribute_of(cell, "r"));
      column = own >= 0 ? own : column + 1;
      if (!sheet.add(column, shown(cell))) return false;
    }
    return true;
  }

  std::string shown(const pugi::xml_node& cell) const {
    const std::string_view type = attribute_of(cell, "t");
    if (type == "inlineStr") return string_of(child_of(cell, "is"));
    const std::string_view value = text_in(child_of(cell, "v"));
    if (type == "s") {
      const auto index = number_from<uint64_t>(trimmed(value));
      return index && *index < strings_.size() ? strings_[*index] : std::string();
    }
    if (type == "b") return value == "1" || value == "true" ? "TRUE" : "FALSE";
    if (type == "str") return unescaped(value);
    const auto number = number_from<double>(trimmed(value));
    if (type == "e" || type == "d" || !number) return std::string(value);
    return shown(*number, attribute_of(cell, "s"));
  }

  std::string shown(double number, std::string_view style) const {
    const uint64_t index = number_from<uint64_t>(style).value_or(0);
    const NumberFormat format = index < formats_.size() ? formats_[index] : NumberFormat();
    if (format.percent_decimals) {
      const double unit = std::pow(10, *format.percent_decimals);
      return shown_number(std::round(number * 100 * unit) / unit) + "%";
    }
    std::string moment;
    if (format.moment) moment = iso_moment(number + offset(number, *format.moment), *format.moment);
    return moment.empty() ? shown_number(number) : moment;
  }

  // From the file's day count to that of iso_moment.  XLSX counts a 29 February 1900.
  double offset(double days, Moment kind) const {
    if (kind == Moment::time || kind == Moment::duration) return 0;
    return days_before_ > 0 ? days_before_ : days < 60 ? 1 : 0;
  }

  const OoxmlParts& parts_;
  std::string main_;
  std::map<std::string, Relationship> relationships_;
  std::vector<NumberFormat> formats_;
  std::vector<std::string> strings_;
  double days_before_ = 0;
};

}  // namespace

Parsed parse_xlsx(std::string_view bytes, std::string_view) {
  const Result<OoxmlParts> parts = read_ooxml(bytes);
  if (!parts) return Unexpected{parts.error()};
  ExtractedDocument document;
  document.format = "xlsx";
  read_core_properties(*parts, document);
  const Result<bool> read = Workbook(*parts).read(document);
  if (!read) return Unexpected{read.error()};
  Extraction extraction;
  extraction.documents.push_back(std::move(document));
  return extraction;
}

}  // namespace widenet::ingest
