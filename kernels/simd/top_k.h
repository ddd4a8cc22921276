// The k largest of a row of BF16 numbers by bisection: counting what lies above a threshold is one
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

// Calls body(index) for every score that reaches the threshold, in order.
template <typename Body>
WN_INLINE void for_each_at_least(const float* scores,
                                 int64_t n,
                                 float threshold,
                                 const Body& body) {
  for (int64_t i = 0; i < n; i += kLanes) {
    uint32_t lanes = lanes_at_least(load_first(scores + i, n - i), splat(threshold));
    if (n - i < kLanes) lanes &= (1u << (n - i)) - 1u;
    for (; lanes != 0; lanes &= lanes - 1u) body(i + __builtin_ctz(lanes));
  }
}

// Where there are many scores, the largest of groups of them first: k groups whose largest reaches
// a number hold k scores that do, so only scores that reach the groups' threshold can be among the
// k largest.  With four times k groups these are few.  `work` has room for 2 n.
void select_row(const float* scores, int64_t n, int64_t k, float* work, int32_t* out) {
  const float* candidates = scores;
  int64_t n_candidates = n;
  auto* indices = reinterpret_cast<int32_t*>(work + n);
  const int64_t group = n / (4 * k) * kLanes;  // a lane's scores in it are one group
  if (group > kLanes) {
    int64_t n_groups = 0;
    for (int64_t first = 0; first + group <= n; first += group, n_groups += kLanes) {
      F largest = load(scores + first);
      for (int64_t i = kLanes; i < group; i += kLanes) {
        largest = max(largest, load(scores + first + i));
      }
      store(work + n_groups, largest);
    }
    if (n_groups >= k) {
      const float reached = find_threshold(work, n_groups, k);
      n_candidates = 0;
      for_each_at_least(scores, n, reached, [&](int64_t i) WN_ALWAYS {
        indices[n_candidates] = static_cast<int32_t>(i);
        work[n_candidates++] = scores[i];
      });
      candidates = work;
    }
  }
  const float threshold = find_threshold(candidates, n_candidates, k);
  int64_t ties_left = k;
  for_each_at_least(candidates, n_candidates, threshold,
                    [&](int64_t i) WN_ALWAYS { ties_left -= candidates[i] > threshold ? 1 : 0; });
  for_each_at_least(candidates, n_candidates, threshold, [&](int64_t i) WN_ALWAYS {
    if (candidates[i] == threshold && ties_left-- <= 0) return;
    *out++ = candidates == scores ? static_cast<int32_t>(i) : indices[i];
  });
}

}  // namespace
}  // namespace widenet::kernels
