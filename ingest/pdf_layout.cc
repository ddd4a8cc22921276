#include "ingest/pdf_layout.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <set>
#include <utility>

#include "base/utf8.h"

namespace widenet::ingest {
namespace {

constexpr float kCoordinateMax = 1e5F;

// ---- Reading -----------------------------------------------------------------------------------

std::string_view next_line(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(text.size(), line.size() + 1));
  return trimmed(line);
}

float number_in(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || !std::isfinite(value)) return 0;
  return std::clamp(static_cast<float>(value), -kCoordinateMax, kCoordinateMax);
}

std::string_view attribute_in(std::string_view tag, std::string_view name) {
  const size_t at = tag.find(name);
  if (at == std::string_view::npos) return {};
  const size_t start = at + name.size() + 2;  // ="
  if (start >= tag.size()) return {};
  return tag.substr(start, tag.find('"', start) - start);
}

Box box_in(std::string_view tag) {
  return {number_in(attribute_in(tag, "xMin")), number_in(attribute_in(tag, "yMin")),
          number_in(attribute_in(tag, "xMax")), number_in(attribute_in(tag, "yMax"))};
}

std::string unescaped(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, char>, 5> kEntities = {
      {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}}};
  std::string plain;
  while (!text.empty()) {
    const auto entity = std::find_if(kEntities.begin(), kEntities.end(), [&](const auto& known) {
      return text.starts_with(known.first);
    });
    plain += entity == kEntities.end() ? text[0] : entity->second;
    text.remove_prefix(entity == kEntities.end() ? 1 : entity->first.size());
  }
  return to_valid_utf8(plain);
}

std::string content_of(std::string_view element) {
  const size_t start = element.find('>');
  const size_t end = element.rfind("</");
  if (start == element.npos || end == element.npos || end <= start) return {};
  return unescaped(element.substr(start + 1, end - start - 1));
}

void read_property(std::string_view line, LayoutDocument& document) {
  if (line.starts_with("<title>")) document.properties["title"] = content_of(line);
  if (!line.starts_with("<meta name=")) return;
  document.properties[lowered(attribute_in(line, "name"))] =
      unescaped(attribute_in(line, "content"));
}

// ---- Order -------------------------------------------------------------------------------------

float height_of(const Box& box) {
  return std::max(box.bottom - box.top, 1.0F);
}

float middle_of(const Box& box) {
  return (box.top + box.bottom) / 2;
}

struct Block {
  Box box;
  int64_t n_words = 0;
  int64_t n_labels = 0;  // lines that have a number, or a name, beside them
  std::vector<const LayoutLine*> lines;

  // Several lines of running text, as against a list of labels or numbers.
  bool is_prose() const {
    const auto n_lines = static_cast<int64_t>(lines.size());
    return n_lines >= 2 && n_words >= 4 * n_lines && n_labels * 2 < n_lines;
  }
};

std::vector<Block> blocks_of(const LayoutPage& page) {
  std::vector<Block> blocks;
  int64_t current = -1;
  for (const LayoutLine& line : page.lines) {
    if (blocks.empty() || line.block != current) {
      blocks.push_back({.box = line.box, .n_words = 0, .n_labels = 0, .lines = {}});
      current = line.block;
    }
    Block& block = blocks.back();
    block.box.left = std::min(block.box.left, line.box.left);
    block.box.top = std::min(block.box.top, line.box.top);
    block.box.right = std::max(block.box.right, line.box.right);
    block.box.bottom = std::max(block.box.bottom, line.box.bottom);
    block.n_words += static_cast<int64_t>(line.words.size());
    block.lines.push_back(&line);
  }
  return blocks;
}

// A line and its block.
struct Placed {
  const LayoutLine* line = nullptr;
  const Block* block = nullptr;
};

// Lines at one height, from left to right; the rows from top to bottom.
std::vector<std::vector<Placed>> rows_of(const std::vector<const Block*>& blocks) {
  std::vector<Placed> placed;
  for (const Block* block : blocks) {
    for (const LayoutLine* line : block->lines) placed.push_back({line, block});
  }
  std::stable_sort(placed.begin(), placed.end(), [](const Placed& a, const Placed& b) {
    return middle_of(a.line->box) < middle_of(b.line->box);
  });
  std::vector<std::vector<Placed>> rows;
  for (const Placed& item : placed) {
    const Box* first = rows.empty() ? nullptr : &rows.back().front().line->box;
    const bool same_row =
        first != nullptr && middle_of(item.line->box) - middle_of(*first) <
                                std::min(height_of(*first), height_of(item.line->box)) / 2;
    if (!same_row) rows.emplace_back();
    rows.back().push_back(item);
  }
  for (auto& row : rows) {
    std::stable_sort(row.begin(), row.end(), [](const Placed& a, const Placed& b) {
      return a.line->box.left < b.line->box.left;
    });
  }
  return rows;
}

