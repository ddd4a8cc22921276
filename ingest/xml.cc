// Any XML as text, by pugixml, which knows no entities but the five built in and fetches nothing. A
// record (an element that has structure and repeats) is one line "name.child: value;
// name.attribute: value", everything else a line "path: value" each, as JSON reads.
#include <pugixml.hpp>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "ingest/fields.h"
#include "ingest/parsers.h"
#include "ingest/text.h"
#include "ingest/xml_tree.h"

namespace widenet::ingest {
namespace {

constexpr int kTitleDepthMax = 3;  // rss.channel.title; book.info.title

// A character reference may stand for what is no character.
std::string value_of(const char* text) {
  return to_valid_utf8(trimmed(text));
}

bool is_text(const pugi::xml_node& node) {
  return node.type() == pugi::node_pcdata || node.type() == pugi::node_cdata;
}

// Declarations of namespaces and schemas name the vocabulary and say nothing in it.
bool is_wanted(const pugi::xml_attribute& attribute) {
  const std::string_view name = attribute.name();
  return name != "xmlns" && !name.starts_with("xmlns:") && !name.starts_with("xsi:");
}

bool has_attributes(const pugi::xml_node& node) {
  for (const pugi::xml_attribute& attribute : node.attributes()) {
    if (is_wanted(attribute)) return true;
  }
  return false;
}

bool has_elements(const pugi::xml_node& node) {
  return !node.find_child([](const auto& child) { return child.type() == pugi::node_element; })
              .empty();
}

// Prose with marks in it: text and elements side by side.
bool is_mixed(const pugi::xml_node& node) {
  const auto said = node.find_child([](const pugi::xml_node& child) {
    return is_text(child) && !trimmed(child.value()).empty();
  });
  return !said.empty() && has_elements(node);
}

class Writer {
 public:
  explicit Writer(TextBuilder& out) : out_(out) {}

  const std::string& title() const { return title_; }
  bool reached_depth_max() const { return reached_depth_max_; }
  bool is_too_long() const { return n_bytes_ > kTextBytesMax; }

  void document(const pugi::xml_node& root) {
    find_records(root, 0);
    // The root's name is everywhere the same and begins no path, unless it has only its own text.
    element(root, /*path=*/{}, local_name(root.name()), 0);
  }

 private:
  bool too_deep(int depth) {
    reached_depth_max_ = reached_depth_max_ || depth > kXmlDepthMax;
    return depth > kXmlDepthMax;
  }

  // Marks the innermost records below `node`; whether there are any.  A record in a record would be
  // torn out of it, so the outer one is written as its fields.
  bool find_records(const pugi::xml_node& node, int depth) {
    if (depth > kXmlDepthMax || is_mixed(node)) return false;
    std::unordered_map<std::string_view, int64_t> counts;
    for (const pugi::xml_node& child : node.children()) ++counts[child.name()];
    bool any = false;
    for (const pugi::xml_node& child : node.children()) {
      if (child.type() != pugi::node_element) continue;
      bool holds = find_records(child, depth + 1);
      const bool has_structure = has_elements(child) || has_attributes(child);
      if (!holds && has_structure && counts[child.name()] > 1) {
        records_.insert(child.internal_object());
        holds = true;
      }
      any = any || holds;
    }
    return any;
  }

  void element(const pugi::xml_node& node,
               const std::string& path,
               std::string_view own_name,
               int depth) {
    if (too_deep(depth)) return;
    if (depth <= kTitleDepthMax && title_.empty() && own_name == "title") {
      title_ = one_line(text_below(node, depth));
    }
    for (const pugi::xml_attribute& attribute : node.attributes()) {
      if (is_wanted(attribute)) {
        field(joined(path, local_name(attribute.name())), value_of(attribute.value()));
      }
    }
    const std::string& text_path = path.empty() ? std::string(own_name) : path;
    if (is_mixed(node)) {
      field(text_path, text_below(node, depth));
      return attributes_below(node, path, depth + 1);
    }
    for (const pugi::xml_node& child : node.children()) {
      if (is_text(child)) field(text_path, value_of(child.value()));
      if (child.type() == pugi::node_element) member(child, path, depth + 1);
    }
  }

