// XML as a tree, by pugixml, which knows no entities and fetches nothing.  Names are
// compared without their namespace prefix, which writers choose freely.
#pragma once

#include <pugixml.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace widenet::ingest {

// How deep the parsers of XML follow elements; they recurse.
inline constexpr int kXmlDepthMax = 200;
inline constexpr std::string_view kTooDeepWarning =
    "parts nested more than 200 levels deep were left out";

// Blanks between elements are kept as text.  Refuses XML that is not well-formed; may throw
// std::bad_alloc.
Result<bool> load_xml(pugi::xml_document& document, std::string_view xml);

// The element's or attribute's name without its prefix; empty for text.
std::string_view local_name(std::string_view name);
std::string_view local_name(const pugi::xml_node& node);

// The first child element with that local name; null if there is none.
pugi::xml_node child_of(const pugi::xml_node& node, std::string_view name);

// The first attribute with that local name, and an element's own first text.  Both are empty where
// there is none, and where it is not valid UTF-8 (a reference to half a surrogate pair).
std::string_view attribute_of(const pugi::xml_node& node, std::string_view name);
std::string_view text_in(const pugi::xml_node& node);

}  // namespace widenet::ingest
