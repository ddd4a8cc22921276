// The definition of routing.
#include "kernels/router.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "base/check.h"

namespace widenet::kernels {
namespace {

// For large x the exponential overflows, and log(1 + e^x) is x in float32.
float softplus(float x) {
  return x > 20.0f ? x : std::log1p(std::exp(x));
}

}  // namespace

void route_reference(Stream&,
                     View<const float, 2> logits,
                     const RouterOptions& options,
                     View<int32_t, 2> experts,
                     View<float, 2> weights) {
  const int64_t n_experts = logits.dim(1);
  const int64_t k = experts.dim(1);
  WN_CHECK(k <= n_experts && experts.dim(0) == logits.dim(0));
  std::vector<float> scores(static_cast<size_t>(n_experts));
  std::vector<float> keys(static_cast<size_t>(n_experts));
  std::vector<int32_t> order(static_cast<size_t>(n_experts));
  for (int64_t t = 0; t < logits.dim(0); ++t) {
    for (int64_t e = 0; e < n_experts; ++e) {
      const auto i = static_cast<size_t>(e);
      scores[i] = std::sqrt(softplus(logits[t][e]));
      keys[i] = scores[i] + (options.bias != nullptr ? options.bias[e] : 0.0f);
    }
    if (options.chosen != nullptr) {
      for (int64_t i = 0; i < k; ++i) {
        experts[t][i] = static_cast<int32_t>(options.chosen[t * k + i]);
      }
    } else {
      std::iota(order.begin(), order.end(), 0);
      std::partial_sort(order.begin(), order.begin() + k, order.end(), [&](int32_t a, int32_t b) {
        const float key_a = keys[static_cast<size_t>(a)];
        const float key_b = keys[static_cast<size_t>(b)];
        return key_a > key_b || (key_a == key_b && a < b);
      });
      std::copy_n(order.begin(), k, experts[t].data());
    }
    float sum = 0.0f;
    for (int64_t i = 0; i < k; ++i) {
      WN_CHECK(0 <= experts[t][i] && experts[t][i] < n_experts);
      weights[t][i] = scores[static_cast<size_t>(experts[t][i])];
      sum += weights[t][i];
    }
    for (int64_t i = 0; i < k; ++i) {
      if (options.normalise) weights[t][i] /= sum;
      weights[t][i] *= options.scale;
    }
  }
}

}  // namespace widenet::kernels
