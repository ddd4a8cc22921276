// The forward pass: embedding, layers of attention and experts around mixed residual streams, head.
#include "engine/model.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/row_ops.h"

namespace widenet::engine {

using kernels::Rows;
using kernels::View;
using kernels::Weight;

namespace {

// [a, b, c] seen as [a, b * c], and as [a * b, c].
View<float, 2> flat_rows(View<float, 3> x) {
  return {x.data(), x.dim(0), x.dim(1) * x.dim(2)};
}
View<float, 2> flat_heads(View<float, 3> x) {
  return {x.data(), x.dim(0) * x.dim(1), x.dim(2)};
}

std::vector<float> frequencies(const ModelConfig& config, bool is_compressed) {
  kernels::RopeFrequencies options;
  options.rope_dim = config.rope_dim;
  options.base = is_compressed ? config.compress_rope_theta : config.rope_theta;
  if (is_compressed && config.yarn.has_value()) {
    options.factor = config.yarn->factor;
    options.original_length = config.yarn->original_positions_max;
    options.beta_fast = config.yarn->beta_fast;
    options.beta_slow = config.yarn->beta_slow;
  }
  return kernels::rope_frequencies(options);
}

}  // namespace

Model::Model(const ModelConfig& config, const ModelWeights& weights, const ModelOptions& options)
    : config_(config),
      weights_(weights),
      options_(options),
      ops_(*options.backend),
      layouts_(config, options.numerics == Numerics::native) {
  stream_.pool = options.pool;
  ropes_[0].frequencies = frequencies(config, /*is_compressed=*/false);
  ropes_[1].frequencies = frequencies(config, /*is_compressed=*/true);
}

// streams = copies of the embedding; layers; logits = head(norm(mixed streams)).
View<const float, 2> Model::forward(std::span<const TokenId> tokens,
                                    Logits wanted,
                                    KvState& state) {
  const Call call{tokens, state.n_tokens, static_cast<int64_t>(tokens.size())};
  WN_CHECK(call.n_tokens > 0);
  fill_rope_tables(call);

  streams_ = buffers_.streams.take(call.n_tokens, config_.hc_mult, config_.dim);
  for (int64_t j = 0; j < config_.hc_mult; ++j) {
    kernels::look_up_rows(stream_, weights_.embedding, tokens.data(),
                          {streams_.data() + j * config_.dim, call.n_tokens, config_.dim,
                           config_.hc_mult * config_.dim});
  }
  for (int64_t layer = 0; layer < config_.n_layers; ++layer) {
    const LayerWeights& w = weights_.layers[static_cast<size_t>(layer)];
    attention_layer(w, layer, call, state.layers[static_cast<size_t>(layer)]);
    moe_layer(w, call);
  }
  state.n_tokens += call.n_tokens;

  switch (wanted) {
    case Logits::none:
      return {nullptr, 0, config_.vocab_size};
    case Logits::last:
      return compute_logits({streams_[call.n_tokens - 1].data(), 1, config_.hc_mult, config_.dim});
    case Logits::all:
      break;
  }
  return compute_logits(streams_);
}

// streams = mix(streams, attention(norm(mixed streams)))
void Model::attention_layer(const LayerWeights& w,
                            int64_t layer,
                            const Call& call,
                            LayerState& state) {
  const Tensor<2> x = collapse(w.attention_mixer, w.attention_norm, call.n_tokens);
  const Tensor<2> z = buffers_.sublayer.take(call.n_tokens, config_.dim);
  attend(w.attention, layer, call, x, state, z);
  expand(z);
}

// streams = mix(streams, experts(norm(mixed streams)))
void Model::moe_layer(const LayerWeights& w, const Call& call) {
  const Tensor<2> x = collapse(w.ffn_mixer, w.ffn_norm, call.n_tokens);
  const Tensor<2> z = buffers_.sublayer.take(call.n_tokens, config_.dim);
  run_experts(w.ffn, call, x, z);
  expand(z);
}

Model::Tensor<2> Model::collapse(const MixerWeights& mixer,
                                 const std::vector<float>& norm,
                                 int64_t n_tokens) {
  const int64_t n_streams = config_.hc_mult;
  const Tensor<2> projected = buffers_.projected.take(n_tokens, mixer.projection.n_rows);
  pre_ = buffers_.pre.take(n_tokens, n_streams);
  post_ = buffers_.post.take(n_tokens, n_streams);
  comb_ = buffers_.comb.take(n_tokens, n_streams, n_streams);
  ops_.hc_project(stream_, flat_rows(streams_), mixer.projection,
                  static_cast<float>(config_.norm_eps), projected);
  const kernels::HcMixOptions options{n_streams, config_.hc_sinkhorn_iters,
                                      static_cast<float>(config_.hc_eps)};
  ops_.hc_mixes(stream_, projected, mixer.base, mixer.scale, options, {pre_, post_, comb_});

  const Tensor<2> x = buffers_.x.take(n_tokens, config_.dim);
  ops_.hc_collapse(stream_, streams_, pre_, is_native(), x);
  rms_norm(x, norm.data(), x);
  return x;
}

void Model::expand(Tensor<2> z) {
  ops_.hc_expand(stream_, z, post_, comb_, is_native(), streams_);
}

// Queries of all heads and one row a token; the compressors advance; every query attends to its
// window and its entries; the heads' results are projected back, group by group.
void Model::attend(const AttentionWeights& w,
                   int64_t layer,
                   const Call& call,
                   Tensor<2> x,
                   LayerState& state,
                   Tensor<2> out) {
  LinearInput input{x, {}, false};
  const Tensor<2> query_low = buffers_.query.take(call.n_tokens, config_.q_lora_rank);
  linear(input, w.query_down, buffers_.x_fp8, query_low);
  rms_norm(query_low, w.query_norm.data(), query_low);
  LinearInput query{query_low, {}, false};
  const Tensor<3> q = project_queries(w, layer, query);
  const Tensor<2> window = window_rows(w, layer, call, input, state);

  kernels::AttentionInputs in;
  in.q = q;
  in.window = window;
  in.first_position = call.first_position;
  in.first_window_position = call.first_position + call.n_tokens - window.dim(0);
  in.window_length = config_.window;
  in.layout = layouts_.rows;
  in.sinks = w.sinks;
  in.scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(config_.head_dim)));
  in.round_to_bf16 = is_native();

  if (w.compressor.has_value()) {
    append_entries(compress(*w.compressor, layer, call, x, state.tail), state);
    const int64_t ratio = config_.ratio(layer);
    n_selected_.resize(static_cast<size_t>(call.n_tokens));
    for (int64_t t = 0; t < call.n_tokens; ++t) {  // an entry is visible from its last token on
      n_selected_[static_cast<size_t>(t)] =
          static_cast<int32_t>((call.first_position + t + 1) / ratio);
    }
    if (w.indexer.has_value()) {
      append_index_keys(compress(w.indexer->compressor, layer, call, x, state.index_tail), state);
      select_entries(*w.indexer, layer, call, x, query, state);
      in.selected = {selected_.data(), call.n_tokens, config_.index_topk};
    }
    in.entries = state.entries.data();
    in.n_selected = n_selected_.data();
  }

  const Tensor<3> heads = buffers_.heads.take(call.n_tokens, config_.n_heads, config_.head_dim);
  ops_.attention(stream_, in, heads);
  ops_.rope(stream_, rope_table(layer), {.inverse = true, .round_output = is_native()}, heads);
  project_output(w, heads, out);
}

