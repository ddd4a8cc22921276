// What ODT, ODS and ODP share (OASIS OpenDocument 1.3): a ZIP whose content.xml holds everything
// said, in the same paragraphs, lists and tables.
#pragma once

#include <map>
#include <pugixml.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ingest/document.h"
#include "ingest/text.h"

namespace widenet::ingest {

struct OdfContent {
  pugi::xml_document xml;
  pugi::xml_node body;  // office:text, office:spreadsheet or office:presentation
};

// Fills `content`, and the document's title, author, date and subject.  `body` is the body's local
// name.  Refuses damaged and encrypted files.
Result<bool> read_odf(std::string_view bytes,
                      std::string_view body,
                      OdfContent& content,
                      ExtractedDocument& document);

// The names of the content's own styles whose `properties` element says `attribute`="`value`".
std::set<std::string> styles_with(const pugi::xml_document& content,
                                  std::string_view properties,
                                  std::string_view attribute,
                                  std::string_view value);

// How often a cell or row is repeated: from 1 to a million.
int64_t repeats_of(const pugi::xml_node& node, std::string_view attribute);

// Writes paragraphs, lists and tables.  Comments, what the author deleted, and alternative readings
// are left out.
class OdfWriter {
 public:
  explicit OdfWriter(TextBuilder& out) : out_(out) {}

  // What the node holds; depth counts from 0.
  void blocks(const pugi::xml_node& node, int depth);

  // The notes that the paragraphs so far refer to, a paragraph each.
  void notes();

  // The first heading, or paragraph of a style in `title_styles`.
  const std::string& title() const { return title_; }
  bool reached_depth_max() const { return reached_depth_max_; }

  std::set<std::string> title_styles = {"Title"};

 private:
  bool too_deep(int depth);
  void paragraph(const pugi::xml_node& node, bool is_heading, int depth);
  void runs(const pugi::xml_node& node, int depth);
  void words(std::string_view text);
  void list(const pugi::xml_node& node, int depth);
  void table(const pugi::xml_node& node, int depth);
  void rows(const pugi::xml_node& node, int depth);
  std::vector<std::string> cells(const pugi::xml_node& row, int depth);

  TextBuilder& out_;
  std::vector<pugi::xml_node> notes_;
  std::string_view item_mark_;  // of a list item that has no text yet
  int lists_ = 0;
  std::string title_;
  bool reached_depth_max_ = false;
};

}  // namespace widenet::ingest
