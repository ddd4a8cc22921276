// DOCX (ECMA-376 WordprocessingML) by libarchive and pugixml, which knows no entities and fetches
// nothing: paragraphs, headings, lists, tables, notes; deleted text is left out.
#include <algorithm>
#include <pugixml.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "base/utf8.h"
#include "ingest/parsers.h"
#include "ingest/text.h"
#include "ingest/zip.h"

namespace widenet::ingest {
namespace {

constexpr int kDepthMax = 200;

// The element's name without its namespace prefix, which writers choose freely.
std::string_view local_name(const pugi::xml_node& node) {
  const std::string_view name = node.name();
  const size_t colon = name.find(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

pugi::xml_node child_of(const pugi::xml_node& node, std::string_view name) {
  return node.find_child([&](const pugi::xml_node& child) { return local_name(child) == name; });
}

std::string_view attribute_of(const pugi::xml_node& node, std::string_view name) {
  for (const pugi::xml_attribute& attribute : node.attributes()) {
    std::string_view local = attribute.name();
    local.remove_prefix(local.find(':') == local.npos ? 0 : local.find(':') + 1);
    if (local == name) return attribute.value();
  }
  return {};
}

bool is_valid(const char* text) {
  return is_valid_utf8(text);
}

class Writer {
 public:
  explicit Writer(TextBuilder& out) : out_(out) {}

  const std::string& title() const { return title_; }
  bool reached_depth_max() const { return reached_depth_max_; }

  void blocks(const pugi::xml_node& node, int depth) {
    if (too_deep(depth)) return;
    for (const pugi::xml_node& child : node.children()) {
      const std::string_view name = local_name(child);
      if (name == "p") {
        paragraph(child, depth + 1);
      } else if (name == "tbl") {
        table(child, depth + 1);
      } else if (!is_left_out(name)) {
        blocks(child, depth + 1);
      }
    }
  }

 private:
  bool too_deep(int depth) {
    reached_depth_max_ = reached_depth_max_ || depth > kDepthMax;
    return depth > kDepthMax;
  }

  // The second reading of the same thing, and what the author took away.
  static bool is_left_out(std::string_view name) {
    return name == "Fallback" || name == "del" || name == "moveFrom" || name == "instrText" ||
           name == "delText" || name == "sectPr" || name == "pPr" || name == "rPr";
  }

  void paragraph(const pugi::xml_node& node, int depth) {
    const pugi::xml_node properties = child_of(node, "pPr");
    const std::string style = lowered(attribute_of(child_of(properties, "pStyle"), "val"));
    const bool is_item = !child_of(properties, "numPr").empty() || style.starts_with("list");
    is_item ? out_.end_line() : out_.end_paragraph();
    const size_t before = out_.text().size();
    item_mark_ = is_item ? "- " : "";
    runs(node, depth);
    item_mark_ = {};
    const bool is_heading = style.starts_with("title") || style.starts_with("heading");
    if (is_heading && title_.empty()) title_ = one_line(out_.text().substr(before));
    is_item ? out_.end_line() : out_.end_paragraph();
  }

  void runs(const pugi::xml_node& node, int depth) {
    if (too_deep(depth)) return;
    for (const pugi::xml_node& child : node.children()) {
      const std::string_view name = local_name(child);
      if (name == "t") {
        if (!is_valid(child.text().get())) continue;
        out_.add(item_mark_);
        item_mark_ = {};
        out_.add(child.text().get());
      } else if (name == "tab") {
        out_.blank();
      } else if (name == "br" || name == "cr") {
        out_.end_line();
      } else if (name == "noBreakHyphen") {
        out_.add("-");
      } else if (name == "p") {  // of a text box
        paragraph(child, depth + 1);
      } else if (name == "tbl") {
        table(child, depth + 1);
      } else if (!is_left_out(name)) {
        runs(child, depth + 1);
      }
    }
  }

  void table(const pugi::xml_node& node, int depth) {
    out_.end_paragraph();
    rows(node, depth);
    out_.end_paragraph();
  }

  void rows(const pugi::xml_node& node, int depth) {
    if (too_deep(depth)) return;
    for (const pugi::xml_node& child : node.children()) {
      const std::string_view name = local_name(child);
      if (name == "tr") {
        std::string line;
        int64_t n_cells = 0;
        cells(child, depth + 1, line, n_cells);
        if (line.find_first_not_of(" |") != std::string::npos) out_.add(line);
        out_.end_line();
      } else if (name == "sdt" || name == "sdtContent") {  // content controls wrap rows
        rows(child, depth + 1);
      }
    }
  }

  void cells(const pugi::xml_node& row, int depth, std::string& line, int64_t& n_cells) {
    if (too_deep(depth)) return;
    for (const pugi::xml_node& child : row.children()) {
      const std::string_view name = local_name(child);
      if (name == "sdt" || name == "sdtContent") cells(child, depth + 1, line, n_cells);
      if (name != "tc") continue;
      TextBuilder text;
      Writer writer(text);
      writer.blocks(child, depth + 1);
      reached_depth_max_ = reached_depth_max_ || writer.reached_depth_max_;
      if (n_cells++ > 0) line += " | ";
      for (const char c : text.text()) {
        if (c != '\n') line += c;
        if (c == '\n' && line.back() != ' ') line += ' ';
      }
    }
  }

  TextBuilder& out_;
  std::string_view item_mark_;
  std::string title_;
  bool reached_depth_max_ = false;
};

bool is_wanted(std::string_view name) {
  const bool is_body = name.starts_with("word/document") && name.ends_with(".xml");
  return is_body || name == "word/footnotes.xml" || name == "word/endnotes.xml" ||
         name == "docProps/core.xml";
}

Result<bool> load(pugi::xml_document& document, const std::string& xml) {
  const pugi::xml_parse_result parsed = document.load_buffer(
      xml.data(), xml.size(), pugi::parse_default | pugi::parse_ws_pcdata_single);
  if (parsed) return true;
  return Unexpected{std::string("the document's XML is damaged: ") + parsed.description()};
}

void read_properties(const std::string& xml, ExtractedDocument& document) {
  pugi::xml_document parsed;
  if (!load(parsed, xml)) return;  // the text matters more
  for (const pugi::xml_node& property : parsed.document_element().children()) {
    if (!is_valid(property.text().get())) continue;
    const std::string value = one_line(property.text().get());
    const std::string_view name = local_name(property);
    if (value.empty()) continue;
    if (name == "title") document.title = value;
    if (name == "creator") document.metadata["author"] = value;
    if (name == "modified") document.metadata["date"] = value;
    if (name == "subject") document.metadata["subject"] = value;
  }
}

}  // namespace

Parsed parse_docx(std::string_view bytes, std::string_view) {
  Result<std::map<std::string, std::string>> parts = read_zip(bytes, is_wanted);
  if (!parts) return Unexpected{parts.error()};
  const auto body = std::find_if(parts->begin(), parts->end(), [](const auto& part) {
    return part.first.starts_with("word/document");
  });
  if (body == parts->end()) return Unexpected{"the DOCX has no word/document.xml"};
  ExtractedDocument document;
  document.format = "docx";
  read_properties((*parts)["docProps/core.xml"], document);
  TextBuilder text;
  Writer writer(text);
  for (const std::string& name :
       {body->first, std::string("word/footnotes.xml"), std::string("word/endnotes.xml")}) {
    pugi::xml_document parsed;
    if (!parts->contains(name)) continue;
    const Result<bool> loaded = load(parsed, (*parts)[name]);
    if (!loaded) return Unexpected{loaded.error()};
    writer.blocks(parsed.document_element(), 0);
  }
  if (document.title.empty()) document.title = writer.title();
  if (writer.reached_depth_max()) {
    document.warnings.push_back("parts nested more than 200 levels deep were left out");
  }
  document.text = text.take();
  Extraction extraction;
  extraction.documents.push_back(std::move(document));
  return extraction;
}

}  // namespace widenet::ingest