  void member(const pugi::xml_node& node, const std::string& path, int depth) {
    const std::string name(local_name(node.name()));
    if (!records_.contains(node.internal_object())) {
      return element(node, joined(path, name), name, depth);
    }
    in_record_ = true;
    element(node, name, name, depth);
    in_record_ = false;
    write_record(fields_, out_);
    fields_.clear();
  }

  // What marks in prose carry, a link's address above all.
  void attributes_below(const pugi::xml_node& node, const std::string& path, int depth) {
    if (too_deep(depth)) return;
    for (const pugi::xml_node& child : node.children()) {
      if (child.type() != pugi::node_element) continue;
      const std::string child_path = joined(path, local_name(child.name()));
      for (const pugi::xml_attribute& attribute : child.attributes()) {
        if (is_wanted(attribute)) {
          field(joined(child_path, local_name(attribute.name())), value_of(attribute.value()));
        }
      }
      attributes_below(child, child_path, depth + 1);
    }
  }

  std::string text_below(const pugi::xml_node& node, int depth) {
    std::string text;
    append_text(node, depth, text);
    return to_valid_utf8(trimmed(text));
  }

  void append_text(const pugi::xml_node& node, int depth, std::string& text) {
    if (too_deep(depth)) return;
    for (const pugi::xml_node& child : node.children()) {
      if (is_text(child)) text += child.value();
      if (child.type() == pugi::node_element) append_text(child, depth + 1, text);
    }
  }

  static std::string joined(const std::string& path, std::string_view name) {
    std::string longer = path;
    if (!longer.empty()) longer += '.';
    return longer += to_valid_utf8(name);
  }

  // Lines of prose in XML end where its author's editor broke them.
  void field(const std::string& path, const std::string& value) {
    Field field{path, {}};
    for (const char c : value) {
      const bool is_blank = c == ' ' || c == '\t' || c == '\n' || c == '\r';
      if (!is_blank) field.value += c;
      if (is_blank && !field.value.empty() && field.value.back() != ' ') field.value += ' ';
    }
    if (field.value.empty() || is_too_long()) return;
    n_bytes_ += std::ssize(field.path) + std::ssize(field.value);  // a long name is in many paths
    if (in_record_) {
      fields_.push_back(std::move(field));
    } else {
      write_line(field, out_);
    }
  }

  TextBuilder& out_;
  std::unordered_set<const void*> records_;
  std::vector<Field> fields_;  // of the open record
  bool in_record_ = false;
  int64_t n_bytes_ = 0;
  std::string title_;
  bool reached_depth_max_ = false;
};

}  // namespace

Parsed parse_xml(std::string_view bytes, std::string_view) {
  const DecodedText decoded = decode_text(bytes, declared_charset(bytes));
  ExtractedDocument document;
  document.format = "xml";
  warn_of_guess(decoded, document);
  pugi::xml_document parsed;
  const pugi::xml_parse_result result =
      parsed.load_buffer(decoded.text.data(), decoded.text.size(),
                         pugi::parse_default | pugi::parse_ws_pcdata_single, pugi::encoding_utf8);
  if (result.status == pugi::status_out_of_memory) throw std::bad_alloc();
  if (result) {
    TextBuilder text;
    Writer writer(text);
    writer.document(parsed.document_element());
    if (writer.is_too_long()) return Unexpected{"the text is longer than 64 MiB; split the file"};
    document.title = writer.title();
    document.text = text.take();
    if (writer.reached_depth_max()) {
      document.warnings.push_back("elements nested more than 200 levels deep were left out");
    }
  } else {
    // Templates and fragments are still text that somebody wanted read.
    document.text = canonical_text(decoded.text);
    document.warnings.push_back("the XML is malformed at byte " + std::to_string(result.offset) +
                                " and was read as plain text: " + result.description());
  }
  Extraction extraction;
  extraction.documents.push_back(std::move(document));
  return extraction;
}

}  // namespace widenet::ingest