// q = rope(norm_by_head(query Wq_b))
Model::Tensor<3> Model::project_queries(const AttentionWeights& w,
                                        int64_t layer,
                                        LinearInput& query) {
  const Tensor<3> q = buffers_.queries.take(query.plain.count, config_.n_heads, config_.head_dim);
  linear(query, w.query_up, buffers_.query_fp8, flat_rows(q));
  ops_.rms_norm(stream_, flat_heads(q), nullptr,
                {.eps = static_cast<float>(config_.norm_eps),
                 .round_output = is_native(),
                 .bf16_steps = is_native()},
                flat_heads(q));
  ops_.rope(stream_, rope_table(layer), {.inverse = false, .round_output = is_native()}, q);
  return q;
}

// The rows in reach of this call's queries, oldest first: up to window - 1 from the ring, then the
// new ones, which also enter the ring.
Model::Tensor<2> Model::window_rows(
    const AttentionWeights& w, int64_t layer, const Call& call, LinearInput& x, LayerState& state) {
  const int64_t n_past = std::min(call.first_position, config_.window - 1);
  const int64_t row_bytes = layouts_.rows.row_bytes();
  const int64_t dim = config_.head_dim;
  const Tensor<2> all = buffers_.window.take(n_past + call.n_tokens, dim);
  const Tensor<2> fresh(all.data() + n_past * dim, call.n_tokens, dim);

  linear(x, w.rows, buffers_.x_fp8, fresh);
  rms_norm(fresh, w.rows_norm.data(), fresh);
  ops_.rope(stream_, rope_table(layer), {.inverse = false, .round_output = is_native()},
            {fresh.data(), call.n_tokens, 1, dim});
  packed_.resize(static_cast<size_t>(call.n_tokens * row_bytes));
  ops_.pack_kv_rows(stream_, fresh, layouts_.rows, packed_.data());
  ops_.unpack_kv_rows(stream_, packed_.data(), layouts_.rows, fresh);

  for (int64_t i = 0; i < n_past; ++i) {
    const int64_t slot = (call.first_position - n_past + i) % config_.window;
    ops_.unpack_kv_rows(stream_, state.ring.data() + slot * row_bytes, layouts_.rows,
                        Rows<float>(all[i].data(), 1, dim, dim));
  }
  for (int64_t t = std::max<int64_t>(0, call.n_tokens - config_.window); t < call.n_tokens; ++t) {
    const int64_t slot = (call.first_position + t) % config_.window;
    std::memcpy(state.ring.data() + slot * row_bytes, packed_.data() + t * row_bytes,
                static_cast<size_t>(row_bytes));
  }
  return all;
}