std::vector<const Block*> pointers_to(const std::vector<Block>& blocks) {
  std::vector<const Block*> pointers;
  for (const Block& block : blocks) pointers.push_back(&block);
  return pointers;
}

// "Passing rent", "Tenant's break": what names the value that stands to its right.
bool names_a_value(const LayoutLine& line) {
  constexpr size_t kNameWords = 3;
  const auto lead = static_cast<uint8_t>(line.words.front().text[0]);
  return line.words.size() <= kNameWords && (lead >= 0x80 || (lead >= 'A' && lead <= 'Z'));
}

// A line is a label if the next piece to its right is short, and belongs to a table's column if the
// one to its left names it.
void count_labels(std::vector<Block>& blocks) {
  constexpr size_t kShortWords = 3;
  const auto count = [&](const Block* block) {
    ++blocks[static_cast<size_t>(block - blocks.data())].n_labels;
  };
  for (const auto& row : rows_of(pointers_to(blocks))) {
    for (size_t i = 0; i + 1 < row.size(); ++i) {
      if (row[i + 1].line->words.size() <= kShortWords) count(row[i].block);
      if (names_a_value(*row[i].line)) count(row[i + 1].block);
    }
  }
}

// The gaps between columns of prose, and the height between which there are columns.
struct Gutters {
  std::vector<float> x;
  float top = kCoordinateMax;
  float bottom = 0;

  bool are_beside(const Box& box) const { return middle_of(box) > top && middle_of(box) < bottom; }

  bool are_crossed_by(const Box& box) const {
    return std::any_of(x.begin(), x.end(),
                       [&](float at) { return box.left < at - 2 && box.right > at + 2; });
  }
};

// Where two paragraphs of at least three lines stand beside each other.
Gutters gutters_of(const std::vector<Block>& blocks) {
  constexpr size_t kParagraphsMax = 400;  // the comparison is of all pairs
  std::vector<const Block*> paragraphs;
  for (const Block& block : blocks) {
    if (block.is_prose() && block.lines.size() >= 3) paragraphs.push_back(&block);
  }
  Gutters gutters;
  if (paragraphs.size() > kParagraphsMax) return gutters;
  for (const Block* left : paragraphs) {
    for (const Block* right : paragraphs) {
      const float shared =
          std::min(left->box.bottom, right->box.bottom) - std::max(left->box.top, right->box.top);
      const float shorter = std::min(height_of(left->box), height_of(right->box));
      if (left->box.right >= right->box.left || shared <= shorter / 2) continue;
      gutters.x.push_back((left->box.right + right->box.left) / 2);
      gutters.top = std::min({gutters.top, left->box.top, right->box.top});
      gutters.bottom = std::max({gutters.bottom, left->box.bottom, right->box.bottom});
    }
  }
  std::sort(gutters.x.begin(), gutters.x.end());
  // Gaps of one gutter differ a little from paragraph to paragraph.
  const auto near = [](float a, float b) { return b - a < 30; };
  gutters.x.erase(std::unique(gutters.x.begin(), gutters.x.end(), near), gutters.x.end());
  return gutters;
}

// Blocks in the order in which they are read, cut into regions that are each read by rows.
std::vector<std::vector<const Block*>> regions_of(const std::vector<Block>& blocks,
                                                  const Gutters& gutters) {
  std::vector<const Block*> ordered = pointers_to(blocks);
  std::stable_sort(ordered.begin(), ordered.end(),
                   [](const Block* a, const Block* b) { return a->box.top < b->box.top; });
  std::vector<std::vector<const Block*>> regions;
  std::vector<std::vector<const Block*>> columns(gutters.x.size() + 1);
  bool in_full_width = false;
  const auto end_band = [&] {
    for (auto& column : columns) {
      if (!column.empty()) regions.push_back(std::exchange(column, {}));
    }
  };
  for (const Block* block : ordered) {
    const bool is_full_width =
        !gutters.are_beside(block->box) || gutters.are_crossed_by(block->box);
    if (is_full_width != in_full_width) end_band();
    in_full_width = is_full_width;
    const float middle = (block->box.left + block->box.right) / 2;
    const auto column =
        is_full_width
            ? 0
            : std::lower_bound(gutters.x.begin(), gutters.x.end(), middle) - gutters.x.begin();
    columns[static_cast<size_t>(column)].push_back(block);
  }
  end_band();
  return regions;
}

// ---- Writing -----------------------------------------------------------------------------------

bool is_currency_or_open(std::string_view text) {
  return text == "$" || text == "€" || text == "£" || text == "¥" || text == "(" || text == "-$" ||
         text == "($";
}

bool closes(std::string_view text) {
  return text == ")" || text == "%" || text == ")%";
}

