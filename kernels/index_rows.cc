// The definition of index vectors.
#include "kernels/index_rows.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "kernels/number_formats.h"
#include "kernels/thread_pool.h"

namespace widenet::kernels {
namespace {

void pack_row(const float* x, const IndexLayout& layout, uint8_t* row) {
  uint8_t* scales = row + layout.dim / 2;
  for (int64_t block = 0; block < layout.n_scales(); ++block) {
    const float* values = x + block * IndexLayout::kBlock;
    float amax = 0.0f;
    for (int64_t i = 0; i < IndexLayout::kBlock; ++i) amax = std::max(amax, std::fabs(values[i]));
    scales[block] = fp4_block_scale(amax);
    const float scale = e8m0_to_float(scales[block]);
    uint8_t* codes = row + block * IndexLayout::kBlock / 2;
    for (int64_t i = 0; i < IndexLayout::kBlock; i += 2) {
      const unsigned low = float_to_e2m1(values[i] / scale);
      const unsigned high = float_to_e2m1(values[i + 1] / scale);
      codes[i / 2] = static_cast<uint8_t>(low | (high << 4));
    }
  }
}

}  // namespace

void pack_index_rows_reference(Stream&,
                               Rows<const float> x,
                               const IndexLayout& layout,
                               uint8_t* rows) {
  WN_CHECK(x.dim == layout.dim && layout.dim % IndexLayout::kBlock == 0);
  for (int64_t t = 0; t < x.count; ++t) {
    uint8_t* row = rows + t * layout.row_bytes();
    if (layout.packed) {
      pack_row(x[t], layout, row);
    } else {
      std::memcpy(row, x[t], static_cast<size_t>(layout.row_bytes()));
    }
  }
}

}  // namespace widenet::kernels
