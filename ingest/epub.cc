// EPUB (2 and 3): the chapters in the order of the book's spine, each read as HTML.
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ingest/parsers.h"
#include "ingest/text.h"
#include "ingest/xml_tree.h"
#include "ingest/zip.h"

namespace widenet::ingest {
namespace {

using Entries = std::map<std::string, std::string>;

// The archive is gone through for each step, so that only what is needed is unpacked.
Result<Entries> read_entries(std::string_view bytes, const std::set<std::string>& names) {
  return read_zip(bytes, [&](std::string_view name) { return names.contains(std::string(name)); });
}

// The package document that the container names first.
std::string package_name(const std::string& container) {
  pugi::xml_document parsed;
  if (!load_xml(parsed, container)) return {};
  const pugi::xml_node files = child_of(parsed.document_element(), "rootfiles");
  return resolved_name("", attribute_of(child_of(files, "rootfile"), "full-path"));
}

// The entries whose bytes are encrypted.  Fonts are, in books without any protection.
std::set<std::string> encrypted_names(const std::string& encryption) {
  std::set<std::string> names;
  pugi::xml_document parsed;
  if (!load_xml(parsed, encryption)) return names;
  for (const pugi::xml_node& data : parsed.document_element().children()) {
    const pugi::xml_node reference = child_of(child_of(data, "CipherData"), "CipherReference");
    if (reference) names.insert(resolved_name("", attribute_of(reference, "URI")));
  }
  return names;
}

void read_metadata(const pugi::xml_node& package, ExtractedDocument& document) {
  for (const pugi::xml_node& entry : child_of(package, "metadata").children()) {
    const std::string value = one_line(text_in(entry));
    const std::string_view name = local_name(entry);
    const bool is_unknown = name == "date" && value.starts_with("0101-01-01");  // so writes calibre
    if (value.empty() || is_unknown) continue;
    if (name == "title" && document.title.empty()) document.title = value;
    if (name == "date" || name == "subject") document.metadata.emplace(name, value);
    if (name != "creator") continue;
    std::string& author = document.metadata["author"];
    author = one_line(author.empty() ? value : author + ", " + value);
  }
}

// The entries of the spine's items, in reading order.
std::vector<std::string> spine_of(const pugi::xml_node& package, const std::string& package_name) {
  std::map<std::string_view, std::string> items;
  for (const pugi::xml_node& item : child_of(package, "manifest").children()) {
    if (local_name(item) != "item") continue;
    items.emplace(attribute_of(item, "id"),
                  resolved_name(package_name, attribute_of(item, "href")));
  }
  std::vector<std::string> spine;
  for (const pugi::xml_node& reference : child_of(package, "spine").children()) {
    if (local_name(reference) != "itemref") continue;
    const auto item = items.find(attribute_of(reference, "idref"));
    if (item != items.end()) spine.push_back(item->second);
  }
  return spine;
}

// A page for each chapter; a chapter that the spine names again is not read again.
Result<bool> write_chapters(const std::vector<std::string>& spine,
                            Entries& chapters,
                            ExtractedDocument& document) {
  TextBuilder text;
  int32_t number = 0;
  int64_t n_missing = 0;
  std::set<std::string_view> seen;
  for (const std::string& name : spine) {
    ++number;
    if (!seen.insert(name).second) continue;
    const auto chapter = chapters.find(name);
    if (chapter == chapters.end()) {
      ++n_missing;
      continue;
    }
    const std::string content = text_of_html(decode_text(chapter->second).text);
    chapters.erase(chapter);
    if (content.empty()) continue;
    if (number > kPagesMax) return Unexpected{"the book has more than 20000 chapters"};
    text.end_paragraph();
    const int64_t start_char = text.add(content).start_char;
    document.pages.push_back(
        {.number = number, .start_char = start_char, .end_char = text.n_chars(), .words = {}});
  }
  if (n_missing > 0) {
    document.warnings.push_back("chapters that the archive does not hold were left out: " +
                                std::to_string(n_missing));
  }
  document.text = text.take();
  return true;
}

}  // namespace

Parsed parse_epub(std::string_view bytes, std::string_view) {
  Result<Entries> outer =
      read_entries(bytes, {"META-INF/container.xml", "META-INF/encryption.xml"});
  if (!outer) return Unexpected{outer.error()};
  const std::string name = package_name((*outer)["META-INF/container.xml"]);
  if (name.empty()) return Unexpected{"the EPUB's META-INF/container.xml names no package"};
  Result<Entries> inner = read_entries(bytes, {name});
  if (!inner) return Unexpected{inner.error()};
  if (!inner->contains(name)) return Unexpected{"the EPUB's package document is missing"};
  pugi::xml_document package;
  const Result<bool> loaded = load_xml(package, (*inner)[name]);
  if (!loaded) return Unexpected{loaded.error()};
  ExtractedDocument document;
  document.format = "epub";
  read_metadata(package.document_element(), document);
  const std::vector<std::string> spine = spine_of(package.document_element(), name);
  const std::set<std::string> encrypted = encrypted_names((*outer)["META-INF/encryption.xml"]);
  for (const std::string& chapter : spine) {
    if (encrypted.contains(chapter)) {
      return Unexpected{
          "the book's chapters are encrypted (DRM); only a copy without protection can be read"};
    }
  }
  Result<Entries> chapters = read_entries(bytes, {spine.begin(), spine.end()});
  if (!chapters) return Unexpected{chapters.error()};
  const Result<bool> written = write_chapters(spine, *chapters, document);
  if (!written) return Unexpected{written.error()};
  Extraction extraction;
  extraction.documents.push_back(std::move(document));
  return extraction;
}

}  // namespace widenet::ingest
