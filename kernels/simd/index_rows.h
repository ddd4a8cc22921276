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

// What dot products read: keys as twice their codes plus 12, which makes them unsigned, kLanes of
// them with one key in each lane; a query as twice its codes, and what the 12s add to its products.
//
// Four codes a lane: for byte j of a packed row's 32-bit word w, element 2 w holds the low nibbles
// (channels 8 w + 2 j) and element 2 w + 1 the high ones.
constexpr int64_t kIndexDimMax = 256;
constexpr int kKeyOffset = 12;

struct KeyTile {
  I values[kIndexDimMax / 4];
  F scales[kIndexDimMax / IndexLayout::kBlock];
};

struct PreparedQuery {
  int32_t values[kIndexDimMax / 4];
  int32_t excess[kIndexDimMax / IndexLayout::kBlock];
  float scales[kIndexDimMax / IndexLayout::kBlock];
};

// Up to a vector of bytes, zeros after them.
WN_INLINE I load_bytes(const uint8_t* p, int64_t n) {
  I v = {};
  if (n >= static_cast<int64_t>(sizeof v)) {
    std::memcpy(&v, p, sizeof v);
  } else {
    std::memcpy(&v, p, static_cast<size_t>(n));
  }
  return v;
}

// Keys past the end repeat the last.
void load_key_tile(const uint8_t* keys, int64_t n_keys, const IndexLayout& layout, KeyTile& tile) {
  constexpr int64_t kVector = 4 * kLanes;
  const int64_t n_bytes = layout.dim / 2;
  const uint8_t* rows[kLanes];
  for (int64_t k = 0; k < kLanes; ++k) rows[k] = keys + at_most(k, n_keys - 1) * layout.row_bytes();
  for (int64_t first = 0; first < n_bytes; first += kVector) {
    I words[kLanes];
    for (int64_t k = 0; k < kLanes; ++k) words[k] = load_bytes(rows[k] + first, n_bytes - first);
    transpose(words);
    I* values = tile.values + first / 2;
    for (int64_t w = 0; w < at_most(kLanes, (n_bytes - first) / 4); ++w) {
      values[2 * w] = doubled_codes<kKeyOffset>(words[w] & 0x0f0f0f0f);
      values[2 * w + 1] = doubled_codes<kKeyOffset>((words[w] >> 4) & 0x0f0f0f0f);
    }
  }
  for (int64_t b = 0; b < layout.n_scales(); ++b) {
    alignas(64) int32_t bytes[kLanes];
    for (int64_t k = 0; k < kLanes; ++k) bytes[k] = rows[k][n_bytes + b];
    I exponents;
    std::memcpy(&exponents, bytes, sizeof exponents);
    const I scale = exponents == 0 ? I{} + (1 << 22) : exponents << 23;
    tile.scales[b] = (F)scale;
  }
}

void prepare_query(const uint8_t* row, const IndexLayout& layout, PreparedQuery& query) {
  constexpr int64_t kVector = 4 * kLanes;
  const int64_t n_bytes = layout.dim / 2;
  const I ones = I{} + 0x01010101;
  for (int64_t b = 0; b < layout.n_scales(); ++b) {
    query.excess[b] = 0;
    query.scales[b] = 0.25f * e8m0_to_float(row[n_bytes + b]);
  }
  for (int64_t first = 0; first < n_bytes; first += kVector) {
    const I words = load_bytes(row + first, n_bytes - first);
    const I low = doubled_codes<0>(words & 0x0f0f0f0f);
    const I high = doubled_codes<0>((words >> 4) & 0x0f0f0f0f);
    const I sums = dot_sum(dot_step(dot_step(I{}, ones, low), ones, high));
    for (int64_t w = 0; w < at_most(kLanes, (n_bytes - first) / 4); ++w) {
      query.values[first / 2 + 2 * w] = low[w];
      query.values[first / 2 + 2 * w + 1] = high[w];
      query.excess[(first / 4 + w) * 8 / IndexLayout::kBlock] += kKeyOffset * sums[w];
    }
  }
}

