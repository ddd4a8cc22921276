// Index scores: tiles of keys, one in each lane, meet all queries.
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

void index_scores(Stream& stream, const IndexScoreInputs& in, View<float, 2> scores) {
  const int64_t n_tokens = in.head_weights.dim(0);
  const int64_t n_heads = in.head_weights.dim(1);
  const IndexLayout& layout = in.layout;
  if (!layout.packed || layout.dim > kIndexDimMax)
    return index_scores_reference(stream, in, scores);
  int64_t n_keys = 0;
  for (int64_t t = 0; t < n_tokens; ++t) n_keys = at_least(n_keys, in.n_visible[t]);
  WN_CHECK(scores.dim(0) == n_tokens && n_keys <= scores.dim(1));
  const int64_t stride = scores.dim(1);
  float* out = scores.data();
  const float* head_weights = in.head_weights.data();

  const Scratch memory(n_tokens * n_heads * static_cast<int64_t>(sizeof(PreparedQuery)));
  auto* queries = reinterpret_cast<PreparedQuery*>(memory.floats());
  for (int64_t i = 0; i < n_tokens * n_heads; ++i) {
    prepare_query(in.queries + i * layout.row_bytes(), layout, queries[i]);
  }
  const int64_t n_tiles = (n_keys + kLanes - 1) / kLanes;
  const int64_t cost = n_tokens * n_heads * layout.dim * kLanes / 4 + kLanes * layout.dim;
  parallel_for(stream, n_tiles, piece_for(cost), [&](int64_t first, int64_t last) {
    KeyTile tile;
    for (int64_t s = first * kLanes; s < at_most(last * kLanes, n_keys); s += kLanes) {
      load_key_tile(in.keys + s * layout.row_bytes(), n_keys - s, layout, tile);
      for (int64_t t = 0; t < n_tokens; ++t) {
        const int64_t n_here = in.n_visible[t] - s;
        if (n_here <= 0) continue;
        F sum = zero();
        for (int64_t h = 0; h < n_heads; ++h) {
          const F dot = round_bf16(tile_dots(queries[t * n_heads + h], tile, layout.n_scales()));
          const F part = mul(max(dot, zero()), splat(head_weights[t * n_heads + h]));
          sum = add(sum, round_bf16(part));
        }
        store_first(out + t * stride + s, round_bf16(sum), n_here);
      }
    }
  });
}

}  // namespace
}  // namespace widenet::kernels
