// RowPages: a timeline's compressed rows, in pages that it shares with other timelines.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "kernels/paged_rows.h"

namespace widenet::engine {

// Tokens of a page.  A page holds whole blocks (see engine/block_keys.h), and is what one
// allocation, one record on disk and at most one copy have to do with.
inline constexpr int64_t kPageTokens = 1024;

// Where rows stand in a page: one array for each layer's entries, one for its index keys, one after
// the other.  An array has a row for every `ratio` tokens, a power of two.
class PageLayout {
 public:
  struct Array {
    int64_t ratio = 0;
    int64_t row_bytes = 0;
    int64_t offset = 0;  // in a page

    int64_t n_rows(int64_t n_tokens) const { return n_tokens / ratio; }
    int64_t rows_per_page() const { return kPageTokens / ratio; }
  };

  // Returns the number of the array.
  size_t add(int64_t ratio, int64_t row_bytes);

  std::span<const Array> arrays() const { return arrays_; }
  const Array& array(size_t i) const { return arrays_[i]; }
  int64_t page_bytes() const { return page_bytes_; }
  // Of the rows of n_tokens tokens, from a multiple of all ratios on.
  int64_t bytes(int64_t n_tokens) const;

 private:
  std::vector<Array> arrays_;
  int64_t page_bytes_ = 0;
};

// A copy shares all pages.  Rows are appended in place where nobody else has, and a page is copied
// at most once before a timeline that parts from another inside it appends to it.  Timelines that
// share pages are used on one thread.
class RowPages {
 public:
  // The layout outlives it.
  explicit RowPages(const PageLayout& layout) : layout_(&layout) {}

  // Room for the rows of tokens [n_tokens, end), which follow those that are kept.
  void extend(int64_t n_tokens, int64_t end);
  // Leaves the rows of the first n_tokens tokens.
  void shorten(int64_t n_tokens);

  // Row i of an array, to be written by who has extended to it; and the rows from there on that
  // lie behind it.
  uint8_t* row(size_t array, int64_t i);
  int64_t rows_together(size_t array, int64_t i) const;
  // Valid until the next change.
  kernels::PagedRows view(size_t array) const;

  // The rows of tokens [first, end), inside one page and from a multiple of all ratios on, array
  // after array: layout().bytes(end - first) bytes.  copy_in() takes those of the first n_tokens
  // tokens of them, which the timeline has been extended by.
  void copy_out(int64_t first, int64_t end, std::span<uint8_t> to) const;
  void copy_in(int64_t first, int64_t end, int64_t n_tokens, std::span<const uint8_t> from);

  const PageLayout& layout() const { return *layout_; }

  struct Page {
    explicit Page(int64_t n_bytes) : bytes(new uint8_t[static_cast<size_t>(n_bytes)]) {}

    std::unique_ptr<uint8_t[]> bytes;
    int64_t end = 0;  // rows up to this token of a timeline have been written
  };
  // To count what is shared once, and to share what has been read already.
  std::span<const std::shared_ptr<Page>> pages() const { return pages_; }
  // In place of the page at `index`, which may be new; it has the rows of the timeline's tokens.
  void put_page(size_t index, std::shared_ptr<Page> page);

 private:
  const PageLayout* layout_;
  std::vector<std::shared_ptr<Page>> pages_;
  std::vector<const uint8_t*> bytes_;  // of the pages
};

}  // namespace widenet::engine