// The entries that this call's tokens complete, normalised and rotated to their first token's
// position, [n_new, width].  The tail keeps the projections that later entries need.
Model::Tensor<2> Model::compress(const CompressorWeights& w,
                                 int64_t layer,
                                 const Call& call,
                                 Tensor<2> x,
                                 CompressorTail& tail) {
  const int64_t ratio = config_.ratio(layer);
  const int64_t columns = w.values.n_rows;
  const auto width = static_cast<int64_t>(w.norm.size());
  const auto n_kept = static_cast<int64_t>(tail.values.size()) / columns;
  const int64_t n_rows = n_kept + call.n_tokens;
  const int64_t first_entry = call.first_position / ratio;
  const int64_t next_position = call.first_position + call.n_tokens;
  const int64_t n_entries = next_position / ratio - first_entry;

  const Tensor<2> values = buffers_.values.take(n_rows, columns);
  const Tensor<2> gates = buffers_.gates.take(n_rows, columns);
  std::copy(tail.values.begin(), tail.values.end(), values.data());
  std::copy(tail.gates.begin(), tail.gates.end(), gates.data());
  const Tensor<2> new_values(values.data() + n_kept * columns, call.n_tokens, columns);
  const Tensor<2> new_gates(gates.data() + n_kept * columns, call.n_tokens, columns);
  plain_linear(x, w.values, /*round_output=*/false, new_values);
  plain_linear(x, w.gates, /*round_output=*/false, new_gates);
  kernels::add_position_embedding(stream_, new_gates, w.position_embedding, ratio,
                                  call.first_position);

  const bool is_overlapping = config_.has_indexer(layer);
  const Tensor<2> entries = buffers_.entries.take(n_entries, width);
  ops_.compress(stream_, {values, gates, ratio, is_overlapping, first_entry == 0}, entries);
  if (is_native()) kernels::round_rows_to_bf16(stream_, entries);
  rms_norm(entries, w.norm.data(), entries);
  const RopeState& rope = ropes_[layer_rope(layer)];
  const Tensor<3> table = buffers_.entry_table.take(n_entries, config_.rope_dim / 2, 2);
  kernels::fill_rope_table(stream_, {rope.frequencies.data(), config_.rope_dim / 2},
                           {first_entry * ratio, ratio}, table);
  ops_.rope(stream_, table, {.inverse = false, .round_output = is_native()},
            {entries.data(), n_entries, 1, width});

  const bool has_previous = is_overlapping && next_position >= ratio;
  const int64_t n_keep = next_position % ratio + (has_previous ? ratio : 0);
  const int64_t first_kept = (n_rows - n_keep) * columns;
  tail.values.assign(values.data() + first_kept, values.data() + n_rows * columns);
  tail.gates.assign(gates.data() + first_kept, gates.data() + n_rows * columns);
  return entries;
}

