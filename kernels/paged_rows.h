// PagedRows: packed rows of a timeline, in pages of equal size that lie anywhere.
#pragma once

#include <cstdint>

namespace widenet::kernels {

// Row i of `row_bytes` bytes stands in page i >> log2_rows, `offset` bytes behind its beginning.  A
// view: pages belong to the caller.  Rows that are together in memory are one page:
//
//     const uint8_t* page = rows.data();
//     in.keys = {.pages = &page};
struct PagedRows {
  static constexpr int kAllInOne = 62;

  const uint8_t* const* pages = nullptr;
  int64_t offset = 0;
  int log2_rows = kAllInOne;

  const uint8_t* row(int64_t i, int64_t row_bytes) const {
    return pages[i >> log2_rows] + offset + (i & ((int64_t{1} << log2_rows) - 1)) * row_bytes;
  }
};

}  // namespace widenet::kernels
