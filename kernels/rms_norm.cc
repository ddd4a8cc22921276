// The definition of RMS normalisation.
#include "kernels/rms_norm.h"

#include <cmath>

#include "kernels/number_formats.h"

namespace widenet::kernels {

void rms_norm_reference(
    Stream&, Rows<const float> x, const float* weight, RmsNormOptions options, Rows<float> out) {
  WN_CHECK(x.count == out.count && x.dim == out.dim);
  for (int64_t t = 0; t < x.count; ++t) {
    double squares = 0.0;
    for (int64_t i = 0; i < x.dim; ++i) {
      squares += static_cast<double>(x[t][i]) * static_cast<double>(x[t][i]);
    }
    const auto mean = static_cast<float>(squares / static_cast<double>(x.dim));
    const float scale = 1.0f / std::sqrt(mean + options.eps);
    for (int64_t i = 0; i < x.dim; ++i) {
      float value = x[t][i] * scale;
      if (weight != nullptr) value *= weight[i];
      out[t][i] = options.round_output ? round_to_bf16(value) : value;
    }
  }
}

}  // namespace widenet::kernels