void Model::append_entries(Tensor<2> entries, LayerState& state) {
  const size_t n_before = state.entries.size();
  state.entries.resize(n_before + static_cast<size_t>(entries.dim(0) * layouts_.rows.row_bytes()));
  ops_.pack_kv_rows(stream_, entries, layouts_.rows, state.entries.data() + n_before);
}

void Model::append_index_keys(Tensor<2> keys, LayerState& state) {
  const size_t n_before = state.index_keys.size();
  state.index_keys.resize(n_before +
                          static_cast<size_t>(keys.dim(0) * layouts_.index_keys.row_bytes()));
  if (is_native()) ops_.hadamard(stream_, keys);
  ops_.pack_index_rows(stream_, keys, layouts_.index_keys, state.index_keys.data() + n_before);
}

// The index_topk best visible entries of each token, by the lightning indexer.  Where everything
// visible is selected anyway, nothing is scored.
void Model::select_entries(const IndexerWeights& w,
                           int64_t layer,
                           const Call& call,
                           Tensor<2> x,
                           LinearInput& query,
                           const LayerState& state) {
  const int64_t k = config_.index_topk;
  const int64_t n_heads = config_.index_n_heads;
  const int64_t n_keys = n_selected_.back();
  selected_.resize(static_cast<size_t>(call.n_tokens * k));

  kernels::IndexScoreInputs in;
  in.keys = state.index_keys.data();
  in.layout = layouts_.index_keys;
  if (n_keys > k) {
    const Tensor<3> q = buffers_.index_queries.take(call.n_tokens, n_heads, config_.index_head_dim);
    linear(query, w.queries, buffers_.query_fp8, flat_rows(q));
    ops_.rope(stream_, rope_table(layer), {.inverse = false, .round_output = is_native()}, q);
    if (is_native()) ops_.hadamard(stream_, flat_heads(q));
    index_packed_.resize(static_cast<size_t>(call.n_tokens * n_heads * in.layout.row_bytes()));
    ops_.pack_index_rows(stream_, flat_heads(q), in.layout, index_packed_.data());

    const Tensor<2> head_weights = buffers_.head_weights.take(call.n_tokens, n_heads);
    plain_linear(x, w.head_weights, is_native(), head_weights);
    const double scale = 1.0 / std::sqrt(static_cast<double>(config_.index_head_dim * n_heads));
    kernels::scale_rows(stream_, static_cast<float>(scale), is_native(), head_weights);
  }

  // A few tokens at a time, so that the scores of a long past stay in bounds.
  constexpr int64_t kScoresMax = int64_t{1} << 23;
  const int64_t n_at_once =
      std::clamp<int64_t>(kScoresMax / std::max<int64_t>(n_keys, 1), 1, call.n_tokens);
  for (int64_t first = 0; first < call.n_tokens; first += n_at_once) {
    const int64_t n = std::min(n_at_once, call.n_tokens - first);
    const Tensor<2> scores = buffers_.scores.take(n, n_keys);
    int32_t* n_visible = n_selected_.data() + first;
    if (n_keys > k) {
      in.queries = index_packed_.data() + first * n_heads * in.layout.row_bytes();
      in.head_weights = {buffers_.head_weights.take(call.n_tokens, n_heads)[first].data(), n,
                         n_heads};
      in.n_visible = n_visible;
      ops_.index_scores(stream_, in, scores);
    }
    ops_.top_k(stream_, scores, n_visible, {selected_.data() + first * k, n, k}, n_visible);
  }
}

// out = concat_g(heads_g Wo_a[g]) Wo_b
void Model::project_output(const AttentionWeights& w, Tensor<3> heads, Tensor<2> out) {
  const int64_t n_tokens = heads.dim(0);
  const int64_t group_dim = config_.n_heads * config_.head_dim / config_.o_groups;
  const int64_t rank = config_.o_lora_rank;
  const Tensor<2> low = buffers_.low_rank.take(n_tokens, config_.o_groups * rank);
  for (int64_t g = 0; g < config_.o_groups; ++g) {
    plain_linear({heads.data() + g * group_dim, n_tokens, group_dim, config_.o_groups * group_dim},
                 w.output_down.rows(g * rank, rank), is_native(),
                 {low.data() + g * rank, n_tokens, rank, config_.o_groups * rank});
  }
  LinearInput input{low, {}, false};
  linear(input, w.output_up, buffers_.low_rank_fp8, out);
}

