// The definition of SwiGLU.
#include "kernels/swiglu.h"

#include <algorithm>
#include <cmath>

#include "kernels/number_formats.h"

namespace widenet::kernels {

void swiglu_reference(Stream&,
                      Rows<const float> gate,
                      Rows<const float> up,
                      const SwigluOptions& options,
                      Rows<float> out) {
  WN_CHECK(gate.count == up.count && gate.dim == up.dim && out.dim == up.dim);
  for (int64_t t = 0; t < gate.count; ++t) {
    const float row_weight = options.row_weights != nullptr ? options.row_weights[t] : 1.0f;
    for (int64_t i = 0; i < gate.dim; ++i) {
      float g = gate[t][i];
      float u = up[t][i];
      if (options.limit > 0.0f) {
        g = std::min(g, options.limit);
        u = std::clamp(u, -options.limit, options.limit);
      }
      const float value = g / (1.0f + std::exp(-g)) * u * row_weight;
      out[t][i] = options.round_output ? round_to_bf16(value) : value;
    }
  }
}

}  // namespace widenet::kernels