// The dot products of T tiles with H queries, as in the reference to the last bit: sums of
// integers, scaled by powers of two.  A block's keys stay in registers for all queries, and so do
// all sums.
template <int T, int H>
WN_INLINE void tile_dots(const PreparedQuery* queries,
                         const KeyTile* tiles,
                         int64_t n_blocks,
                         F (&dots)[T][H]) {
  unrolled<T * H>([&](auto i) WN_ALWAYS { dots[i / H][i % H] = zero(); });
  for (int64_t b = 0; b < n_blocks; ++b) {
    I sums[T][H];
    unrolled<T * H>([&](auto i) WN_ALWAYS { sums[i / H][i % H] = I{}; });
    for (int64_t i = 8 * b; i < 8 * (b + 1); ++i) {
      I keys[T];
      unrolled<T>([&](auto t) WN_ALWAYS { keys[t] = tiles[t].values[i]; });
      unrolled<H>([&](auto h) WN_ALWAYS {
        const I query = I{} + queries[h].values[i];
        unrolled<T>([&](auto t) WN_ALWAYS { sums[t][h] = dot_step(sums[t][h], keys[t], query); });
      });
    }
    unrolled<T * H>([&](auto i) WN_ALWAYS {
      constexpr int t = i / H;
      constexpr int h = i % H;
      const I product = dot_sum(sums[t][h]) - queries[h].excess[b];
      const F scaled = mul(floats(product), splat(queries[h].scales[b]));
      dots[t][h] = fma(scaled, tiles[t].scales[b], dots[t][h]);  // scaling is exact: one rounding
    });
  }
}

// Adds H heads' shares of the scores of T tiles.
template <int T, int H>
WN_INLINE void add_head_scores(const PreparedQuery* queries,
                               const float* head_weights,
                               const KeyTile* tiles,
                               int64_t n_blocks,
                               F (&scores)[T]) {
  F dots[T][H];
  tile_dots<T, H>(queries, tiles, n_blocks, dots);
  unrolled<H * T>([&](auto i) WN_ALWAYS {
    constexpr int h = i / T;
    constexpr int t = i % T;
    const F part = mul(round_bf16(max(dots[t][h], zero())), splat(head_weights[h]));
    scores[t] = add(scores[t], round_bf16(part));
  });
}

void index_scores(Stream& stream, const IndexScoreInputs& in, View<float, 2> scores) {
  constexpr int kHeads = 4;
  const int64_t n_tokens = in.head_weights.dim(0);
  const int64_t n_heads = in.head_weights.dim(1);
  const IndexLayout& layout = in.layout;
  if (!layout.packed || layout.dim > kIndexDimMax) {
    return index_scores_reference(stream, in, scores);
  }
  int64_t n_keys = 0;
  for (int64_t t = 0; t < n_tokens; ++t) n_keys = at_least(n_keys, in.n_visible[t]);
  WN_CHECK(scores.dim(0) == n_tokens && n_keys <= scores.dim(1));
  const int64_t stride = scores.dim(1);
  const int64_t n_blocks = layout.n_scales();
  float* out = scores.data();

  const Scratch memory(n_tokens * n_heads * static_cast<int64_t>(sizeof(PreparedQuery)));
  auto* queries = reinterpret_cast<PreparedQuery*>(memory.floats());
  parallel_for(stream, n_tokens * n_heads, piece_for(layout.dim), [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      prepare_query(in.queries + i * layout.row_bytes(), layout, queries[i]);
    }
  });

  // A token's queries stay in the nearest cache while they meet a panel of keys.
  constexpr int64_t kPanelTiles = 8;
  constexpr int64_t kPanelKeys = kPanelTiles * kLanes;
  const int64_t n_panels = (n_keys + kPanelKeys - 1) / kPanelKeys;
  const int64_t cost = (n_tokens * n_heads / 4 + 4) * layout.dim * kPanelKeys;
  parallel_for(stream, n_panels, piece_for(cost), [&](int64_t first, int64_t last) {
    KeyTile tiles[kPanelTiles];
    for (int64_t s = first * kPanelKeys; s < at_most(last * kPanelKeys, n_keys); s += kPanelKeys) {
      for (int64_t i = 0; i < kPanelTiles; ++i) {
        const int64_t key = at_most(s + i * kLanes, n_keys - 1);
        load_key_tile(in.keys + key * layout.row_bytes(), n_keys - key, layout, tiles[i]);
      }
      for (int64_t t = 0; t < n_tokens; ++t) {
        const PreparedQuery* query = queries + t * n_heads;
        const float* head_weights = in.head_weights.data() + t * n_heads;
        const int64_t n_here = at_most(in.n_visible[t] - s, kPanelKeys);
        for (int64_t i = 0; i * kLanes < n_here; i += kIndexTiles) {
          F sums[kIndexTiles] = {};
          int64_t h = 0;
          for (; h + kHeads <= n_heads; h += kHeads) {
            add_head_scores<kIndexTiles, kHeads>(query + h, head_weights + h, tiles + i, n_blocks,
                                                 sums);
          }
          for (; h < n_heads; ++h) {
            add_head_scores<kIndexTiles, 1>(query + h, head_weights + h, tiles + i, n_blocks, sums);
          }
          for (int64_t j = 0; j < kIndexTiles && (i + j) * kLanes < n_here; ++j) {
            const int64_t key = (i + j) * kLanes;
            store_first(out + t * stride + s + key, round_bf16(sums[j]), n_here - key);
          }
        }
      }
    }
  });
}

}  // namespace
}  // namespace widenet::kernels
