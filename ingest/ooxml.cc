#include "ingest/ooxml.h"

#include <algorithm>
#include <array>

#include "ingest/text.h"
#include "ingest/xml_tree.h"
#include "ingest/zip.h"

namespace widenet::ingest {
namespace {

// Folders and parts that hold no text we read and may be large.
constexpr std::array<std::string_view, 11> kLeftOut = {
    "/media/",        "/theme/",       "/charts/",        "/embeddings/",
    "/pivotCache/",   "/pivotTables/", "/externalLinks/", "/slideMasters/",
    "/slideLayouts/", "/customXml/",   "/calcChain.xml"};

bool is_wanted(std::string_view name) {
  const bool is_xml = name.ends_with(".xml") || name.ends_with(".rels");
  return is_xml && std::none_of(kLeftOut.begin(), kLeftOut.end(), [&](std::string_view left_out) {
           return name.find(left_out) != std::string_view::npos;
         });
}

std::string relationships_name(const std::string& source) {
  const size_t slash = source.rfind('/');
  const size_t start = slash == std::string::npos ? 0 : slash + 1;
  return source.substr(0, start) + "_rels/" + source.substr(start) + ".rels";
}

}  // namespace

Result<OoxmlParts> read_ooxml(std::string_view bytes) {
  return read_zip(bytes, is_wanted);
}

std::map<std::string, Relationship> relationships_of(const OoxmlParts& parts,
                                                     const std::string& source) {
  std::map<std::string, Relationship> relationships;
  const auto part = parts.find(relationships_name(source));
  pugi::xml_document parsed;
  if (part == parts.end() || !load_xml(parsed, part->second)) return relationships;
  for (const pugi::xml_node& node : parsed.document_element().children()) {
    if (local_name(node) != "Relationship" || attribute_of(node, "TargetMode") == "External") {
      continue;
    }
    const std::string_view type = attribute_of(node, "Type");
    relationships[std::string(attribute_of(node, "Id"))] = {
        std::string(type.substr(type.rfind('/') + 1)),
        resolved_name(source, attribute_of(node, "Target"))};
  }
  return relationships;
}

std::string main_part(const OoxmlParts& parts, std::string_view usual) {
  const std::string named = target_of(relationships_of(parts, ""), "officeDocument");
  return parts.contains(named) ? named : std::string(usual);
}

std::string target_of(const std::map<std::string, Relationship>& relationships,
                      std::string_view type) {
  for (const auto& [id, relationship] : relationships) {
    if (relationship.type == type) return relationship.target;
  }
  return {};
}

std::string relationship_id(const pugi::xml_node& node, std::string_view name) {
  for (const pugi::xml_attribute& attribute : node.attributes()) {
    const std::string_view whole = attribute.name();
    if (whole.size() > name.size() && local_name(whole) == name) return attribute.value();
  }
  return {};
}

void read_core_properties(const OoxmlParts& parts, ExtractedDocument& document) {
  const auto part = parts.find("docProps/core.xml");
  pugi::xml_document parsed;
  if (part == parts.end() || !load_xml(parsed, part->second)) return;  // the text matters more
  for (const pugi::xml_node& property : parsed.document_element().children()) {
    const std::string value = one_line(text_in(property));
    const std::string_view name = local_name(property);
    if (value.empty()) continue;
    if (name == "title") document.title = value;
    if (name == "creator") document.metadata["author"] = value;
    if (name == "modified") document.metadata["date"] = value;
    if (name == "subject") document.metadata["subject"] = value;
  }
}

}  // namespace widenet::ingest
