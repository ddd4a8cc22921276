// The definition of attention: all logits, then the softmax, then the weighted sum.
#include "kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/check.h"
#include "kernels/number_formats.h"
#include "kernels/thread_pool.h"

namespace widenet::kernels {
namespace {

// The rows of token t's list, [n, head_dim], unpacked.
std::vector<float> gather_list(const AttentionInputs& in, int64_t t) {
  const int64_t dim = in.q.dim(2);
  const int64_t position = in.first_position + t;
  const int64_t window_first = std::max(in.first_window_position, position - in.window_length + 1);
  const int64_t first_row = window_first - in.first_window_position;
  const int64_t n_window = position - window_first + 1;
  const int64_t n_entries = in.n_selected == nullptr ? 0 : in.n_selected[t];
  WN_CHECK(n_window > 0 && first_row + n_window <= in.window.dim(0));

  std::vector<float> list(static_cast<size_t>((n_window + n_entries) * dim));
  std::copy_n(in.window.data() + first_row * dim, n_window * dim, list.begin());
  Stream stream;
  for (int64_t i = 0; i < n_entries; ++i) {
    const int64_t entry = in.selected.data() == nullptr ? i : in.selected[t][i];
    unpack_kv_rows_reference(stream, in.entries.row(entry, in.layout.row_bytes()), in.layout,
                             Rows<float>(list.data() + (n_window + i) * dim, 1, dim, dim));
  }
  return list;
}

void attend(const AttentionInputs& in,
            const float* q,
            float sink,
            const std::vector<float>& list,
            std::vector<float>& weights,
            float* out) {
  const int64_t dim = in.q.dim(2);
  const int64_t n = static_cast<int64_t>(list.size()) / dim;
  weights.resize(static_cast<size_t>(n));
  float max = sink;
  for (int64_t i = 0; i < n; ++i) {
    double dot = 0.0;
    for (int64_t c = 0; c < dim; ++c) {
      dot +=
          static_cast<double>(q[c]) * static_cast<double>(list[static_cast<size_t>(i * dim + c)]);
    }
    const float logit = static_cast<float>(dot) * in.scale;
    weights[static_cast<size_t>(i)] = logit;
    max = std::max(max, logit);
  }
  double total = std::exp(sink - max);
  for (float& weight : weights) {
    weight = std::exp(weight - max);
    total += static_cast<double>(weight);
    if (in.round_to_bf16) weight = round_to_bf16(weight);
  }
  for (int64_t c = 0; c < dim; ++c) {
    double sum = 0.0;
    for (int64_t i = 0; i < n; ++i) {
      sum += static_cast<double>(weights[static_cast<size_t>(i)]) *
             static_cast<double>(list[static_cast<size_t>(i * dim + c)]);
    }
    const auto result = static_cast<float>(sum / total);
    out[c] = in.round_to_bf16 ? round_to_bf16(result) : result;
  }
}

}  // namespace

void attention_reference(Stream& stream, const AttentionInputs& in, View<float, 3> out) {
  const int64_t n_tokens = in.q.dim(0);
  const int64_t n_heads = in.q.dim(1);
  const int64_t dim = in.q.dim(2);
  WN_CHECK(in.window.dim(1) == dim && out.size() == in.q.size());
  const auto attend_tokens = [&](int64_t first, int64_t last) {
    std::vector<float> weights;
    for (int64_t t = first; t < last; ++t) {
      const std::vector<float> list = gather_list(in, t);
      for (int64_t h = 0; h < n_heads; ++h) {
        attend(in, in.q.data() + (t * n_heads + h) * dim, in.sinks[h], list, weights,
               out.data() + (t * n_heads + h) * dim);
      }
    }
  };
  parallel_for(stream, n_tokens, 1, attend_tokens);
}

}  // namespace widenet::kernels
