// The mixture of experts.
#include <numeric>
#include <vector>

#include "engine/model.h"
#include "kernels/row_ops.h"

namespace widenet::engine {

// out = sum_e weight_e expert_e(x) over each token's experts, in the order of their numbers, plus
// the shared expert.  Tokens are gathered by expert.
void Model::run_experts(const MoeWeights& w, const Call& call, Tensor<2> x, Tensor<2> out) {
  const int64_t n_tokens = call.n_tokens();
  const int64_t k = config_.n_experts_per_token;
  const Tensor<2> logits = buffers_.router_logits.take(n_tokens, config_.n_experts);
  plain_linear(x, w.router, /*round_output=*/false, logits);

  std::vector<int64_t> chosen;
  if (w.experts_by_id != nullptr) {
    for (const TokenId token : call.tokens) {
      chosen.insert(chosen.end(), w.experts_by_id + token * k, w.experts_by_id + (token + 1) * k);
    }
  }
  std::vector<int32_t> experts(static_cast<size_t>(n_tokens * k));
  const Tensor<2> weights = buffers_.expert_weights.take(n_tokens, k);
  ops_.route(stream_, logits,
             {.bias = w.bias,
              .chosen = chosen.empty() ? nullptr : chosen.data(),
              .normalise = config_.normalise_topk,
              .scale = static_cast<float>(config_.routed_scale)},
             {experts.data(), n_tokens, k}, weights);
  const ExpertRows rows = rows_by_expert(experts, weights);

  LinearInput input{x, {}, false};
  round_input(input, w.experts[0].gate, buffers_.x_fp8);
  const Tensor<2> gathered = buffers_.expert_in.take(n_tokens * k, config_.dim);
  kernels::gather_rows(stream_, input.is_rounded ? input.rounded : input.plain, rows.tokens.data(),
                       gathered);
  const int64_t n_slots = k + (w.shared.has_value() ? 1 : 0);
  const Tensor<2> results = buffers_.expert_out.take(n_tokens * n_slots, config_.dim);
  for (int64_t e = 0; e < config_.n_experts; ++e) {
    const int64_t first = rows.first[static_cast<size_t>(e)];
    const int64_t n = rows.first[static_cast<size_t>(e + 1)] - first;
    if (n == 0) continue;
    LinearInput mine{gathered.slice(first, n), gathered.slice(first, n), input.is_rounded};
    run_expert(w.experts[static_cast<size_t>(e)], mine, rows.weights.data() + first,
               results.slice(first, n));
  }
  std::vector<int32_t> slots(static_cast<size_t>(n_tokens * n_slots));
  std::vector<int64_t> n_filled(static_cast<size_t>(n_tokens));
  for (int64_t row = 0; row < n_tokens * k; ++row) {
    const int64_t token = rows.tokens[static_cast<size_t>(row)];
    const int64_t slot = token * n_slots + n_filled[static_cast<size_t>(token)]++;
    slots[static_cast<size_t>(slot)] = static_cast<int32_t>(row);
  }
  if (w.shared.has_value()) {
    run_expert(*w.shared, input, nullptr, results.slice(n_tokens * k, n_tokens));
    for (int64_t t = 0; t < n_tokens; ++t) {
      slots[static_cast<size_t>(t * n_slots + k)] = static_cast<int32_t>(n_tokens * k + t);
    }
  }
  kernels::sum_rows(stream_, results, slots.data(), n_slots, is_native(), out);
}

// Tokens by the expert that they chose, each expert's in their order.
Model::ExpertRows Model::rows_by_expert(std::span<const int32_t> experts, Tensor<2> weights) const {
  ExpertRows rows;
  rows.first.resize(static_cast<size_t>(config_.n_experts) + 1);
  for (const int32_t e : experts) ++rows.first[static_cast<size_t>(e) + 1];
  std::partial_sum(rows.first.begin(), rows.first.end(), rows.first.begin());
  rows.tokens.resize(experts.size());
  rows.weights.resize(experts.size());
  std::vector<int64_t> next(rows.first.begin(), rows.first.end() - 1);
  for (size_t i = 0; i < experts.size(); ++i) {
    const auto row = static_cast<size_t>(next[static_cast<size_t>(experts[i])]++);
    rows.tokens[row] = static_cast<int32_t>(static_cast<int64_t>(i) / weights.dim(1));
    rows.weights[row] = weights.data()[i];
  }
  return rows;
}

// out = (silu(x W1) * (x W3) * row_weight) W2
void Model::run_expert(const ExpertWeights& w,
                       LinearInput& x,
                       const float* row_weights,
                       Tensor<2> out) {
  const Tensor<2> gate = buffers_.gate.take(x.plain.count, w.gate.n_rows);
  const Tensor<2> up = buffers_.up.take(x.plain.count, w.gate.n_rows);
  linear(x, w.gate, buffers_.x_fp8, gate);
  linear(x, w.up, buffers_.x_fp8, up);
  ops_.swiglu(stream_, gate, up,
              {.limit = static_cast<float>(config_.swiglu_limit),
               .row_weights = row_weights,
               .round_output = is_native()},
              gate);
  LinearInput hidden{gate, {}, false};
  linear(hidden, w.down, buffers_.gate_fp8, out);
}

}  // namespace widenet::engine
