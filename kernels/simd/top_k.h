// The k-th largest of BF16 numbers by bisection: counting what lies above a threshold is one
// comparison a vector.
#pragma once

#include "kernels/simd/arithmetic.h"

namespace widenet::kernels {
namespace {

// Floats as integers of the same order, and back.
WN_INLINE int32_t order_of(float x) {
  int32_t bits = 0;
  std::memcpy(&bits, &x, sizeof bits);
  return bits ^ ((bits >> 31) & 0x7fffffff);
}
WN_INLINE float float_of_order(int32_t order) {
  const int32_t bits = order ^ ((order >> 31) & 0x7fffffff);
  float x = 0.0f;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

int64_t count_at_least(const float* values, int64_t n, float threshold) {
  I counts = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    counts -= (FloatLanes)load(values + i) >= (FloatLanes)splat(threshold);  // true is -1
  }
  int64_t count = 0;
  for (int64_t l = 0; l < kLanes; ++l) count += counts[l];
  for (; i < n; ++i) count += values[i] >= threshold ? 1 : 0;
  return count;
}

// The k-th largest of n BF16 values, 1 <= k <= n, or a lower number that the (k + 1)-th does not
// reach: at least k values reach it, and more than k only if the k-th has equals.
float find_threshold(const float* values, int64_t n, int64_t k) {
  float least = values[0];
  float largest = values[0];
  F least_lanes = splat(least);
  F largest_lanes = splat(least);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const F v = load(values + i);
    least_lanes = min(least_lanes, v);
    largest_lanes = max(largest_lanes, v);
  }
  largest = largest_lane(largest_lanes);
  least = -largest_lane(sub(zero(), least_lanes));
  for (; i < n; ++i) {
    least = values[i] < least ? values[i] : least;
    largest = values[i] > largest ? values[i] : largest;
  }
  int64_t low = order_of(least);                               // at least k reach it
  int64_t high = static_cast<int64_t>(order_of(largest)) + 1;  // fewer than k do
  while (high - low > 0x10000) {  // until only one BF16 number is between them
    const int64_t middle = low + (high - low) / 2;
    const float threshold = float_of_order(static_cast<int32_t>(middle));
    const int64_t count = count_at_least(values, n, threshold);
    if (count == k) return threshold;
    (count > k ? low : high) = middle;
  }
  const F bound = splat(float_of_order(static_cast<int32_t>(low)));
  F smallest = splat(largest);
  for (i = 0; i + kLanes <= n; i += kLanes) {
    const F v = load(values + i);
    smallest = min(smallest, where_less(v, bound, smallest, v));
  }
  float found = -largest_lane(sub(zero(), smallest));
  for (; i < n; ++i) {
    if (values[i] >= float_of_order(static_cast<int32_t>(low)) && values[i] < found) {
      found = values[i];
    }
  }
  return found;
}

}  // namespace
}  // namespace widenet::kernels
