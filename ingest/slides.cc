#include "ingest/slides.h"

#include <algorithm>
#include <utility>

namespace widenet::ingest {
namespace {

constexpr double kRowPoints = 9;  // shapes whose tops differ by less stand side by side

// 0: the title; 1: placed by the layout, in the file's order; 2: placed.
int rank_of(const Shape& shape) {
  return shape.is_title ? 0 : shape.place ? 2 : 1;
}

void sort_for_reading(std::vector<Shape>& shapes) {
  std::stable_sort(shapes.begin(), shapes.end(),
                   [](const Shape& a, const Shape& b) { return rank_of(a) < rank_of(b); });
  const auto placed = std::find_if(shapes.begin(), shapes.end(),
                                   [](const Shape& shape) { return rank_of(shape) == 2; });
  std::stable_sort(placed, shapes.end(),
                   [](const Shape& a, const Shape& b) { return a.place->top < b.place->top; });
  for (auto row = placed; row != shapes.end();) {
    const double bottom = row->place->top + kRowPoints;
    const auto end = std::find_if(row, shapes.end(),
                                  [&](const Shape& shape) { return !(shape.place->top < bottom); });
    const auto next = end == row ? row + 1 : end;
    std::stable_sort(row, next,
                     [](const Shape& a, const Shape& b) { return a.place->left < b.place->left; });
    row = next;
  }
}

}  // namespace

Result<bool> SlideWriter::add(Slide slide, int32_t number) {
  if (number > kPagesMax) return Unexpected{"the presentation has more than 20000 slides"};
  sort_for_reading(slide.shapes);
  if (number == 1 && !slide.shapes.empty() && slide.shapes.front().is_title) {
    title_ = one_line(slide.shapes.front().text);
  }
  if (!slide.notes.empty()) slide.shapes.push_back({.text = "Notes: " + slide.notes, .place = {}});
  Page page{.number = number, .start_char = text_.n_chars(), .words = {}};
  bool is_first = true;
  for (const Shape& shape : slide.shapes) {
    if (shape.text.empty()) continue;
    text_.end_paragraph();
    const CharRange range = text_.add(shape.text);
    if (std::exchange(is_first, false)) page.start_char = range.start_char;
  }
  page.end_char = text_.n_chars();
  document_.pages.push_back(std::move(page));
  if (text_.n_bytes() > kTextBytesMax) {
    return Unexpected{"the text is longer than 64 MiB; split the file"};
  }
  return true;
}

void SlideWriter::leave_out(int32_t number) {
  hidden_ += (hidden_.empty() ? "hidden slides were left out: " : ", ") + std::to_string(number);
}

void SlideWriter::finish() {
  if (!hidden_.empty()) document_.warnings.push_back(one_line(hidden_));
  if (!title_.empty()) document_.title = title_;
  document_.text = text_.take();
}

}  // namespace widenet::ingest
