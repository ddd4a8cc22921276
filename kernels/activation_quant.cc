// The definition of activation rounding.
#include "kernels/activation_quant.h"

#include <algorithm>
#include <cmath>

#include "kernels/number_formats.h"

namespace widenet::kernels {

void quantise_activations_reference(Stream&, Rows<const float> x, Rows<float> out) {
  constexpr int64_t kBlock = 128;
  WN_CHECK(x.count == out.count && x.dim == out.dim);
  for (int64_t t = 0; t < x.count; ++t) {
    for (int64_t first = 0; first < x.dim; first += kBlock) {
      const int64_t last = std::min(first + kBlock, x.dim);
      float amax = 0.0f;
      for (int64_t i = first; i < last; ++i) amax = std::max(amax, std::fabs(x[t][i]));
      const float scale = e8m0_to_float(fp8_block_scale(amax));
      for (int64_t i = first; i < last; ++i) {
        out[t][i] = e4m3_to_float(float_to_e4m3(x[t][i] / scale)) * scale;
      }
    }
  }
}

}  // namespace widenet::kernels
