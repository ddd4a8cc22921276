// The definition of index scores, and of the choice by them: the k-th largest score is found, then
// what lies above it read off.
#include "kernels/index_select.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <numeric>
#include <vector>

#include "kernels/number_formats.h"
#include "kernels/thread_pool.h"

namespace widenet::kernels {
namespace {

// Twice each code is a small integer, so a block's product is an integer of at most 4608.
int doubled_code(const uint8_t* row, int64_t i) {
  return kE2m1Doubled[(row[i / 2] >> (4 * (i % 2))) & 15];
}

float packed_dot(const uint8_t* a, const uint8_t* b, const IndexLayout& layout) {
  float dot = 0.0f;
  for (int64_t block = 0; block < layout.n_scales(); ++block) {
    int sum = 0;
    for (int64_t i = block * IndexLayout::kBlock; i < (block + 1) * IndexLayout::kBlock; ++i) {
      sum += doubled_code(a, i) * doubled_code(b, i);
    }
    const float scale_a = e8m0_to_float(a[layout.dim / 2 + block]);
    const float scale_b = e8m0_to_float(b[layout.dim / 2 + block]);
    dot += static_cast<float>(sum) * (0.25f * scale_a) * scale_b;
  }
  return dot;
}

float float_dot(const uint8_t* a, const uint8_t* b, int64_t dim) {
  double dot = 0.0;
  for (int64_t i = 0; i < dim; ++i) {
    float x = 0.0f;
    float y = 0.0f;
    std::memcpy(&x, a + 4 * i, sizeof x);
    std::memcpy(&y, b + 4 * i, sizeof y);
    dot += static_cast<double>(x) * static_cast<double>(y);
  }
  return static_cast<float>(dot);
}

float score(const IndexInputs& in, int64_t t, int64_t s) {
  const int64_t n_heads = in.head_weights.dim(1);
  const uint8_t* key = in.keys.row(s, in.layout.row_bytes());
  float sum = 0.0f;
  for (int64_t h = 0; h < n_heads; ++h) {
    const uint8_t* query = in.queries + (t * n_heads + h) * in.layout.row_bytes();
    const float weight = in.head_weights[t][h];
    if (in.layout.packed) {
      const float dot = round_to_bf16(packed_dot(query, key, in.layout));
      sum += round_to_bf16(std::max(dot, 0.0f) * weight);
    } else {
      sum += std::max(float_dot(query, key, in.layout.dim), 0.0f) * weight;
    }
  }
  return in.layout.packed ? round_to_bf16(sum) : sum;
}

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

void index_select_reference(Stream& stream,
                            const IndexInputs& in,
                            View<int32_t, 2> selected,
                            int32_t* n_selected) {
  const int64_t k = selected.dim(1);
  parallel_for(stream, selected.dim(0), 1, [&](int64_t first, int64_t last) {
    std::vector<float> scores;
    std::vector<float> work;
    for (int64_t t = first; t < last; ++t) {
      const int64_t n = in.n_visible[t];
      int32_t* out = selected.data() + t * k;
      if (n <= k) {
        std::iota(out, out + n, 0);
      } else if (k > 0) {
        scores.resize(static_cast<size_t>(n));
        for (int64_t s = 0; s < n; ++s) scores[static_cast<size_t>(s)] = score(in, t, s);
        select_row(scores.data(), n, k, work, out);
      }
      n_selected[t] = static_cast<int32_t>(std::min(k, n));
    }
  });
}

}  // namespace widenet::kernels