// out = sum_e weight_e expert_e(x) over each token's experts, in the order of their numbers, plus
// the shared expert.  Tokens are gathered by expert.
void Model::run_experts(const MoeWeights& w, const Call& call, Tensor<2> x, Tensor<2> out) {
  const int64_t k = config_.n_experts_per_token;
  const Tensor<2> logits = buffers_.router_logits.take(call.n_tokens, config_.n_experts);
  plain_linear(x, w.router, /*round_output=*/false, logits);

  std::vector<int64_t> chosen;
  if (w.experts_by_id != nullptr) {
    for (const TokenId token : call.tokens) {
      chosen.insert(chosen.end(), w.experts_by_id + token * k, w.experts_by_id + (token + 1) * k);
    }
  }
  std::vector<int32_t> experts(static_cast<size_t>(call.n_tokens * k));
  const Tensor<2> weights = buffers_.expert_weights.take(call.n_tokens, k);
  ops_.route(stream_, logits,
             {.bias = w.bias,
              .chosen = chosen.empty() ? nullptr : chosen.data(),
              .normalise = config_.normalise_topk,
              .scale = static_cast<float>(config_.routed_scale)},
             {experts.data(), call.n_tokens, k}, weights);

  std::fill_n(out.data(), out.size(), 0.0f);
  std::vector<int32_t> tokens;
  std::vector<float> row_weights;
  for (int64_t e = 0; e < config_.n_experts; ++e) {
    tokens.clear();
    row_weights.clear();
    for (int64_t i = 0; i < call.n_tokens * k; ++i) {
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
    const Tensor<2> result = buffers_.expert_out.take(call.n_tokens, config_.dim);
    run_expert(*w.shared, input, nullptr, result);
    tokens.resize(static_cast<size_t>(call.n_tokens));
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

Model::Tensor<2> Model::compute_logits(View<const float, 3> streams) {
  const int64_t n_tokens = streams.dim(0);
  const MixerWeights& mixer = weights_.head_mixer;
  const Tensor<2> projected = buffers_.projected.take(n_tokens, config_.hc_mult);
  const Tensor<2> pre = buffers_.pre.take(n_tokens, config_.hc_mult);
  ops_.hc_project(
      stream_,
      {streams.data(), n_tokens, config_.hc_mult * config_.dim, config_.hc_mult * config_.dim},
      mixer.projection, static_cast<float>(config_.norm_eps), projected);
  kernels::hc_head_mix(projected, mixer.base, mixer.scale[0], static_cast<float>(config_.hc_eps),
                       pre);
  const Tensor<2> x = buffers_.x.take(n_tokens, config_.dim);
  ops_.hc_collapse(stream_, streams, pre, is_native(), x);
  rms_norm(x, weights_.norm.data(), x);
  const Tensor<2> logits = buffers_.logits.take(n_tokens, config_.vocab_size);
  plain_linear(x, weights_.head, /*round_output=*/false, logits);
  return logits;
}

void Model::fill_rope_tables(const Call& call) {
  for (RopeState& rope : ropes_) {
    rope.table = rope.memory.take(call.n_tokens, config_.rope_dim / 2, 2);
    kernels::fill_rope_table(stream_, {rope.frequencies.data(), config_.rope_dim / 2},
                             {call.first_position, 1}, rope.table);
  }
}

// A linear layer that may be quantised: then, in native numerics, so are its inputs.
void Model::linear(LinearInput& x, const Weight& w, Buffer& fp8, Rows<float> out) {
  if (!is_native() || !w.is_quantised()) {
    plain_linear(x.plain, w, is_native(), out);
    return;
  }
  if (!x.is_rounded) {
    x.rounded = fp8.take(x.plain.count, x.plain.dim);
    ops_.quantise_activations(stream_, x.plain, x.rounded);
    x.is_rounded = true;
  }
  plain_linear(x.rounded, w, /*round_output=*/true, out);
}

void Model::plain_linear(Rows<const float> x, const Weight& w, bool round_output, Rows<float> out) {
  ops_.linear(stream_, x, w, {.bf16_inputs = is_native(), .round_output = round_output}, out);
}

void Model::rms_norm(Rows<const float> x, const float* weight, Rows<float> out) {
  ops_.rms_norm(stream_, x, weight,
                {.eps = static_cast<float>(config_.norm_eps),
                 .round_output = is_native(),
                 .bf16_steps = false},
                out);
}

}  // namespace widenet::engine
