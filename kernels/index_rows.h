// Index vectors: the indexer's queries and keys, in FP4.
#pragma once

#include "kernels/stream.h"
#include "kernels/weight.h"

namespace widenet::kernels {

//   packed   dim / 2 bytes of E2M1 codes (low nibble first), then one E8M0 scale for each 32
//            channels: 68 bytes for 128.  dim is a multiple of 32.
//   else     dim float32 numbers
struct IndexLayout {
  static constexpr int64_t kBlock = 32;

  int64_t dim = 0;
  bool packed = true;

  int64_t n_scales() const { return dim / kBlock; }
  int64_t row_bytes() const { return packed ? dim / 2 + n_scales() : 4 * dim; }
};

// x [n_rows, dim] -> rows [n_rows, row_bytes].  Scale of a block: 2^ceil(log2(amax / 6)), amax at
// least 6 * 2^-126; codes rounded to nearest, ties to even.  Bit-identical on every backend.
using PackIndexRows = void(Stream&, Rows<const float> x, const IndexLayout&, uint8_t* rows);

PackIndexRows pack_index_rows_reference;

struct IndexScoreInputs {
  const uint8_t* queries = nullptr;    // [n_tokens, n_heads] rows
  View<const float, 2> head_weights;   // [n_tokens, n_heads], may be negative
  const uint8_t* keys = nullptr;       // [n_keys] rows
  const int32_t* n_visible = nullptr;  // [n_tokens]: keys 0 .. n_visible - 1 are scored
  IndexLayout layout;
};

// scores[t][s] = sum_h head_weights[t][h] * max(0, queries[t][h] . keys[s])   for s < n_visible[t];
// what lies beyond is left as it was.
//
// With packed rows the dot product is exact up to the addition of the four-byte floats of its
// blocks in order, and (as the official code keeps them) dot products, their weighted values and
// the score are rounded to BF16; heads are added in order, in float32.  Bit-identical on every
// backend. With float rows nothing is rounded and backends agree to 1e-5 of the sum of magnitudes.
using IndexScores = void(Stream&, const IndexScoreInputs&, View<float, 2> scores);

IndexScores index_scores_reference;

}  // namespace widenet::kernels
