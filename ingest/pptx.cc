// PPTX (ECMA-376 PresentationML): each visible slide's shapes, tables and diagrams, and the
// speaker's notes.
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ingest/ooxml.h"
#include "ingest/parsers.h"
#include "ingest/slides.h"
#include "ingest/text.h"
#include "ingest/xml_tree.h"

namespace widenet::ingest {
namespace {

constexpr double kUnitsPerPoint = 12'700;  // English metric units

bool is_item(const pugi::xml_node& paragraph, bool bulleted) {
  const pugi::xml_node properties = child_of(paragraph, "pPr");
  if (child_of(properties, "buChar") || child_of(properties, "buAutoNum")) return true;
  return bulleted && !child_of(properties, "buNone");
}

// Where a group puts what lies in it: child offset and extent become offset and extent.
struct Frame {
  double left = 0;
  double top = 0;
  double x_scale = 1;
  double y_scale = 1;

  Place place(double x, double y) const {
    return {.left = left + x * x_scale, .top = top + y * y_scale};
  }
};

double length_of(const pugi::xml_node& node, std::string_view name) {
  return number_from<double>(attribute_of(node, name)).value_or(0) / kUnitsPerPoint;
}

std::optional<Place> place_of(const pugi::xml_node& transform, const Frame& frame) {
  const pugi::xml_node offset = child_of(transform, "off");
  if (!offset) return std::nullopt;
  return frame.place(length_of(offset, "x"), length_of(offset, "y"));
}

Frame frame_of(const pugi::xml_node& group, const Frame& outer) {
  const pugi::xml_node transform = child_of(child_of(group, "grpSpPr"), "xfrm");
  const auto corner = place_of(transform, outer);
  if (!corner) return outer;
  const pugi::xml_node size = child_of(transform, "ext");
  const pugi::xml_node inner = child_of(transform, "chExt");
  const auto scale = [&](std::string_view name) {
    const double extent = length_of(inner, name);
    return extent > 0 ? length_of(size, name) / extent : 1.0;
  };
  Frame frame{.x_scale = outer.x_scale * scale("cx"), .y_scale = outer.y_scale * scale("cy")};
  const pugi::xml_node start = child_of(transform, "chOff");
  frame.left = corner->left - length_of(start, "x") * frame.x_scale;
  frame.top = corner->top - length_of(start, "y") * frame.y_scale;
  return frame;
}

// The kind of placeholder a shape fills, "none" if it fills none; some say no kind, and hold text.
std::string placeholder_of(const pugi::xml_node& shape) {
  const pugi::xml_node placeholder = child_of(child_of(child_of(shape, "nvSpPr"), "nvPr"), "ph");
  if (!placeholder) return "none";
  const std::string_view kind = attribute_of(placeholder, "type");
  return kind.empty() ? "body" : std::string(kind);
}

// Collects the shapes of a slide, or of its notes.
class ShapeReader {
 public:
  // A diagram's text is in the part that `diagrams` names for the diagram's frame.
  using Diagrams = std::function<std::string(const pugi::xml_node& frame)>;

  explicit ShapeReader(Diagrams diagrams) : diagrams_(std::move(diagrams)) {}

  std::vector<Shape> take_shapes() { return std::move(shapes_); }
  std::string notes() const { return notes_; }
  bool reached_depth_max() const { return reached_depth_max_; }

  void shapes(const pugi::xml_node& tree, const Frame& frame, int depth) {
    if (too_deep(depth)) return;
    for (const pugi::xml_node& child : tree.children()) {
      const std::string_view name = local_name(child);
      if (name == "sp") {
        shape(child, frame);
      } else if (name == "grpSp") {
        shapes(child, frame_of(child, frame), depth + 1);
      } else if (name == "graphicFrame") {
        graphic(child, frame);
      } else if (name == "AlternateContent" || name == "Choice") {
        shapes(child, frame, depth + 1);
      }
    }
  }

  // The paragraphs of a text body, a line each.
  static std::string body_text(const pugi::xml_node& body, bool bulleted) {
    TextBuilder text;
    for (const pugi::xml_node& paragraph : body.children()) {
      if (local_name(paragraph) != "p") continue;
      text.end_line();
      std::string_view mark = is_item(paragraph, bulleted) ? "- " : "";
      for (const pugi::xml_node& run : paragraph.children()) {
        const std::string_view name = local_name(run);
        if (name == "br") text.end_line();
        if (name != "r" && name != "fld") continue;
        const std::string_view words = text_in(child_of(run, "t"));
        if (!trimmed(words).empty()) text.add(std::exchange(mark, ""));
        text.add(words);
      }
    }
    return text.take();
  }

 private:
  bool too_deep(int depth) {
    reached_depth_max_ = reached_depth_max_ || depth > kXmlDepthMax;
    return depth > kXmlDepthMax;
  }

  void shape(const pugi::xml_node& node, const Frame& frame) {
    const std::string kind = placeholder_of(node);
    if (kind == "dt" || kind == "ftr" || kind == "hdr" || kind == "sldNum") return;
    const bool is_title = kind == "title" || kind == "ctrTitle";
    const std::string text = body_text(child_of(node, "txBody"), kind == "body" || kind == "obj");
    if (kind == "body") notes_ = body_text(child_of(node, "txBody"), false);
    add({.text = text,
         .is_title = is_title,
         .place = place_of(child_of(child_of(node, "spPr"), "xfrm"), frame)});
  }

