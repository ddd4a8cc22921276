// The mixture of experts.
#include <algorithm>
#include <vector>

#include "engine/model.h"
#include "kernels/row_ops.h"

namespace widenet::engine {

// out = sum_e weight_e expert_e(x) over each token's experts, in the order of their numbers, plus
// the shared expert.  Tokens are gathered by expert.
void Model::run_experts(const MoeWeights& w, const Call& call, Tensor<2> x, Tensor<2> out) {
  const int64_t k = config_.n_experts_per_token;
  const Tensor<2> logits = buffers_.router_logits.take(call.n_tokens(), config_.n_experts);
  plain_linear(x, w.router, /*round_output=*/false, logits);

  std::vector<int64_t> chosen;
  if (w.experts_by_id != nullptr) {
    for (const TokenId token : call.tokens) {
      chosen.insert(chosen.end(), w.experts_by_id + token * k, w.experts_by_id + (token + 1) * k);
    }
  }
  std::vector<int32_t> experts(static_cast<size_t>(call.n_tokens() * k));
  const Tensor<2> weights = buffers_.expert_weights.take(call.n_tokens(), k);
  ops_.route(stream_, logits,
             {.bias = w.bias,
              .chosen = chosen.empty() ? nullptr : chosen.data(),
              .normalise = config_.normalise_topk,
              .scale = static_cast<float>(config_.routed_scale)},
             {experts.data(), call.n_tokens(), k}, weights);

  std::fill_n(out.data(), out.size(), 0.0f);
  std::vector<int32_t> tokens;
  std::vector<float> row_weights;
  for (int64_t e = 0; e < config_.n_experts; ++e) {
    tokens.clear();
    row_weights.clear();
    for (int64_t i = 0; i < call.n_tokens() * k; ++i) {
      if (experts[static_cast<size_t>(i)] != e) continue;
      tokens.push_back(static_cast<int32_t>(i / k));
      row_weights.push_back(weights.data()[i]);
    }
    if (tokens.empty()) continue;
    const auto n = static_cast<int64_t>(tokens.size());
    const Tensor<2> in = buffers_.expert_in.take(n, config_.dim);
    kernels::gather_rows(stream_, x, tokens.data(), in);
    LinearInput input{in, {}, false};
    const Tensor<2> result = buffers_.expert_out.take(n, config_.dim);
    run_expert(w.experts[static_cast<size_t>(e)], input, row_weights.data(), result);
    kernels::add_rows_at(stream_, result, tokens.data(), out);
  }
  if (w.shared.has_value()) {
    LinearInput input{x, {}, false};
    const Tensor<2> result = buffers_.expert_out.take(call.n_tokens(), config_.dim);
    run_expert(*w.shared, input, nullptr, result);
    tokens.resize(static_cast<size_t>(call.n_tokens()));
    for (size_t t = 0; t < tokens.size(); ++t) tokens[t] = static_cast<int32_t>(t);
    kernels::add_rows_at(stream_, result, tokens.data(), out);
  }
  if (is_native()) kernels::round_rows_to_bf16(stream_, out);
}

// out = (silu(x W1) * (x W3) * row_weight) W2
void Model::run_expert(const ExpertWeights& w,
                       LinearInput& x,
                       const float* row_weights,
                       Tensor<2> out) {
  const Tensor<2> gate = buffers_.gate.take(x.plain.count, w.gate.n_rows);
  const Tensor<2> up = buffers_.up.take(x.plain.count, w.gate.n_rows);
  linear(x, w.gate, buffers_.expert_in_fp8, gate);
  linear(x, w.up, buffers_.expert_in_fp8, up);
  ops_.swiglu(stream_, gate, up,
              {.limit = static_cast<float>(config_.swiglu_limit),
               .row_weights = row_weights,
               .round_output = is_native()},
              gate);
  LinearInput hidden{gate, {}, false};
  linear(hidden, w.down, buffers_.gate_fp8, out);
}

}  // namespace widenet::engine
