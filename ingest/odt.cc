// ODT (OpenDocument text): paragraphs, headings, lists, tables, and the notes behind them.
#include <string>
#include <string_view>
#include <utility>

#include "ingest/odf.h"
#include "ingest/parsers.h"
#include "ingest/text.h"
#include "ingest/xml_tree.h"

namespace widenet::ingest {

Parsed parse_odt(std::string_view bytes, std::string_view) {
  ExtractedDocument document;
  document.format = "odt";
  OdfContent content;
  const Result<bool> read = read_odf(bytes, "text", content, document);
  if (!read) return Unexpected{read.error()};
  TextBuilder text;
  OdfWriter writer(text);
  // A paragraph with formatting of its own has a style of its own, derived from the one it shows.
  for (const pugi::xml_node& style :
       child_of(content.xml.document_element(), "automatic-styles").children()) {
    if (attribute_of(style, "parent-style-name") == "Title") {
      writer.title_styles.emplace(attribute_of(style, "name"));
    }
  }
  writer.blocks(content.body, 0);
  writer.notes();
  if (document.title.empty()) document.title = writer.title();
  if (writer.reached_depth_max()) document.warnings.emplace_back(kTooDeepWarning);
  document.text = text.take();
  Extraction extraction;
  extraction.documents.push_back(std::move(document));
  return extraction;
}

}  // namespace widenet::ingest