// "1.", "(a)", "•": what stands before an item.
bool is_item_mark(std::string_view text) {
  if (text == "•" || text == "●" || text == "▪" || text == "–" || text == "-" || text == "*") {
    return true;
  }
  return count_chars(text) <= 6 && text.size() > 1 && (text.ends_with('.') || text.ends_with(')'));
}

bool begins_with_letter(std::string_view text) {
  const auto lead = static_cast<uint8_t>(text[0]);
  return lead >= 0x80 || (lead >= 'A' && lead <= 'Z') || (lead >= 'a' && lead <= 'z') ||
         lead == '"';
}

using Cell = std::vector<const LayoutWord*>;

std::vector<Cell> cells_of(const std::vector<const LayoutLine*>& lines) {
  std::vector<Cell> cells;
  float right = 0;
  for (const LayoutLine* line : lines) {
    for (const LayoutWord& word : line->words) {
      // A currency sign opens a cell, however close it stands to the last one's number.
      const float gap_min = is_currency_or_open(word.text) ? 0.5F : 1.2F;
      const bool apart = cells.empty() || word.box.left - right > gap_min * height_of(line->box);
      const bool joins =
          !cells.empty() && (is_currency_or_open(cells.back().back()->text) || closes(word.text));
      if (apart && !joins) cells.emplace_back();
      if (cells.empty()) cells.emplace_back();
      cells.back().push_back(&word);
      right = word.box.right;
    }
  }
  return cells;
}

class PageWriter {
 public:
  PageWriter(TextBuilder& out, Page& page) : out_(out), page_(page) {}

  void region(const std::vector<const Block*>& blocks) {
    out_.end_paragraph();
    float bottom = 0;
    for (const auto& row : rows_of(blocks)) write_row(row, bottom);
    out_.end_paragraph();
  }

 private:
  void write_row(const std::vector<Placed>& row, float& bottom) {
    std::vector<const LayoutLine*> pieces;
    std::vector<const Block*> paragraphs;
    for (const Placed& item : row) {
      if (!item.block->is_prose()) {
        pieces.push_back(item.line);
      } else if (written_.insert(item.block).second) {
        paragraphs.push_back(item.block);
      }
    }
    if (!pieces.empty()) {
      const Box& box = pieces.front()->box;
      const std::vector<Cell> cells = cells_of(pieces);
      // Rows of one table may stand further apart than lines of text.
      const bool same_table = cells.size() > 1 && cells.size() == n_cells_before_;
      const float gap_max = height_of(box) * (same_table ? 2.5F : 0.8F);
      if (box.top - bottom > gap_max) out_.end_paragraph();
      write_cells(cells);
      bottom = box.bottom;
      n_cells_before_ = cells.size();
    }
    for (const Block* block : paragraphs) {
      // A label to the left introduces its paragraph.
      const bool labelled =
          pieces.size() == 1 && paragraphs.size() == 1 && pieces[0]->box.right <= block->box.left;
      labelled ? out_.blank() : out_.end_paragraph();
      write_paragraph(*block);
      out_.end_paragraph();
    }
    out_.end_line();
  }

  void write_cells(const std::vector<Cell>& cells) {
    const bool is_item = cells.size() == 2 && cells[0].size() == 1 &&
                         is_item_mark(cells[0][0]->text) && begins_with_letter(cells[1][0]->text);
    bool is_labelled = is_item;
    for (const Cell& cell : cells) {
      if (&cell != &cells.front()) out_.add(is_labelled ? " " : " | ");
      is_labelled = is_item || cell.back()->text.ends_with(':');
      for (const LayoutWord* word : cell) {
        if (word != cell.front()) out_.blank();
        write_word(word->text, word->box);
      }
    }
  }

  void write_paragraph(const Block& block) {
    bool joins = false;  // the next word continues the last one
    for (size_t i = 0; i < block.lines.size(); ++i) {
      const LayoutLine& line = *block.lines[i];
      const LayoutLine* next = i + 1 < block.lines.size() ? block.lines[i + 1] : nullptr;
      if (i > 0 && begins_anew(block, *block.lines[i - 1], line)) out_.end_line();
      for (const LayoutWord& word : line.words) {
        if (!joins) out_.blank();
        joins = false;
        std::string_view text = word.text;
        if (&word == &line.words.back() && next != nullptr) {
          joins = take_hyphen(text, next->words.front().text);
        }
        write_word(text, word.box);
      }
    }
  }

  // Where the next line starts an item, or the line before ended a paragraph early.
  static bool begins_anew(const Block& block, const LayoutLine& before, const LayoutLine& line) {
    if (is_item_mark(line.words.front().text) && line.words.size() > 1) return true;
    const std::string& end = before.words.back().text;
    const bool ended = end.ends_with('.') || end.ends_with(':') || end.ends_with('?') ||
                       end.ends_with('!') || end.ends_with(';');
    return ended && before.box.right < block.box.right - (block.box.right - block.box.left) / 4;
  }

