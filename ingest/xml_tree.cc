#include "ingest/xml_tree.h"

#include <new>

#include "base/utf8.h"

namespace widenet::ingest {
namespace {

std::string_view if_valid(std::string_view text) {
  return is_valid_utf8(text) ? text : std::string_view();
}

}  // namespace

Result<bool> load_xml(pugi::xml_document& document, std::string_view xml) {
  const pugi::xml_parse_result parsed =
      document.load_buffer(xml.data(), xml.size(), pugi::parse_default | pugi::parse_ws_pcdata);
  if (parsed.status == pugi::status_out_of_memory) throw std::bad_alloc();
  if (parsed) return true;
  return Unexpected{std::string("the document's XML is damaged: ") + parsed.description()};
}

std::string_view local_name(std::string_view name) {
  const size_t colon = name.find(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

std::string_view local_name(const pugi::xml_node& node) {
  return local_name(node.name());
}

pugi::xml_node child_of(const pugi::xml_node& node, std::string_view name) {
  return node.find_child([&](const pugi::xml_node& child) { return local_name(child) == name; });
}

std::string_view attribute_of(const pugi::xml_node& node, std::string_view name) {
  for (const pugi::xml_attribute& attribute : node.attributes()) {
    if (local_name(attribute.name()) == name) return if_valid(attribute.value());
  }
  return {};
}

std::string_view text_in(const pugi::xml_node& node) {
  return if_valid(node.text().get());
}

}  // namespace widenet::ingest
