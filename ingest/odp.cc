// ODP (OpenDocument presentation): each visible slide's shapes and the speaker's notes.
#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "ingest/odf.h"
#include "ingest/parsers.h"
#include "ingest/slides.h"
#include "ingest/text.h"
#include "ingest/xml_tree.h"

namespace widenet::ingest {
namespace {

// "2.5cm" in points; none for what is no length.
std::optional<double> points_of(std::string_view length) {
  struct Unit {
    std::string_view name;
    double points;
  };
  constexpr std::array<Unit, 6> kUnits = {
      {{"cm", 72 / 2.54}, {"mm", 7.2 / 2.54}, {"in", 72}, {"pt", 1}, {"pc", 12}, {"px", 0.75}}};
  for (const Unit& unit : kUnits) {
    if (!length.ends_with(unit.name)) continue;
    length.remove_suffix(unit.name.size());
    const auto number = number_from<double>(length);
    return number ? std::optional<double>(*number * unit.points) : std::nullopt;
  }
  return std::nullopt;
}

// Collects a slide's shapes, those in groups one by one.
class SlideReader {
 public:
  explicit SlideReader(Slide& slide) : slide_(slide) {}

  bool reached_depth_max() const { return reached_depth_max_; }

  void shapes(const pugi::xml_node& node, int depth) {
    reached_depth_max_ = reached_depth_max_ || depth > kXmlDepthMax;
    for (const pugi::xml_node& child : node.children()) {
      if (depth > kXmlDepthMax) return;
      const std::string_view name = local_name(child);
      if (name == "g" || name == "a") {
        shapes(child, depth + 1);
      } else if (name == "notes") {
        notes(child);
      } else if (!name.empty()) {
        shape(child);
      }
    }
  }

 private:
  void shape(const pugi::xml_node& node) {
    const std::string_view kind = attribute_of(node, "class");
    const bool is_furniture =
        kind == "header" || kind == "footer" || kind == "date-time" || kind == "page-number";
    if (is_furniture || attribute_of(node, "placeholder") == "true") return;
    Shape shape{.text = text_below(node), .is_title = kind == "title", .place = {}};
    const auto left = points_of(attribute_of(node, "x"));
    const auto top = points_of(attribute_of(node, "y"));
    if (left && top) shape.place = Place{.left = *left, .top = *top};
    if (!shape.text.empty()) slide_.shapes.push_back(std::move(shape));
  }

  void notes(const pugi::xml_node& node) {
    for (const pugi::xml_node& child : node.children()) {
      if (attribute_of(child, "class") == "notes") slide_.notes += text_below(child);
    }
  }

  std::string text_below(const pugi::xml_node& node) {
    TextBuilder text;
    OdfWriter writer(text);
    writer.blocks(node, 0);
    writer.notes();
    reached_depth_max_ = reached_depth_max_ || writer.reached_depth_max();
    return text.take();
  }

  Slide& slide_;
  bool reached_depth_max_ = false;
};

}  // namespace

Parsed parse_odp(std::string_view bytes, std::string_view) {
  ExtractedDocument document;
  document.format = "odp";
  OdfContent content;
  const Result<bool> read = read_odf(bytes, "presentation", content, document);
  if (!read) return Unexpected{read.error()};
  const auto hidden = styles_with(content.xml, "drawing-page-properties", "visibility", "hidden");
  SlideWriter writer(document);
  bool reached_depth_max = false;
  int32_t number = 0;
  for (const pugi::xml_node& page : content.body.children()) {
    if (local_name(page) != "page") continue;
    ++number;
    if (hidden.contains(std::string(attribute_of(page, "style-name")))) {
      writer.leave_out(number);
      continue;
    }
    Slide slide;
    SlideReader reader(slide);
    reader.shapes(page, 0);
    reached_depth_max = reached_depth_max || reader.reached_depth_max();
    const Result<bool> added = writer.add(std::move(slide), number);
    if (!added) return Unexpected{added.error()};
  }
  writer.finish();
  if (reached_depth_max) document.warnings.emplace_back(kTooDeepWarning);
  Extraction extraction;
  extraction.documents.push_back(std::move(document));
  return extraction;
}

}  // namespace widenet::ingest