  // Whether a line's last word goes on in the next line.  Its hyphen goes between small letters,
  // where it only marks the cut.
  static bool take_hyphen(std::string_view& text, std::string_view next) {
    constexpr std::string_view kSoftHyphen = "\xC2\xAD";
    if (text.size() > kSoftHyphen.size() && text.ends_with(kSoftHyphen)) {
      text.remove_suffix(kSoftHyphen.size());
      return true;
    }
    if (text.size() < 2 || !text.ends_with('-') || text[text.size() - 2] == '-') return false;
    const auto is_small = [](char c) { return c >= 'a' && c <= 'z'; };
    if (is_small(text[text.size() - 2]) && is_small(next[0])) text.remove_suffix(1);
    return true;
  }

  void write_word(std::string_view text, const Box& box) {
    const CharRange range = out_.add(text);
    if (range.start_char == range.end_char) return;
    page_.words.push_back(
        {range.start_char, range.end_char, box.left, box.top, box.right, box.bottom});
  }

  TextBuilder& out_;
  Page& page_;
  std::set<const Block*> written_;
  size_t n_cells_before_ = 0;
};

}  // namespace

Result<LayoutDocument> read_bbox_layout(std::string_view xhtml) {
  LayoutDocument document;
  int64_t block = 0;
  while (!xhtml.empty()) {
    const std::string_view line = next_line(xhtml);
    if (line.starts_with("<page ")) {
      if (document.pages.size() == size_t{kPagesMax}) return Unexpected{"there are too many pages"};
      document.pages.push_back({.width = number_in(attribute_in(line, "width")),
                                .height = number_in(attribute_in(line, "height")),
                                .lines = {}});
    } else if (line.starts_with("<block ")) {
      ++block;
    } else if (document.pages.empty()) {
      read_property(line, document);
    } else if (line.starts_with("<line ")) {
      document.pages.back().lines.push_back({.box = box_in(line), .block = block, .words = {}});
    } else if (line.starts_with("<word ") && document.pages.back().has_words()) {
      std::string text = content_of(line);
      if (!canonical_text(text).empty()) {
        document.pages.back().lines.back().words.push_back({box_in(line), std::move(text)});
      }
    }
  }
  for (LayoutPage& page : document.pages) {
    std::erase_if(page.lines, [](const LayoutLine& line) { return line.words.empty(); });
  }
  return document;
}

LayoutPage read_tesseract_tsv(std::string_view tsv, float points_per_pixel) {
  // level page block paragraph line word left top width height confidence text
  constexpr size_t kFields = 12;
  LayoutPage page;
  std::string before;
  while (!tsv.empty()) {
    std::string_view line = next_line(tsv);
    std::array<std::string_view, kFields> field;
    for (std::string_view& one : field) {
      one = line.substr(0, line.find('\t'));
      line.remove_prefix(std::min(line.size(), one.size() + 1));
    }
    const auto points = [&](size_t i) { return number_in(field[i]) * points_per_pixel; };
    const Box box{points(6), points(7), points(6) + points(8), points(7) + points(9)};
    if (field[0] == "1") {
      page.width = box.right;
      page.height = box.bottom;
    }
    const std::string text = to_valid_utf8(trimmed(field[11]));
    if (field[0] != "5" || canonical_text(text).empty()) continue;
    const std::string key = std::string(field[2]) + ' ' + std::string(field[3]);
    const std::string line_key = key + ' ' + std::string(field[4]);
    if (line_key != before) {
      const bool same_block = before.starts_with(key + ' ');
      const int64_t block = page.lines.empty() ? 0 : page.lines.back().block + (same_block ? 0 : 1);
      page.lines.push_back({.box = box, .block = block, .words = {}});
      before = line_key;
    }
    LayoutLine& last = page.lines.back();
    last.box.top = std::min(last.box.top, box.top);
    last.box.right = std::max(last.box.right, box.right);
    last.box.bottom = std::max(last.box.bottom, box.bottom);
    last.words.push_back({box, text});
  }
  return page;
}

Page write_page(const LayoutPage& layout, int32_t number, TextBuilder& out) {
  Page page{.number = number,
            .start_char = 0,
            .end_char = 0,
            .width = layout.width,
            .height = layout.height,
            .words = {}};
  out.end_paragraph();
  const int64_t n_chars_before = out.n_chars();
  std::vector<Block> blocks = blocks_of(layout);
  count_labels(blocks);
  PageWriter writer(out, page);
  for (const auto& region : regions_of(blocks, gutters_of(blocks))) writer.region(region);
  page.start_char = page.words.empty() ? n_chars_before : page.words.front().start_char;
  page.end_char = out.n_chars();
  return page;
}

}  // namespace widenet::ingest
