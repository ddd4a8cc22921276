// What DOCX, XLSX and PPTX share (ECMA-376 part 2): a ZIP of XML parts, which name each other
// through relationships, and the properties of the whole.
#pragma once

#include <map>
#include <pugixml.hpp>
#include <string>
#include <string_view>

#include "base/result.h"
#include "ingest/document.h"

namespace widenet::ingest {

// The XML parts by name ("xl/workbook.xml"), with their relationships.
using OoxmlParts = std::map<std::string, std::string>;

// Reads the parts; pictures, charts, themes, caches and the like stay behind.
Result<OoxmlParts> read_ooxml(std::string_view bytes);

struct Relationship {
  std::string type;    // the last word of its URI: "worksheet", "notesSlide"
  std::string target;  // a part's name
};

// Where the part `source` points to inside the package, by identifier; the package itself is "".
// What lies outside the package is left out: nothing is ever fetched.
std::map<std::string, Relationship> relationships_of(const OoxmlParts& parts,
                                                     const std::string& source);

// The target of the first relationship of that type; empty if there is none.
std::string target_of(const std::map<std::string, Relationship>& relationships,
                      std::string_view type);

// The part where reading starts, as the package says, or the `usual` name if it does not.
std::string main_part(const OoxmlParts& parts, std::string_view usual);

// The value of an attribute in the relationships' namespace, such as r:id beside a plain id.
std::string relationship_id(const pugi::xml_node& node, std::string_view name = "id");

// Title, author, date and subject, where docProps/core.xml gives them.
void read_core_properties(const OoxmlParts& parts, ExtractedDocument& document);

}  // namespace widenet::ingest
