// Index dot products: tiles of keys, one in each lane, meet queries.
//
// A query or a key is uniform where one scale does for all its blocks, once the codes of the larger
// ones are shifted: then one sum of integers is the whole dot product.  It is the reference's to
// the last bit, since that adds the same integers, times powers of two, as floats that hold them
// all.
#pragma once

#include "kernels/simd/rows.h"

namespace widenet::kernels {
namespace {

constexpr int64_t kIndexDimMax = 256;
constexpr int64_t kIndexBlocksMax = kIndexDimMax / IndexLayout::kBlock;

// Bytes are twice a code, shifted where the row is uniform; those of keys plus an offset, which
// makes them unsigned.
constexpr int kPlainOffset = 12;
constexpr int kUniformOffset = kPlainOffset << kUniformShift;

// kLanes keys, four codes of each in a lane: for byte j of a packed row's 32-bit word w, element 2
// w holds the low nibbles (channels 8 w + 2 j) and element 2 w + 1 the high ones.
struct KeyTile {
  I values[kIndexDimMax / 4];
  F scales[kIndexBlocksMax];  // of what `values` holds; all alike in a uniform tile
  int offset;
  bool is_uniform;
};

struct PreparedQuery {
  int32_t values[kIndexDimMax / 4];
  int32_t sums[kIndexBlocksMax];  // of a block's values: times the keys' offset, what it adds
  float scales[kIndexBlocksMax];
  int32_t uniform_values[kIndexDimMax / 4];
  int32_t uniform_excess;  // what the keys' offset adds
  float uniform_scale;
  bool is_uniform;
};

// Scales between which no product of a uniform query and key leaves the range of floats.
constexpr int kUniformE8m0Min = 80;
constexpr int kUniformE8m0Max = 174;

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

WN_INLINE bool any_lane(I is_true) {
  return lanes_at_least(floats(is_true), zero()) != (1u << kLanes) - 1u;  // true is -1
}

// Keys past the end repeat the last.
void load_key_tile(const uint8_t* keys, int64_t n_keys, const IndexLayout& layout, KeyTile& tile) {
  constexpr int64_t kVector = 4 * kLanes;
  constexpr int64_t kBlockValues = IndexLayout::kBlock / 4;
  const int64_t n_bytes = layout.dim / 2;
  const int64_t n_blocks = layout.n_scales();
  const uint8_t* rows[kLanes];
  for (int64_t k = 0; k < kLanes; ++k) rows[k] = keys + at_most(k, n_keys - 1) * layout.row_bytes();

  I exponents[kIndexBlocksMax];
  I least = I{} + 255;
  I largest = {};
  for (int64_t first = 0; first < n_blocks; first += 4) {
    const int64_t n = at_most(n_blocks - first, 4);
    alignas(64) int32_t of_keys[kLanes] = {};
    for (int64_t k = 0; k < kLanes; ++k) {
      if (n == 4) {
        std::memcpy(of_keys + k, rows[k] + n_bytes + first, 4);
      } else {
        std::memcpy(of_keys + k, rows[k] + n_bytes + first, static_cast<size_t>(n));
      }
    }
    I words;
    std::memcpy(&words, of_keys, sizeof words);
    for (int64_t b = first; b < first + n; ++b) {
      exponents[b] = (words >> static_cast<int>(8 * (b - first))) & 255;
      least = exponents[b] < least ? exponents[b] : least;
      largest = exponents[b] > largest ? exponents[b] : largest;
    }
  }
  tile.is_uniform = !any_lane((largest - least > kUniformShift) | (least < kUniformE8m0Min) |
                              (largest > kUniformE8m0Max));
  tile.offset = tile.is_uniform ? kUniformOffset : kPlainOffset;

  for (int64_t first = 0; first < n_bytes; first += kVector) {
    I words[kLanes];
    for (int64_t k = 0; k < kLanes; ++k) words[k] = load_bytes(rows[k] + first, n_bytes - first);
    transpose(words);
    I* values = tile.values + first / 2;
    for (int64_t w = 0; w < at_most(kLanes, (n_bytes - first) / 4); ++w) {
      values[2 * w] = doubled_codes<kPlainOffset>(words[w] & 0x0f0f0f0f);
      values[2 * w + 1] = doubled_codes<kPlainOffset>((words[w] >> 4) & 0x0f0f0f0f);
    }
  }
  for (int64_t b = 0; b < n_blocks; ++b) {
    I exponent = exponents[b];
    if (tile.is_uniform) {
      const I shift = exponent - least;
      const I lift = (kUniformOffset - ((I{} + kPlainOffset) << shift)) * 0x01010101;
      for (int64_t i = b * kBlockValues; i < (b + 1) * kBlockValues; ++i) {
        tile.values[i] = (tile.values[i] << shift) + lift;  // no byte overflows
      }
      exponent = least;
    }
    tile.scales[b] = (F)(exponent == 0 ? I{} + (1 << 22) : exponent << 23);
  }
}

void prepare_query(const uint8_t* row, const IndexLayout& layout, PreparedQuery& query) {
  constexpr int64_t kVector = 4 * kLanes;
  constexpr int64_t kBlockValues = IndexLayout::kBlock / 4;
  const int64_t n_bytes = layout.dim / 2;
  const int64_t n_blocks = layout.n_scales();
  const uint8_t* exponents = row + n_bytes;
  for (int64_t first = 0; first < n_bytes; first += kVector) {
    const I words = load_bytes(row + first, n_bytes - first);
    const I low = doubled_codes<0>(words & 0x0f0f0f0f);
    const I high = doubled_codes<0>((words >> 4) & 0x0f0f0f0f);
    for (int64_t w = 0; w < at_most(kLanes, (n_bytes - first) / 4); ++w) {
      query.values[first / 2 + 2 * w] = low[w];
      query.values[first / 2 + 2 * w + 1] = high[w];
    }
  }

  int least = 255;
  int largest = 0;
  for (int64_t b = 0; b < n_blocks; ++b) {
    least = exponents[b] < least ? exponents[b] : least;
    largest = exponents[b] > largest ? exponents[b] : largest;
  }
  query.is_uniform =
      largest - least <= kUniformShift && least >= kUniformE8m0Min && largest <= kUniformE8m0Max;
  query.uniform_scale = 0.25f * e8m0_to_float(static_cast<uint8_t>(least));
  query.uniform_excess = 0;
  for (int64_t b = 0; b < n_blocks; ++b) {
    int8_t codes[IndexLayout::kBlock];
    std::memcpy(codes, query.values + b * kBlockValues, sizeof codes);
    query.sums[b] = 0;
    for (const int8_t code : codes) query.sums[b] += code;
    query.scales[b] = 0.25f * e8m0_to_float(exponents[b]);
    if (!query.is_uniform) continue;
    const int shift = exponents[b] - least;
    for (int8_t& code : codes) code = static_cast<int8_t>(code * (1 << shift));
    std::memcpy(query.uniform_values + b * kBlockValues, codes, sizeof codes);
    query.uniform_excess += kUniformOffset * query.sums[b] * (1 << shift);
  }
}

// The dot products of T tiles with H queries, all of them uniform.  All sums stay in registers;
// where they are few, in several parts, for a sum waits for the product before.
template <int T, int H>
WN_INLINE void uniform_dots(const PreparedQuery* queries,
                            const KeyTile* const (&tiles)[T],
                            int64_t n_blocks,
                            F (&dots)[T][H]) {
  constexpr int kParts = T * H >= 8 ? 1 : T * H >= 3 ? 2 : 4;
  I parts[kParts][T][H];
  unrolled<kParts * T * H>([&](auto i) WN_ALWAYS { parts[i / (T * H)][i / H % T][i % H] = I{}; });
  for (int64_t i = 0; i < n_blocks * IndexLayout::kBlock / 4; i += kParts) {
    unrolled<kParts>([&](auto p) WN_ALWAYS {
      I keys[T];
      unrolled<T>([&](auto t) WN_ALWAYS { keys[t] = tiles[t]->values[i + p]; });
      unrolled<H>([&](auto h) WN_ALWAYS {
        const I query = I{} + queries[h].uniform_values[i + p];
        unrolled<T>([&](auto t)
                        WN_ALWAYS { parts[p][t][h] = dot_step(parts[p][t][h], keys[t], query); });
      });
    });
  }
  unrolled<T * H>([&](auto i) WN_ALWAYS {
    constexpr int t = i / H;
    constexpr int h = i % H;
    I sum = I{} - queries[h].uniform_excess;
    unrolled<kParts>([&](auto p) WN_ALWAYS { sum += dot_sum(parts[p][t][h]); });
    const F scale = mul(tiles[t]->scales[0], splat(queries[h].uniform_scale));
    dots[t][h] = mul(floats(sum), scale);
  });
}

// The same of any queries and tiles, block by block.
template <int T, int H>
WN_INLINE void block_dots(const PreparedQuery* queries,
                          const KeyTile* const (&tiles)[T],
                          int64_t n_blocks,
                          F (&dots)[T][H]) {
  unrolled<T * H>([&](auto i) WN_ALWAYS { dots[i / H][i % H] = zero(); });
  for (int64_t b = 0; b < n_blocks; ++b) {
    I sums[T][H];
    unrolled<T * H>([&](auto i) WN_ALWAYS { sums[i / H][i % H] = I{}; });
    for (int64_t i = 8 * b; i < 8 * (b + 1); ++i) {
      I keys[T];
      unrolled<T>([&](auto t) WN_ALWAYS { keys[t] = tiles[t]->values[i]; });
      unrolled<H>([&](auto h) WN_ALWAYS {
        const I query = I{} + queries[h].values[i];
        unrolled<T>([&](auto t) WN_ALWAYS { sums[t][h] = dot_step(sums[t][h], keys[t], query); });
      });
    }
    unrolled<T * H>([&](auto i) WN_ALWAYS {
      constexpr int t = i / H;
      constexpr int h = i % H;
      const I product = dot_sum(sums[t][h]) - tiles[t]->offset * queries[h].sums[b];
      const F scaled = mul(floats(product), splat(queries[h].scales[b]));
      dots[t][h] = fma(scaled, tiles[t]->scales[b], dots[t][h]);  // scaling is exact: one rounding
    });
  }
}

template <int T, int H>
WN_INLINE void tile_dots(const PreparedQuery* queries,
                         const KeyTile* const (&tiles)[T],
                         int64_t n_blocks,
                         bool are_uniform,
                         F (&dots)[T][H]) {
  if (kUniformShift > 0 && are_uniform) {
    uniform_dots<T, H>(queries, tiles, n_blocks, dots);
  } else {
    block_dots<T, H>(queries, tiles, n_blocks, dots);
  }
}

}  // namespace
}  // namespace widenet::kernels
