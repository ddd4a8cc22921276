// HTML by libxml2: the main content's headings, paragraphs, lists and tables as text.
#include <libxml/HTMLparser.h>
#include <libxml/tree.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "base/utf8.h"
#include "ingest/parsers.h"
#include "ingest/text.h"

namespace widenet::ingest {
namespace {

constexpr int kDepthMax = 200;  // of elements; below it only the text is taken

using HtmlDoc = std::unique_ptr<xmlDoc, decltype(&xmlFreeDoc)>;

template <size_t N>
bool is_one_of(std::string_view name, const std::array<std::string_view, N>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string_view view(const xmlChar* text) {
  return text == nullptr ? std::string_view() : reinterpret_cast<const char*>(text);
}

std::string attribute(const xmlNode* node, const char* name) {
  const xmlAttr* found = xmlHasProp(node, reinterpret_cast<const xmlChar*>(name));
  if (found == nullptr || found->children == nullptr) return {};
  return std::string(view(found->children->content));
}

constexpr std::array<std::string_view, 19> kDroppedTags = {
    "script", "style", "noscript", "template", "nav",   "svg",      "math",
    "iframe", "head",  "select",   "button",   "input", "textarea", "object",
    "canvas", "audio", "video",    "footer",   "dialog"};
constexpr std::array<std::string_view, 4> kDroppedRoles = {"navigation", "banner", "contentinfo",
                                                           "search"};
constexpr std::array<std::string_view, 12> kDroppedClasses = {
    "nav",     "navbar",     "navheader",   "navfooter", "navigation",    "menu",
    "sidebar", "breadcrumb", "breadcrumbs", "skip-link", "cookie-banner", "site-footer"};
constexpr std::array<std::string_view, 33> kBlockTags = {
    "p",       "div",        "section", "article", "main",     "header",  "aside",
    "h1",      "h2",         "h3",      "h4",      "h5",       "h6",      "ul",
    "ol",      "dl",         "table",   "thead",   "tbody",    "tfoot",   "caption",
    "pre",     "figure",     "hr",      "form",    "fieldset", "address", "center",
    "details", "blockquote", "summary", "body",    "html"};
// Blocks that only end the line, so that what belongs together stays together.
constexpr std::array<std::string_view, 2> kLineTags = {"tr", "option"};

bool has_class_of_furniture(const xmlNode* node) {
  const std::string classes = attribute(node, "class") + ' ' + attribute(node, "id");
  for (size_t at = 0; at < classes.size();) {
    const size_t end = std::min(classes.find(' ', at), classes.size());
    if (is_one_of(lowered(classes.substr(at, end - at)), kDroppedClasses)) return true;
    at = end + 1;
  }
  return false;
}

bool is_furniture(const xmlNode* node) {
  const std::string_view tag = view(node->name);
  return is_one_of(tag, kDroppedTags) || is_one_of(attribute(node, "role"), kDroppedRoles) ||
         attribute(node, "aria-hidden") == "true" ||
         xmlHasProp(node, reinterpret_cast<const xmlChar*>("hidden")) != nullptr ||
         (tag != "body" && tag != "html" && has_class_of_furniture(node));
}

// Walks a tree and writes its text.  Depth is bounded by kDepthMax.
class Writer {
 public:
  explicit Writer(TextBuilder& out) : out_(out) {}

  void children(const xmlNode* node, int depth) {
    for (const xmlNode* child = node->children; child != nullptr; child = child->next) {
      if (child->type == XML_TEXT_NODE || child->type == XML_CDATA_SECTION_NODE) {
        text(view(child->content));
      } else if (child->type == XML_ELEMENT_NODE && !is_furniture(child)) {
        element(child, depth + 1);
      }
    }
  }

 private:
  void text(std::string_view content) {
    if (in_pre_) {
      out_.add(content);
      return;
    }
    // Runs of blanks are one blank, and none at the start of a line.
    while (!content.empty()) {
      const size_t word = content.find_first_not_of(" \t\r\n\f");
      if (word != 0 && !out_.at_line_start()) pending_blank_ = true;
      if (word == std::string_view::npos) return;
      const size_t end = std::min(content.find_first_of(" \t\r\n\f", word), content.size());
      if (pending_blank_ && !out_.at_line_start()) out_.blank();
      pending_blank_ = false;
      out_.add(item_mark_);
      item_mark_ = {};
      out_.add(content.substr(word, end - word));
      content.remove_prefix(end);
    }
  }

  void element(const xmlNode* node, int depth) {
    const std::string_view tag = view(node->name);
    if (depth > kDepthMax) return flat_text(node);
    if (tag == "br") return end_line();
    if (tag == "table") return table(node, depth);
    if (tag == "li") return list_item(node, depth);
    if (tag == "dt") return term(node, depth);
    if (tag == "dd") return definition(node, depth);
    if (is_one_of(tag, kBlockTags)) return block(node, tag, depth);
    if (is_one_of(tag, kLineTags)) {
      end_line();
      children(node, depth);
      return end_line();
    }
    children(node, depth);
  }

  void block(const xmlNode* node, std::string_view tag, int depth) {
    const bool opens_item = !item_mark_.empty();
    if (!opens_item) end_block();
    const bool was_pre = in_pre_;
    in_pre_ = in_pre_ || tag == "pre";
    children(node, depth);
    in_pre_ = was_pre;
    end_block();
  }

  void term(const xmlNode* node, int depth) {
    const xmlNode* before = xmlPreviousElementSibling(const_cast<xmlNode*>(node));
    const bool follows_definition = before != nullptr && view(before->name) == "dd";
    follows_definition ? end_block() : end_line();
    children(node, depth);
    end_line();
  }

  void definition(const xmlNode* node, int depth) {
    end_line();
    ++lists_;
    children(node, depth);
    --lists_;
    end_line();
  }

  void list_item(const xmlNode* node, int depth) {
    end_line();
    item_mark_ = "- ";
    ++lists_;
    children(node, depth);
    --lists_;
    item_mark_ = {};
    end_line();
  }

  // A row a line, "a | b | c".  A table in a cell, or one used for layout (a single column), is
  // written as blocks.
  void table(const xmlNode* node, int depth) {
    end_block();
    std::vector<const xmlNode*> rows;
    collect_rows(node, 0, rows);
    for (const xmlNode* row : rows) {
      end_line();
      table_row(row, depth);
    }
    for (const xmlNode* child = node->children; child != nullptr && rows.empty();
         child = child->next) {
      if (child->type == XML_ELEMENT_NODE && !is_furniture(child)) element(child, depth + 1);
    }
    end_block();
  }

  void collect_rows(const xmlNode* node, int depth, std::vector<const xmlNode*>& rows) {
    for (const xmlNode* child = node->children; child != nullptr; child = child->next) {
      if (child->type != XML_ELEMENT_NODE || is_furniture(child)) continue;
      const std::string_view tag = view(child->name);
      if (tag == "tr") rows.push_back(child);
      if (tag == "caption") {
        children(child, kDepthMax - 1);
        end_line();
      }
      const bool group = tag == "thead" || tag == "tbody" || tag == "tfoot";
      if (group && depth < 3) collect_rows(child, depth + 1, rows);
    }
  }

  void table_row(const xmlNode* row, int depth) {
    std::vector<const xmlNode*> cells;
    bool nested = false;
    for (const xmlNode* child = row->children; child != nullptr; child = child->next) {
      if (child->type != XML_ELEMENT_NODE || is_furniture(child)) continue;
      cells.push_back(child);
      nested = nested || holds_table(child, 0);
    }
    if (nested || cells.size() == 1) {
      for (const xmlNode* cell : cells) {
        children(cell, depth + 1);
        nested ? end_block() : end_line();
      }
      return;
    }
    std::vector<std::string> texts;
    for (const xmlNode* cell : cells) {
      TextBuilder cell_text;
      Writer(cell_text).children(cell, depth + 1);
      texts.push_back(flattened(cell_text.text()));
    }
    out_.add(row_line(texts));
    end_line();
  }

  static bool holds_table(const xmlNode* node, int depth) {
    if (depth > kDepthMax) return false;
    for (const xmlNode* child = node->children; child != nullptr; child = child->next) {
      if (child->type != XML_ELEMENT_NODE) continue;
      if (view(child->name) == "table" || holds_table(child, depth + 1)) return true;
    }
    return false;
  }

  void flat_text(const xmlNode* node) {
    const std::unique_ptr<xmlChar, void (*)(void*)> content(xmlNodeGetContent(node), xmlFree);
    text(view(content.get()));
  }

  void end_line() {
    out_.end_line();
    pending_blank_ = false;
  }
  // Inside a list, blocks are lines, so that the list stays one paragraph.
  void end_block() {
    lists_ > 0 ? out_.end_line() : out_.end_paragraph();
    pending_blank_ = false;
  }

  TextBuilder& out_;
  bool in_pre_ = false;
  bool pending_blank_ = false;
  int lists_ = 0;
  std::string_view item_mark_;  // of a list item that has no text yet
};

HtmlDoc parse_document(std::string_view html) {
  const int options = HTML_PARSE_RECOVER | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING |
                      HTML_PARSE_NONET | HTML_PARSE_COMPACT;
  return {htmlReadMemory(html.data(), static_cast<int>(html.size()), nullptr, "UTF-8", options),
          &xmlFreeDoc};
}

// Elements with a tag, in document order, without descending into a match.
void find_all(const xmlNode* node,
              std::string_view tag,
              int depth,
              std::vector<const xmlNode*>& found) {
  for (; node != nullptr && depth < kDepthMax; node = node->next) {
    if (node->type != XML_ELEMENT_NODE) continue;
    if (view(node->name) == tag) {
      found.push_back(node);
    } else {
      find_all(node->children, tag, depth + 1, found);
    }
  }
}

std::vector<const xmlNode*> all(const xmlDoc* document, std::string_view tag) {
  std::vector<const xmlNode*> found;
  find_all(xmlDocGetRootElement(document), tag, 0, found);
  return found;
}

std::string text_below(const xmlNode* node) {
  TextBuilder builder;
  if (node != nullptr) Writer(builder).children(node, 0);
  return builder.take();
}

// The only <main>, or the only <article>, if it holds a good part of the page; else all of it.
std::string main_text(const xmlDoc* document) {
  std::string whole = text_below(reinterpret_cast<const xmlNode*>(document));
  for (const char* tag : {"main", "article"}) {
    const auto found = all(document, tag);
    if (found.size() != 1) continue;
    std::string text = text_below(found[0]);
    if (text.size() * 4 > whole.size()) return text;
  }
  return whole;
}

std::string title_of(const xmlDoc* document) {
  for (const char* tag : {"title", "h1"}) {
    const auto found = all(document, tag);
    std::string title = found.empty() ? "" : one_line(text_below(found[0]));
    if (!title.empty()) return title;
  }
  return {};
}

void read_metadata(const xmlDoc* document, std::map<std::string, std::string>& metadata) {
  for (const xmlNode* meta : all(document, "meta")) {
    const std::string name = lowered(attribute(meta, "name"));
    const std::string content = one_line(attribute(meta, "content"));
    const bool known = name == "author" || name == "date" || name == "description";
    if (known && !content.empty()) metadata[name] = content;
  }
}

}  // namespace

std::string text_of_html(std::string_view html) {
  const HtmlDoc document = parse_document(html);
  return document ? main_text(document.get()) : std::string();
}

Parsed parse_html(std::string_view bytes, std::string_view) {
  const DecodedText decoded = decode_text(bytes, declared_charset(bytes));
  const HtmlDoc parsed = parse_document(decoded.text);
  if (!parsed) return Unexpected{"the HTML has no elements"};
  ExtractedDocument document;
  document.format = "html";
  warn_of_guess(decoded, document);
  document.title = title_of(parsed.get());
  document.text = main_text(parsed.get());
  read_metadata(parsed.get(), document.metadata);
  Extraction extraction;
  extraction.documents.push_back(std::move(document));
  return extraction;
}

}  // namespace widenet::ingest
