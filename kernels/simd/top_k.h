// Exact top-k in two passes over the scores.
#pragma once

#include "kernels/simd/arithmetic.h"

namespace widenet::kernels {
namespace {

// The largest of groups of scores first: k groups whose largest is at least L hold k scores of at
// least L, so only scores of at least L can be among the k largest.  With four times k groups these
// are few.  `values` and `indices` have room for n.
void select_row(
    const float* scores, int64_t n, int64_t k, float* values, int32_t* indices, int32_t* out) {
  const int64_t group = at_least(n / (4 * k), 1) * kLanes;  // a lane's scores in it are one group
  int64_t n_groups = 0;
  for (int64_t first = 0; first + group <= n; first += group, n_groups += kLanes) {
    F largest = load(scores + first);
    for (int64_t i = kLanes; i < group; i += kLanes)
      largest = max(largest, load(scores + first + i));
    store(values + n_groups, largest);
  }
  const float floor = n_groups >= k ? kth_largest(values, n_groups, k) : -INFINITY;

  int64_t n_left = 0;
  for (int64_t i = 0; i < n; i += kLanes) {
    uint32_t lanes = lanes_at_least(load_first(scores + i, n - i), splat(floor));
    if (n - i < kLanes) lanes &= (1u << (n - i)) - 1u;
    for (; lanes != 0; lanes &= lanes - 1u) {
      indices[n_left] = static_cast<int32_t>(i) + __builtin_ctz(lanes);
      values[n_left] = scores[indices[n_left]];
      ++n_left;
    }
  }
  const float threshold = kth_largest(values, n_left, k);
  int64_t ties_left = k;
  for (int64_t i = 0; i < n_left; ++i) ties_left -= scores[indices[i]] > threshold ? 1 : 0;
  for (int64_t i = 0; i < n_left; ++i) {
    const float score = scores[indices[i]];
    const bool is_tie = score == threshold && ties_left > 0;
    if (is_tie) --ties_left;
    if (is_tie || score > threshold) *out++ = indices[i];
  }
}

void top_k(Stream& stream,
           View<const float, 2> scores,
           const int32_t* n_visible,
           View<int32_t, 2> selected,
           int32_t* n_selected) {
  WN_CHECK(selected.dim(0) == scores.dim(0));
  const int64_t k = selected.dim(1);
  const int64_t stride = scores.dim(1);
  const float* from = scores.data();
  int32_t* to = selected.data();
  parallel_for(stream, scores.dim(0), piece_for(stride), [&](int64_t first, int64_t last) {
    const Scratch memory(2 * stride * 4);
    float* values = memory.floats();
    auto* indices = reinterpret_cast<int32_t*>(values + stride);
    for (int64_t t = first; t < last; ++t) {
      const int64_t n = n_visible[t];
      WN_CHECK(n <= stride);
      n_selected[t] = static_cast<int32_t>(at_most(k, n));
      if (n <= k) {
        for (int64_t s = 0; s < n; ++s) to[t * k + s] = static_cast<int32_t>(s);
      } else if (k > 0) {
        select_row(from + t * stride, n, k, values, indices, to + t * k);
      }
    }
  });
}

}  // namespace
}  // namespace widenet::kernels
