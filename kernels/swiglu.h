// The expert's activation: SwiGLU with clamps.
#pragma once

#include "kernels/stream.h"
#include "kernels/weight.h"

namespace widenet::kernels {

struct SwigluOptions {
  float limit = 0.0f;                  // > 0: up is clamped to +-limit, gate to at most limit
  const float* row_weights = nullptr;  // [n_rows], or null for 1
  bool round_output = false;           // round each result to BF16
};

// out[t][i] = silu(gate[t][i]) * up[t][i] * row_weights[t], in float32.  out may be gate or up.
// Backends agree to 1e-6 relative error.
using Swiglu = void(
    Stream&, Rows<const float> gate, Rows<const float> up, const SwigluOptions&, Rows<float> out);

Swiglu swiglu_reference;

}  // namespace widenet::kernels
