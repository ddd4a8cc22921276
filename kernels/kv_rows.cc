// The definition of the packed row.
#include "kernels/kv_rows.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/number_formats.h"

namespace widenet::kernels {
namespace {

void pack_row(const float* x, const KvLayout& layout, uint8_t* row) {
  uint8_t* scales = row + layout.n_codes();
  for (int64_t block = 0; block < layout.n_scales(); ++block) {
    const int64_t first = block * KvLayout::kBlock;
    const int64_t last = std::min(first + KvLayout::kBlock, layout.n_codes());
    float amax = 0.0f;
    for (int64_t i = first; i < last; ++i) amax = std::max(amax, std::fabs(x[i]));
    scales[block] = fp8_block_scale(amax);
    const float scale = e8m0_to_float(scales[block]);
    for (int64_t i = first; i < last; ++i) row[i] = float_to_e4m3(x[i] / scale);
  }
  for (int64_t i = 0; i < layout.rope_dim; ++i) {
    const uint16_t bits = float_to_bf16(x[layout.n_codes() + i]);
    std::memcpy(row + layout.rope_offset() + 2 * i, &bits, sizeof bits);
  }
}

void unpack_row(const uint8_t* row, const KvLayout& layout, float* out) {
  const uint8_t* scales = row + layout.n_codes();
  for (int64_t i = 0; i < layout.n_codes(); ++i) {
    out[i] = e4m3_to_float(row[i]) * e8m0_to_float(scales[i / KvLayout::kBlock]);
  }
  for (int64_t i = 0; i < layout.rope_dim; ++i) {
    uint16_t bits = 0;
    std::memcpy(&bits, row + layout.rope_offset() + 2 * i, sizeof bits);
    out[layout.n_codes() + i] = bf16_to_float(bits);
  }
}

}  // namespace

void pack_kv_rows_reference(Stream&, Rows<const float> x, const KvLayout& layout, uint8_t* rows) {
  WN_CHECK(x.dim == layout.head_dim);
  const auto row_bytes = static_cast<size_t>(layout.row_bytes());
  for (int64_t t = 0; t < x.count; ++t) {
    uint8_t* row = rows + static_cast<size_t>(t) * row_bytes;
    if (layout.packed) {
      std::memset(row, 0, row_bytes);
      pack_row(x[t], layout, row);
    } else {
      std::memcpy(row, x[t], row_bytes);
    }
  }
}

void unpack_kv_rows_reference(Stream&,
                              const uint8_t* rows,
                              const KvLayout& layout,
                              Rows<float> out) {
  WN_CHECK(out.dim == layout.head_dim);
  const auto row_bytes = static_cast<size_t>(layout.row_bytes());
  for (int64_t t = 0; t < out.count; ++t) {
    const uint8_t* row = rows + static_cast<size_t>(t) * row_bytes;
    if (layout.packed) {
      unpack_row(row, layout, out[t]);
    } else {
      std::memcpy(out[t], row, row_bytes);
    }
  }
}

}  // namespace widenet::kernels
