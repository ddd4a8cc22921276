// The slides of a presentation on their way to a document: PPTX and ODP fill them in.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "ingest/document.h"
#include "ingest/text.h"

namespace widenet::ingest {

// Of a shape's upper left corner, in points.
struct Place {
  double left = 0;
  double top = 0;
};

struct Shape {
  std::string text;  // canonical
  bool is_title = false;
  std::optional<Place> place;  // none: where the slide's layout puts it
};

struct Slide {
  std::vector<Shape> shapes;
  std::string notes;  // canonical
};

// Adds slides to a document's text and pages: the title, the shapes whose place the layout decides,
// the others top to bottom and left to right, then the speaker's notes.
class SlideWriter {
 public:
  explicit SlideWriter(ExtractedDocument& document) : document_(document) {}

  // `number` counts the slides from 1, hidden ones too.  Refuses more slides than kPagesMax, and
  // more text than kTextBytesMax.
  Result<bool> add(Slide slide, int32_t number);

  // Says in a warning that a hidden slide was left out.
  void leave_out(int32_t number);

  // Gives the document its text, warnings, and the first slide's title if that has one; nothing is
  // added afterwards.
  void finish();

 private:
  ExtractedDocument& document_;
  TextBuilder text_;
  std::string hidden_;
  std::string title_;
};

}  // namespace widenet::ingest