  void graphic(const pugi::xml_node& node, const Frame& frame) {
    const pugi::xml_node data = child_of(child_of(node, "graphic"), "graphicData");
    const pugi::xml_node table = child_of(data, "tbl");
    add({.text = table ? table_text(table) : diagrams_(data),
         .place = place_of(child_of(node, "xfrm"), frame)});
  }

  static std::string table_text(const pugi::xml_node& table) {
    TextBuilder text;
    for (const pugi::xml_node& row : table.children()) {
      std::vector<std::string> cells;
      for (const pugi::xml_node& cell : row.children()) {
        if (local_name(cell) != "tc") continue;
        cells.push_back(flattened(body_text(child_of(cell, "txBody"), false)));
      }
      text.add(row_line(cells));
      text.end_line();
    }
    return text.take();
  }

  void add(Shape shape) {
    if (!shape.text.empty()) shapes_.push_back(std::move(shape));
  }

  Diagrams diagrams_;
  std::vector<Shape> shapes_;
  std::string notes_;
  bool reached_depth_max_ = false;
};

class Presentation {
 public:
  explicit Presentation(const OoxmlParts& parts)
      : parts_(parts), main_(main_part(parts, "ppt/presentation.xml")) {}

  Result<bool> read(ExtractedDocument& document) {
    pugi::xml_document parsed;
    if (!parts_.contains(main_)) return Unexpected{"the PPTX has no ppt/presentation.xml"};
    const Result<bool> loaded = load_xml(parsed, parts_.at(main_));
    if (!loaded) return loaded;
    const auto relationships = relationships_of(parts_, main_);
    SlideWriter writer(document);
    int32_t number = 0;
    for (const pugi::xml_node& entry : child_of(parsed.document_element(), "sldIdLst").children()) {
      if (local_name(entry) != "sldId") continue;
      ++number;
      const auto relationship = relationships.find(relationship_id(entry));
      if (relationship == relationships.end()) continue;
      const Result<bool> read = read_slide(relationship->second.target, number, writer);
      if (!read) return read;
    }
    writer.finish();
    if (reached_depth_max_) document.warnings.emplace_back(kTooDeepWarning);
    return true;
  }

 private:
  Result<bool> read_slide(const std::string& name, int32_t number, SlideWriter& writer) {
    const auto part = parts_.find(name);
    if (part == parts_.end()) return true;
    pugi::xml_document parsed;
    const Result<bool> loaded = load_xml(parsed, part->second);
    if (!loaded) return loaded;
    const pugi::xml_node root = parsed.document_element();
    const std::string_view show = attribute_of(root, "show");
    if (show == "0" || show == "false") {
      writer.leave_out(number);
      return true;
    }
    const auto relationships = relationships_of(parts_, name);
    ShapeReader reader([&](const pugi::xml_node& data) {
      const auto found = relationships.find(relationship_id(child_of(data, "relIds"), "dm"));
      return found == relationships.end() ? std::string() : diagram_text(found->second.target);
    });
    reader.shapes(child_of(child_of(root, "cSld"), "spTree"), Frame(), 0);
    reached_depth_max_ = reached_depth_max_ || reader.reached_depth_max();
    return writer.add({.shapes = reader.take_shapes(),
                       .notes = notes_text(target_of(relationships, "notesSlide"))},
                      number);
  }

  // The text of the notes page's body; its other shapes are a picture of the slide and furniture.
  std::string notes_text(const std::string& name) const {
    const auto part = parts_.find(name);
    pugi::xml_document parsed;
    if (part == parts_.end() || !load_xml(parsed, part->second)) return {};
    ShapeReader reader([](const pugi::xml_node&) { return std::string(); });
    reader.shapes(child_of(child_of(parsed.document_element(), "cSld"), "spTree"), Frame(), 0);
    return reader.notes();
  }

  // A diagram's points in the file's order, a line each.
  std::string diagram_text(const std::string& name) const {
    const auto part = parts_.find(name);
    pugi::xml_document parsed;
    if (part == parts_.end() || !load_xml(parsed, part->second)) return {};
    TextBuilder text;
    for (const pugi::xml_node& point : child_of(parsed.document_element(), "ptLst").children()) {
      text.end_line();
      text.add(ShapeReader::body_text(child_of(point, "t"), false));
    }
    return text.take();
  }

  const OoxmlParts& parts_;
  std::string main_;
  bool reached_depth_max_ = false;
};

}  // namespace

Parsed parse_pptx(std::string_view bytes, std::string_view) {
  const Result<OoxmlParts> parts = read_ooxml(bytes);
  if (!parts) return Unexpected{parts.error()};
  ExtractedDocument document;
  document.format = "pptx";
  read_core_properties(*parts, document);
  const Result<bool> read = Presentation(*parts).read(document);
  if (!read) return Unexpected{read.error()};
  Extraction extraction;
  extraction.documents.push_back(std::move(document));
  return extraction;
}

}  // namespace widenet::ingest
