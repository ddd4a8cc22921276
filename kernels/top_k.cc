// Top-k by finding the k-th largest score, then reading off what lies above it.
#include "kernels/top_k.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <vector>

#include "base/check.h"
#include "kernels/thread_pool.h"

namespace widenet::kernels {
namespace {

void select_row(const float* scores, int64_t n, int64_t k, std::vector<float>& work, int32_t* out) {
  work.assign(scores, scores + n);
  std::nth_element(work.begin(), work.begin() + (k - 1), work.end(), std::greater<>());
  const float threshold = work[static_cast<size_t>(k - 1)];
  const auto above = std::count_if(scores, scores + n, [&](float s) { return s > threshold; });
  int64_t ties_left = k - above;
  for (int64_t s = 0; s < n; ++s) {
    const bool is_tie = scores[s] == threshold && ties_left > 0;
    if (is_tie) --ties_left;
    if (is_tie || scores[s] > threshold) *out++ = static_cast<int32_t>(s);
  }
}

}  // namespace

void top_k_reference(Stream& stream,
                     View<const float, 2> scores,
                     const int32_t* n_visible,
                     View<int32_t, 2> selected,
                     int32_t* n_selected) {
  WN_CHECK(selected.dim(0) == scores.dim(0));
  const int64_t k = selected.dim(1);
  const auto select_tokens = [&](int64_t first, int64_t last) {
    std::vector<float> work;
    for (int64_t t = first; t < last; ++t) {
      const int64_t n = n_visible[t];
      WN_CHECK(n <= scores.dim(1));
      int32_t* out = selected.data() + t * k;
      n_selected[t] = static_cast<int32_t>(std::min(k, n));
      if (n <= k) {
        std::iota(out, out + n, 0);
      } else if (k > 0) {
        select_row(scores[t].data(), n, k, work, out);
      }
    }
  };
  parallel_for(stream, scores.dim(0), 8, select_tokens);
}

}  // namespace widenet::kernels
