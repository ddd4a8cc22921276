// Index vectors, packed.
#pragma once

#include "kernels/simd/rows.h"

namespace widenet::kernels {
namespace {

// Two E2M1 codes a byte, of v clamped to +-6 and rounded to nearest, ties to the even code.
WN_INLINE PairBytes e2m1_code_pairs(F v) {
  const F size = min(magnitude(v), splat(kE2m1Max));
  const I normal = (bits_of(round_mantissa<22>(size)) >> 22) - 252;
  const I small = integers(nearest_integer(add(size, size)));
  const I code = bits_of(size) < (127 << 23) ? small : normal;  // below 1: halves
  const Pairs pairs = (Pairs)(code | ((bits_of(v) >> 28) & 8));
  return __builtin_convertvector(pairs | (pairs >> 28), PairBytes);
}

void pack_index_rows(Stream& stream,
                     Rows<const float> x,
                     const IndexLayout& layout,
                     uint8_t* rows) {
  WN_CHECK(x.dim == layout.dim && layout.dim % IndexLayout::kBlock == 0);
  if (!layout.packed) return pack_index_rows_reference(stream, x, layout, rows);
  parallel_for(stream, x.count, piece_for(x.dim * 4), [&](int64_t first, int64_t last) {
    for (int64_t t = first; t < last; ++t) {
      uint8_t* row = rows + t * layout.row_bytes();
      for (int64_t b = 0; b < layout.n_scales(); ++b) {
        const float* from = x.data + t * x.stride + b * IndexLayout::kBlock;
        const uint8_t scale = fp4_block_scale(largest_magnitude(from, IndexLayout::kBlock));
        row[layout.dim / 2 + b] = scale;
        const F inverse = splat(1.0f / e8m0_to_float(scale));
        for (int64_t i = 0; i < IndexLayout::kBlock; i += kLanes) {
          store_narrow(e2m1_code_pairs(mul(load(from + i), inverse)), kLanes / 2,
                       row + (b * IndexLayout::kBlock + i) / 2);
        }
      }
    }
  });
}

}  // namespace
}  // namespace widenet::kernels
