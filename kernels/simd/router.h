// Routing: scores of many experts at once, then the best of them one after another.
#pragma once

#include "kernels/simd/arithmetic.h"

namespace widenet::kernels {
namespace {

// log(1 + u) for u in [0, 1] to about 1 ulp (Cephes).
WN_INLINE F log_one_plus(F u) {
  constexpr float kHalvedFrom = 0.41421356f;  // sqrt(2) - 1: from there log(2 (1 + u) / 2)
  const F halved = where_less(u, splat(kHalvedFrom), zero(), splat(1.0f));
  const F r = where_less(u, splat(kHalvedFrom), u, mul(sub(u, splat(1.0f)), splat(0.5f)));
  const F squared = mul(r, r);
  F p = splat(7.0376836292e-2f);
  p = fma(p, r, splat(-1.1514610310e-1f));
  p = fma(p, r, splat(1.1676998740e-1f));
  p = fma(p, r, splat(-1.2420140846e-1f));
  p = fma(p, r, splat(1.4249322787e-1f));
  p = fma(p, r, splat(-1.6668057665e-1f));
  p = fma(p, r, splat(2.0000714765e-1f));
  p = fma(p, r, splat(-2.4999993993e-1f));
  p = fma(p, r, splat(3.3333331174e-1f));
  F low = mul(mul(p, r), squared);
  low = fma(halved, splat(-2.12194440e-4f), low);
  low = fma(squared, splat(-0.5f), low);
  return fma(halved, splat(0.693359375f), add(r, low));
}

WN_INLINE F softplus(F x) {
  return add(max(x, zero()), log_one_plus(exponential(sub(zero(), magnitude(x)))));
}

// Takes the largest of n keys (a multiple of kLanes), the lowest index of equals.
WN_INLINE int64_t take_largest(float* keys, int64_t n) {
  F largest = load(keys);
  for (int64_t i = kLanes; i < n; i += kLanes) largest = max(largest, load(keys + i));
  const F value = splat(largest_lane(largest));
  for (int64_t i = 0; i < n; i += kLanes) {
    const uint32_t lanes = lanes_at_least(load(keys + i), value);
    if (lanes == 0) continue;
    const int64_t found = i + __builtin_ctz(lanes);
    keys[found] = -INFINITY;
    return found;
  }
  return 0;  // only NaNs
}

void route(Stream& stream,
           View<const float, 2> logits,
           const RouterOptions& options,
           View<int32_t, 2> experts,
           View<float, 2> weights) {
  const int64_t n_experts = logits.dim(1);
  const int64_t k = experts.dim(1);
  WN_CHECK(k <= n_experts && experts.dim(0) == logits.dim(0));
  const int64_t n_padded = round_up(n_experts, kLanes);
  parallel_for(
      stream, logits.dim(0), piece_for(n_padded * (k + 16)), [&](int64_t first, int64_t last) {
        const Scratch memory(2 * n_padded * 4);
        float* scores = memory.floats();
        float* keys = scores + n_padded;
        for (int64_t i = 0; i < n_padded; ++i) keys[i] = -INFINITY;
        for (int64_t t = first; t < last; ++t) {
          const float* from = logits.data() + t * n_experts;
          int32_t* chosen = experts.data() + t * k;
          float* shares = weights.data() + t * k;
          for (int64_t i = 0; i < n_experts; i += kLanes) {
            const int64_t n = n_experts - i;
            const F score = square_root(softplus(load_first(from + i, n)));
            store(scores + i, score);
            const F bias = options.bias != nullptr ? load_first(options.bias + i, n) : zero();
            store_first(keys + i, add(score, bias), n);
          }
          for (int64_t i = 0; i < k; ++i) {
            const int64_t expert = options.chosen != nullptr ? options.chosen[t * k + i]
                                                             : take_largest(keys, n_padded);
            WN_CHECK(0 <= expert && expert < n_experts);
            chosen[i] = static_cast<int32_t>(expert);
          }
          float sum = 0.0f;
          for (int64_t i = 0; i < k; ++i) {
            shares[i] = scores[chosen[i]];
            sum += shares[i];
          }
          for (int64_t i = 0; i < k; ++i) {
            if (options.normalise) shares[i] /= sum;
            shares[i] *= options.scale;
          }
        }
      });
}

}  // namespace
}  // namespace widenet::kernels
