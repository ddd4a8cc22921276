// The definition of RMS normalisation.
#include "kernels/rms_norm.h"

#include <cmath>

#include "kernels/number_formats.h"

namespace widenet::kernels {
namespace {

float inverse_rms(const float* x, int64_t dim, const RmsNormOptions& options) {
  double squares = 0.0;
  for (int64_t i = 0; i < dim; ++i) {
    const float square = x[i] * x[i];
    squares += static_cast<double>(options.bf16_steps ? round_to_bf16(square) : square);
  }
  const auto mean = static_cast<float>(squares / static_cast<double>(dim));
  if (!options.bf16_steps) return 1.0f / std::sqrt(mean + options.eps);
  return round_to_bf16(1.0f / std::sqrt(round_to_bf16(round_to_bf16(mean) + options.eps)));
}

}  // namespace

void rms_norm_reference(
    Stream&, Rows<const float> x, const float* weight, RmsNormOptions options, Rows<float> out) {
  WN_CHECK(x.count == out.count && x.dim == out.dim);
  for (int64_t t = 0; t < x.count; ++t) {
    const float scale = inverse_rms(x[t], x.dim, options);
    for (int64_t i = 0; i < x.dim; ++i) {
      float value = x[t][i] * scale;
      if (weight != nullptr) value *= weight[i];
      out[t][i] = options.round_output ? round_to_bf16(value) : value;
    }
  }
}

}  // namespace widenet::kernels
