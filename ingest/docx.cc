// DOCX (ECMA-376 WordprocessingML): paragraphs, headings, lists, tables, notes; deleted text is
// left out.
#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ingest/ooxml.h"
#include "ingest/parsers.h"
#include "ingest/text.h"
#include "ingest/xml_tree.h"
#include "ingest/zip.h"

namespace widenet::ingest {
namespace {

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
    reached_depth_max_ = reached_depth_max_ || depth > kXmlDepthMax;
    return depth > kXmlDepthMax;
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
        const std::string_view text = text_in(child);
        if (text.empty()) continue;
        out_.add(item_mark_);
        item_mark_ = {};
        out_.add(text);
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
        std::vector<std::string> texts;
        cells(child, depth + 1, texts);
        out_.add(row_line(texts));
        out_.end_line();
      } else if (name == "sdt" || name == "sdtContent") {  // content controls wrap rows
        rows(child, depth + 1);
      }
    }
  }

  void cells(const pugi::xml_node& row, int depth, std::vector<std::string>& texts) {
    if (too_deep(depth)) return;
    for (const pugi::xml_node& child : row.children()) {
      const std::string_view name = local_name(child);
      if (name == "sdt" || name == "sdtContent") cells(child, depth + 1, texts);
      if (name != "tc") continue;
      TextBuilder text;
      Writer writer(text);
      writer.blocks(child, depth + 1);
      reached_depth_max_ = reached_depth_max_ || writer.reached_depth_max_;
      texts.push_back(flattened(text.text()));
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

}  // namespace

Parsed parse_docx(std::string_view bytes, std::string_view) {
  Result<OoxmlParts> parts = read_zip(bytes, is_wanted);
  if (!parts) return Unexpected{parts.error()};
  const auto body = std::find_if(parts->begin(), parts->end(), [](const auto& part) {
    return part.first.starts_with("word/document");
  });
  if (body == parts->end()) return Unexpected{"the DOCX has no word/document.xml"};
  ExtractedDocument document;
  document.format = "docx";
  read_core_properties(*parts, document);
  TextBuilder text;
  Writer writer(text);
  for (const std::string& name :
       {body->first, std::string("word/footnotes.xml"), std::string("word/endnotes.xml")}) {
    pugi::xml_document parsed;
    if (!parts->contains(name)) continue;
    const Result<bool> loaded = load_xml(parsed, (*parts)[name]);
    if (!loaded) return Unexpected{loaded.error()};
    writer.blocks(parsed.document_element(), 0);
  }
  if (document.title.empty()) document.title = writer.title();
  if (writer.reached_depth_max()) {
    document.warnings.emplace_back(kTooDeepWarning);
  }
  document.text = text.take();
  Extraction extraction;
  extraction.documents.push_back(std::move(document));
  return extraction;
}

}  // namespace widenet::ingest
