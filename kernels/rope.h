// Rotary position embedding, interleaved pairs, with the YaRN frequency table.
#pragma once

#include <vector>

#include "kernels/stream.h"
#include "kernels/view.h"

namespace widenet::kernels {

struct RopeFrequencies {
  double base = 10000.0;
  int64_t rope_dim = 64;
  // YaRN: frequencies whose wavelength is long against the original length are divided by `factor`,
  // with a linear ramp between beta_fast and beta_slow turns.  factor 1 with original length 0:
  // off.
  double factor = 1.0;
  int64_t original_length = 0;
  double beta_fast = 32.0;
  double beta_slow = 1.0;
};

// f_i for pair i: [rope_dim / 2].
std::vector<float> rope_frequencies(const RopeFrequencies& options);

// table[t][i] = {cos, sin} of the float32 product position[t] * f_i, each correct to float32.
//   table  [n_tokens, rope_dim / 2, 2]
// Positions are first, first + step, ...
struct RopePositions {
  int64_t first = 0;
  int64_t step = 1;
};
void fill_rope_table(Stream&,
                     View<const float, 1> frequencies,
                     RopePositions positions,
                     View<float, 3> table);

struct RopeOptions {
  bool inverse = false;       // rotate by the negative angle
  bool round_output = false;  // round the rotated channels to BF16
};

// Rotates channel pairs (2i, 2i+1) of the last rope_dim channels of each vector, in place; the
// channels before are not touched.  Bit-identical on every backend.
//   x      [n_tokens, n_heads, head_dim]
//   table  [n_tokens, rope_dim / 2, 2]
using Rope = void(Stream&, View<const float, 3> table, RopeOptions, View<float, 3> x);

Rope rope_reference;

}  // namespace widenet::kernels
