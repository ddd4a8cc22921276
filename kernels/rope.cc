// The definition of RoPE.
#include "kernels/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/check.h"
#include "kernels/number_formats.h"
#include "kernels/thread_pool.h"

namespace widenet::kernels {

std::vector<float> rope_frequencies(const RopeFrequencies& options) {
  const auto dim = static_cast<double>(options.rope_dim);
  // The (fractional) pair whose wave makes `turns` turns over the original length.
  const auto pair_with_turns = [&](double turns) {
    return dim *
           std::log(static_cast<double>(options.original_length) /
                    (turns * 2.0 * std::numbers::pi)) /
           (2.0 * std::log(options.base));
  };
  double low = 0.0;
  double high = 0.0;
  if (options.original_length > 0) {
    low = std::max(std::floor(pair_with_turns(options.beta_fast)), 0.0);
    high = std::min(std::ceil(pair_with_turns(options.beta_slow)), dim - 1.0);
    if (low == high) high += 0.001;
  }

  std::vector<float> frequencies;
  for (int64_t i = 0; i < options.rope_dim / 2; ++i) {
    const auto pair = static_cast<double>(i);
    const auto plain = static_cast<float>(1.0 / std::pow(options.base, 2.0 * pair / dim));
    if (options.original_length <= 0) {
      frequencies.push_back(plain);
      continue;
    }
    const auto ramp = static_cast<float>(std::clamp((pair - low) / (high - low), 0.0, 1.0));
    frequencies.push_back(plain / static_cast<float>(options.factor) * ramp +
                          plain * (1.0f - ramp));
  }
  return frequencies;
}

void fill_rope_table(Stream& stream,
                     View<const float, 1> frequencies,
                     RopePositions positions,
                     View<float, 3> table) {
  WN_CHECK(table.dim(1) == frequencies.dim(0) && table.dim(2) == 2);
  const auto fill_tokens = [&](int64_t first, int64_t last) {
    for (int64_t t = first; t < last; ++t) {
      const auto position = static_cast<float>(positions.first + t * positions.step);
      for (int64_t i = 0; i < frequencies.dim(0); ++i) {
        const float angle = position * frequencies[i];  // float32, as the model was trained with
        table[t][i][0] = static_cast<float>(std::cos(static_cast<double>(angle)));
        table[t][i][1] = static_cast<float>(std::sin(static_cast<double>(angle)));
      }
    }
  };
  parallel_for(stream, table.dim(0), piece_for(64 * frequencies.dim(0)), fill_tokens);
}

void rope_reference(Stream&, View<const float, 3> table, RopeOptions options, View<float, 3> x) {
  const int64_t n_pairs = table.dim(1);
  const int64_t first_channel = x.dim(2) - 2 * n_pairs;
  WN_CHECK(table.dim(0) == x.dim(0) && first_channel >= 0);
  for (int64_t t = 0; t < x.dim(0); ++t) {
    const float* angles = table[t].data();
    for (int64_t h = 0; h < x.dim(1); ++h) {
      float* channels = x[t][h].data() + first_channel;
      for (int64_t i = 0; i < n_pairs; ++i) {
        const float cos = angles[2 * i];
        const float sin = options.inverse ? -angles[2 * i + 1] : angles[2 * i + 1];
        const float real = channels[2 * i] * cos - channels[2 * i + 1] * sin;
        const float imaginary = channels[2 * i] * sin + channels[2 * i + 1] * cos;
        channels[2 * i] = options.round_output ? round_to_bf16(real) : real;
        channels[2 * i + 1] = options.round_output ? round_to_bf16(imaginary) : imaginary;
      }
    }
  }
}

}  // namespace widenet::kernels
