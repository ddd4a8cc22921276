#include "ingest/odf.h"

#include <algorithm>
#include <array>

#include "base/utf8.h"
#include "ingest/xml_tree.h"
#include "ingest/zip.h"

namespace widenet::ingest {
namespace {

constexpr int64_t kRepeatsMax = 1 << 20;  // the rows of a sheet
constexpr int64_t kEmptyCellsMax = 100;   // in a row of a text's table

// Said nowhere on the page: what was deleted, comments, templates of indexes, and the words that
// describe a drawing or sound out a ruby.
bool is_left_out(std::string_view name) {
  constexpr std::array<std::string_view, 13> kLeftOut = {
      "tracked-changes",  "annotation", "annotation-end", "forms",
      "sequence-decls",   "ruby-text",  "script",         "hidden-text",
      "hidden-paragraph", "desc",       "notes",          "event-listeners",
      "variable-decls"};
  return std::find(kLeftOut.begin(), kLeftOut.end(), name) != kLeftOut.end() ||
         name.ends_with("-source");
}

bool is_drawing(const pugi::xml_node& node) {
  return std::string_view(node.name()).starts_with("draw:");
}

void read_properties(const std::string& xml, ExtractedDocument& document) {
  pugi::xml_document parsed;
  if (!load_xml(parsed, xml)) return;  // the text matters more
  for (const pugi::xml_node& property : child_of(parsed.document_element(), "meta").children()) {
    const std::string value = one_line(text_in(property));
    const std::string_view name = local_name(property);
    if (value.empty()) continue;
    if (name == "title") document.title = value;
    if (name == "creator") document.metadata["author"] = value;
    if (name == "initial-creator") document.metadata.emplace("author", value);
    if (name == "date") document.metadata["date"] = value;
    if (name == "subject") document.metadata["subject"] = value;
  }
}

}  // namespace

Result<bool> read_odf(std::string_view bytes,
                      std::string_view body,
                      OdfContent& content,
                      ExtractedDocument& document) {
  Result<std::map<std::string, std::string>> parts = read_zip(bytes, [](std::string_view name) {
    return name == "content.xml" || name == "meta.xml" || name == "META-INF/manifest.xml";
  });
  if (!parts) return Unexpected{parts.error()};
  if ((*parts)["META-INF/manifest.xml"].find("encryption-data") != std::string::npos) {
    return Unexpected{"the document is encrypted and needs a password; save it without one"};
  }
  if (!parts->contains("content.xml")) {
    return Unexpected{"the document has no content.xml; it may hold only styles"};
  }
  const Result<bool> loaded = load_xml(content.xml, (*parts)["content.xml"]);
  if (!loaded) return loaded;
  content.body = child_of(child_of(content.xml.document_element(), "body"), body);
  if (!content.body) {
    return Unexpected{"the document's content.xml has no office:" + std::string(body)};
  }
  read_properties((*parts)["meta.xml"], document);
  return true;
}

std::set<std::string> styles_with(const pugi::xml_document& content,
                                  std::string_view properties,
                                  std::string_view attribute,
                                  std::string_view value) {
  std::set<std::string> styles;
  for (const pugi::xml_node& style :
       child_of(content.document_element(), "automatic-styles").children()) {
    if (attribute_of(child_of(style, properties), attribute) == value) {
      styles.emplace(attribute_of(style, "name"));
    }
  }
  return styles;
}

int64_t repeats_of(const pugi::xml_node& node, std::string_view attribute) {
  const auto repeats = number_from<int64_t>(attribute_of(node, attribute));
  return std::clamp<int64_t>(repeats.value_or(1), 1, kRepeatsMax);
}

bool OdfWriter::too_deep(int depth) {
  reached_depth_max_ = reached_depth_max_ || depth > kXmlDepthMax;
  return depth > kXmlDepthMax;
}

void OdfWriter::blocks(const pugi::xml_node& node, int depth) {
  if (too_deep(depth)) return;
  for (const pugi::xml_node& child : node.children()) {
    const std::string_view name = local_name(child);
    if (name == "p" || name == "h") {
      paragraph(child, name == "h", depth + 1);
    } else if (name == "list") {
      list(child, depth + 1);
    } else if (name == "table") {
      table(child, depth + 1);
    } else if (!is_left_out(name) && name != "title") {  // a drawing's; the field is inside a text
      blocks(child, depth + 1);
    }
  }
}

void OdfWriter::paragraph(const pugi::xml_node& node, bool is_heading, int depth) {
  const bool is_line = lists_ > 0 && !is_heading;
  is_line ? out_.end_line() : out_.end_paragraph();
  const size_t before = out_.text().size();
  if (is_heading) item_mark_ = {};
  runs(node, depth);
  item_mark_ = {};
  const bool is_title =
      is_heading || title_styles.contains(std::string(attribute_of(node, "style-name")));
  if (is_title && title_.empty()) title_ = one_line(out_.text().substr(before));
  is_line ? out_.end_line() : out_.end_paragraph();
}

void OdfWriter::runs(const pugi::xml_node& node, int depth) {
  if (too_deep(depth)) return;
  for (const pugi::xml_node& child : node.children()) {
    const std::string_view name = local_name(child);
    if (name.empty()) {
      if (is_valid_utf8(child.value())) words(child.value());
    } else if (name == "s" || name == "tab") {
      out_.blank();
    } else if (name == "line-break") {
      out_.end_line();
    } else if (name == "note") {
      notes_.push_back(child_of(child, "note-body"));
    } else if (is_drawing(child)) {
      blocks(child, depth + 1);
    } else if (!is_left_out(name)) {
      runs(child, depth + 1);
    }
  }
}

// Runs of blanks are one blank, and none at the start of a line.
void OdfWriter::words(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  while (!text.empty()) {
    const size_t word = std::min(text.find_first_not_of(kBlanks), text.size());
    if (word > 0) out_.blank();
    const size_t end = std::min(text.find_first_of(kBlanks, word), text.size());
    if (end > word) {
      out_.add(item_mark_);
      item_mark_ = {};
    }
    out_.add(text.substr(word, end - word));
    text.remove_prefix(end);
  }
}

void OdfWriter::list(const pugi::xml_node& node, int depth) {
  if (lists_ == 0) out_.end_paragraph();
  ++lists_;
  for (const pugi::xml_node& item : node.children()) {
    item_mark_ = local_name(item) == "list-item" ? "- " : "";
    blocks(item, depth + 1);
  }
  item_mark_ = {};
  --lists_;
  if (lists_ == 0) out_.end_paragraph();
}

void OdfWriter::table(const pugi::xml_node& node, int depth) {
  out_.end_paragraph();
  rows(node, depth);
  out_.end_paragraph();
}

void OdfWriter::rows(const pugi::xml_node& node, int depth) {
  if (too_deep(depth)) return;
  for (const pugi::xml_node& child : node.children()) {
    const std::string_view name = local_name(child);
    if (name == "table-row") {
      out_.add(row_line(cells(child, depth + 1)));
      out_.end_line();
    } else if (name == "table-rows" || name == "table-header-rows" || name == "table-row-group") {
      rows(child, depth + 1);
    }
  }
}

std::vector<std::string> OdfWriter::cells(const pugi::xml_node& row, int depth) {
  std::vector<std::string> texts;
  for (const pugi::xml_node& child : row.children()) {
    const std::string_view name = local_name(child);
    if (name != "table-cell" && name != "covered-table-cell") continue;
    TextBuilder text;
    OdfWriter writer(text);
    if (name == "table-cell") writer.blocks(child, depth + 1);
    reached_depth_max_ = reached_depth_max_ || writer.reached_depth_max_;
    notes_.insert(notes_.end(), writer.notes_.begin(), writer.notes_.end());
    texts.push_back(flattened(text.text()));
    // In a text only empty cells are repeated; a repeated word would be a bomb.
    const int64_t repeats = texts.back().empty() ? repeats_of(child, "number-columns-repeated") : 1;
    texts.resize(texts.size() + static_cast<size_t>(std::min(repeats, kEmptyCellsMax)) - 1);
  }
  return texts;
}

void OdfWriter::notes() {
  const std::vector<pugi::xml_node> notes = std::move(notes_);
  notes_.clear();
  for (const pugi::xml_node& note : notes) {
    out_.end_paragraph();
    blocks(note, 0);
  }
}

}  // namespace widenet::ingest
