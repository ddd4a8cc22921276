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

// [a, b, c] seen as [a, b * c].
View<float, 2> flat_rows(View<float, 3> x) {
  return {x.data(), x.dim(0), x.dim(1) * x.dim(2)};
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

void Model::Call::add(Part part, std::span<const TokenId> more) {
  part.first_row = n_tokens();
  part.n_tokens = static_cast<int64_t>(more.size());
  parts.push_back(part);
  tokens.insert(tokens.end(), more.begin(), more.end());
}

// streams = copies of the embedding; layers; logits = head(norm(mixed streams)).
View<const float, 2> Model::forward(std::span<const Step> steps) {
  Call call;
  for (const Step& step : steps) {
    WN_CHECK(!step.tokens.empty());
    call.add({.state = step.state, .undo = step.undo, .first_position = step.state->n_tokens},
             step.tokens);
    if (step.undo == nullptr) continue;
    step.undo->first_position = step.state->n_tokens;
    step.undo->layers.resize(step.state->layers.size());
    step.undo->first_draft_row = 0;
    step.undo->draft_ring.clear();
  }
  const int64_t n_tokens = call.n_tokens();
  fill_rope_tables(call);

  streams_ = buffers_.streams.take(n_tokens, config_.hc_mult, config_.dim);
  for (int64_t j = 0; j < config_.hc_mult; ++j) {
    kernels::look_up_rows(
        stream_, weights_.embedding, call.tokens.data(),
        {streams_.data() + j * config_.dim, n_tokens, config_.dim, config_.hc_mult * config_.dim});
  }
  for (int64_t layer = 0; layer < config_.n_layers; ++layer) {
    const LayerWeights& w = weights_.layers[static_cast<size_t>(layer)];
    attention_layer(w, layer, call);
    moe_layer(w, call);
  }
  for (const Part& part : call.parts) part.state->n_tokens += part.n_tokens;
  const Tensor<2> logits = wanted_logits(steps, call);
  if (weights_.mtp.has_value()) feed_drafts(steps, call);
  return logits;
}

// streams = mix(streams, attention(norm(mixed streams)))
void Model::attention_layer(const LayerWeights& w, int64_t layer, const Call& call) {
  const Tensor<2> x = collapse(w.attention_mixer, w.attention_norm, call.n_tokens());
  const Tensor<2> z = buffers_.sublayer.take(call.n_tokens(), config_.dim);
  attend(w.attention, layer, call, x, z);
  expand(z);
}

// streams = mix(streams, experts(norm(mixed streams)))
void Model::moe_layer(const LayerWeights& w, const Call& call) {
  const Tensor<2> x = collapse(w.ffn_mixer, w.ffn_norm, call.n_tokens());
  const Tensor<2> z = buffers_.sublayer.take(call.n_tokens(), config_.dim);
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
void Model::attend(
    const AttentionWeights& w, int64_t layer, const Call& call, Tensor<2> x, Tensor<2> out) {
  const int64_t n_tokens = call.n_tokens();
  LinearInput input{x, {}, false};
  const Tensor<2> query_low = buffers_.query.take(n_tokens, config_.q_lora_rank);
  linear(input, w.query_down, buffers_.x_fp8, query_low);
  rms_norm(query_low, w.query_norm.data(), query_low);
  LinearInput query{query_low, {}, false};
  const Tensor<3> q = project_queries(w, layer, query);
  make_rows(w, layer, input);

  const int64_t ratio = config_.ratio(layer);
  if (w.compressor.has_value()) {
    compress(*w.compressor, layer, call, x, /*is_for_index=*/false);
    n_selected_.resize(static_cast<size_t>(n_tokens));
    for (const Part& part : call.parts) {
      for (int64_t t = 0; t < part.n_tokens; ++t) {  // an entry is visible from its last token on
        n_selected_[static_cast<size_t>(part.first_row + t)] =
            static_cast<int32_t>((part.first_position + t + 1) / ratio);
      }
    }
    if (w.indexer.has_value()) {
      compress(w.indexer->compressor, layer, call, x, /*is_for_index=*/true);
      project_index_queries(*w.indexer, layer, call, x, query);
    }
  }

  const Tensor<3> heads = buffers_.heads.take(n_tokens, config_.n_heads, config_.head_dim);
  for (const Part& part : call.parts) {
    const LayerState& state = layer_state(part, layer);
    const Tensor<2> window = window_rows(layer, part);
    kernels::AttentionInputs in;
    in.q = part.of(q);
    in.window = window;
    in.first_position = part.first_position;
    in.first_window_position = part.first_position + part.n_tokens - window.dim(0);
    in.window_length = config_.window;
    in.layout = layouts_.rows;
    in.sinks = w.sinks;
    in.scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(config_.head_dim)));
    in.round_to_bf16 = is_native();
    if (w.indexer.has_value()) {
      select_entries(part, state);
      in.selected = {selected_.data() + part.first_row * config_.index_topk, part.n_tokens,
                     config_.index_topk};
    }
    if (w.compressor.has_value()) {
      in.entries = state.entries.data();
      in.n_selected = n_selected_.data() + part.first_row;
    }
    ops_.attention(stream_, in, part.of(heads));
  }
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

// One row for each of the call's tokens, as it will be stored: packed, and unpacked again.
void Model::make_rows(const AttentionWeights& w, int64_t layer, LinearInput& x) {
  const int64_t n_tokens = x.plain.count;
  const Tensor<2> fresh = buffers_.fresh_rows.take(n_tokens, config_.head_dim);
  linear(x, w.rows, buffers_.x_fp8, fresh);
  rms_norm(fresh, w.rows_norm.data(), fresh);
  ops_.rope(stream_, rope_table(layer), {.inverse = false, .round_output = is_native()},
            {fresh.data(), n_tokens, 1, config_.head_dim});
  packed_.resize(static_cast<size_t>(n_tokens * layouts_.rows.row_bytes()));
  ops_.pack_kv_rows(stream_, fresh, layouts_.rows, packed_.data());
  ops_.unpack_kv_rows(stream_, packed_.data(), layouts_.rows, fresh);
}

// The rows in reach of this part's queries, oldest first: up to window - 1 from the ring, then the
// new ones, which also enter the ring.
Model::Tensor<2> Model::window_rows(int64_t layer, const Part& part) {
  const bool is_draft = config_.is_mtp(layer);
  const int64_t ring_from = is_draft ? part.state->draft.ring_from : 0;
  const int64_t n_past = std::min(part.first_position - ring_from, config_.window - 1);
  const int64_t row_bytes = layouts_.rows.row_bytes();
  const Tensor<2> all = buffers_.window.take(n_past + part.n_tokens, config_.head_dim);
  const Tensor<2> fresh =
      part.of(buffers_.fresh_rows.take(part.first_row + part.n_tokens, config_.head_dim));
  std::copy_n(fresh.data(), fresh.size(), all.data() + n_past * config_.head_dim);

  std::vector<uint8_t>& ring = layer_state(part, layer).ring;
  const auto slot = [&](int64_t position) {
    return ring.data() + position % config_.window * row_bytes;
  };
  for (int64_t i = 0; i < n_past; ++i) {
    ops_.unpack_kv_rows(stream_, slot(part.first_position - n_past + i), layouts_.rows,
                        Rows<float>(all[i].data(), 1, config_.head_dim, config_.head_dim));
  }
  if (part.undo != nullptr) {
    std::vector<uint8_t>& saved =
        is_draft ? part.undo->draft_ring : part.undo->layers[static_cast<size_t>(layer)].ring;
    saved.clear();
    for (int64_t t = 0; t < part.n_tokens; ++t) {
      const uint8_t* row = slot(part.first_position + t);
      saved.insert(saved.end(), row, row + row_bytes);
    }
  }
  for (int64_t t = std::max<int64_t>(0, part.n_tokens - config_.window); t < part.n_tokens; ++t) {
    std::memcpy(slot(part.first_position + t), packed_.data() + (part.first_row + t) * row_bytes,
                static_cast<size_t>(row_bytes));
  }
  return all;
}

// Projects the tokens for a compressor, and appends the entries (or index keys) that they complete.
void Model::compress(
    const CompressorWeights& w, int64_t layer, const Call& call, Tensor<2> x, bool is_for_index) {
  const int64_t columns = w.values.n_rows;
  const Tensor<2> values = buffers_.new_values.take(call.n_tokens(), columns);
  const Tensor<2> gates = buffers_.new_gates.take(call.n_tokens(), columns);
  plain_linear(x, w.values, /*round_output=*/false, values);
  plain_linear(x, w.gates, /*round_output=*/false, gates);
  for (const Part& part : call.parts) {
    LayerState& state = part.state->layers[static_cast<size_t>(layer)];
    kernels::add_position_embedding(stream_, part.of(gates), w.position_embedding,
                                    config_.ratio(layer), part.first_position);
    KvUndo::Layer* undo =
        part.undo == nullptr ? nullptr : &part.undo->layers[static_cast<size_t>(layer)];
    if (is_for_index) {
      append_index_keys(complete_entries(w, layer, part, state.index_tail,
                                         undo == nullptr ? nullptr : &undo->index_rows),
                        state);
    } else {
      append_entries(
          complete_entries(w, layer, part, state.tail, undo == nullptr ? nullptr : &undo->rows),
          state);
    }
  }
}

// The entries that this part's tokens complete, normalised and rotated to their first token's
// position, [n_new, width].  The tail keeps the projections that later entries need.
Model::Tensor<2> Model::complete_entries(const CompressorWeights& w,
                                         int64_t layer,
                                         const Part& part,
                                         CompressorTail& tail,
                                         CompressorTail* undo) {
  const int64_t ratio = config_.ratio(layer);
  const int64_t columns = w.values.n_rows;
  const auto width = static_cast<int64_t>(w.norm.size());
  const int64_t n_kept = tail_rows(part.first_position, ratio);
  const int64_t n_rows = n_kept + part.n_tokens;
  const int64_t first_entry = part.first_position / ratio;
  const int64_t next_position = part.first_position + part.n_tokens;
  const int64_t n_entries = next_position / ratio - first_entry;

  const Tensor<2> values = buffers_.values.take(n_rows, columns);
  const Tensor<2> gates = buffers_.gates.take(n_rows, columns);
  const auto join = [&](const std::vector<float>& kept, Buffer& fresh, Tensor<2> rows) {
    WN_CHECK(static_cast<int64_t>(kept.size()) == n_kept * columns);
    const Tensor<2> mine = part.of(fresh.take(part.first_row + part.n_tokens, columns));
    std::copy(kept.begin(), kept.end(), rows.data());
    std::copy_n(mine.data(), mine.size(), rows.data() + n_kept * columns);
  };
  join(tail.values, buffers_.new_values, values);
  join(tail.gates, buffers_.new_gates, gates);
  if (undo != nullptr) {
    undo->values.assign(values.data(), values.data() + values.size());
    undo->gates.assign(gates.data(), gates.data() + gates.size());
  }

  const Tensor<2> entries = buffers_.entries.take(n_entries, width);
  if (n_entries > 0) {
    const bool is_overlapping = config_.has_indexer(layer);
    ops_.compress(stream_, {values, gates, ratio, is_overlapping, first_entry == 0}, entries);
    if (is_native()) kernels::round_rows_to_bf16(stream_, entries);
    rms_norm(entries, w.norm.data(), entries);
    const RopeState& rope = ropes_[layer_rope(layer)];
    const Tensor<3> table = buffers_.entry_table.take(n_entries, config_.rope_dim / 2, 2);
    kernels::fill_rope_table(stream_, {rope.frequencies.data(), config_.rope_dim / 2},
                             {first_entry * ratio, ratio}, table);
    ops_.rope(stream_, table, {.inverse = false, .round_output = is_native()},
              {entries.data(), n_entries, 1, width});
  }

  const int64_t first_kept = (n_rows - tail_rows(next_position, ratio)) * columns;
  tail.values.assign(values.data() + first_kept, values.data() + n_rows * columns);
  tail.gates.assign(gates.data() + first_kept, gates.data() + n_rows * columns);
  return entries;
}

void Model::append_entries(Tensor<2> entries, LayerState& state) {
  if (entries.dim(0) == 0) return;
  const size_t n_before = state.entries.size();
  state.entries.resize(n_before + static_cast<size_t>(entries.dim(0) * layouts_.rows.row_bytes()));
  ops_.pack_kv_rows(stream_, entries, layouts_.rows, state.entries.data() + n_before);
}

void Model::append_index_keys(Tensor<2> keys, LayerState& state) {
  if (keys.dim(0) == 0) return;
  const size_t n_before = state.index_keys.size();
  state.index_keys.resize(n_before +
                          static_cast<size_t>(keys.dim(0) * layouts_.index_keys.row_bytes()));
  if (is_native()) ops_.hadamard(stream_, keys);
  ops_.pack_index_rows(stream_, keys, layouts_.index_keys, state.index_keys.data() + n_before);
}

// The indexer's queries of all tokens and the weights of its heads, unless no part needs scores.
void Model::project_index_queries(
    const IndexerWeights& w, int64_t layer, const Call& call, Tensor<2> x, LinearInput& query) {
  const int64_t n_tokens = call.n_tokens();
  const int64_t n_heads = config_.index_n_heads;
  selected_.resize(static_cast<size_t>(n_tokens * config_.index_topk));
  const int32_t n_keys = *std::max_element(n_selected_.begin(), n_selected_.end());
  if (n_keys <= config_.index_topk) return;

  const Tensor<3> q = buffers_.index_queries.take(n_tokens, n_heads, config_.index_head_dim);
  linear(query, w.queries, buffers_.query_fp8, flat_rows(q));
  ops_.rope(stream_, rope_table(layer), {.inverse = false, .round_output = is_native()}, q);
  if (is_native()) ops_.hadamard(stream_, flat_heads(q));
  index_packed_.resize(static_cast<size_t>(n_tokens * n_heads * layouts_.index_keys.row_bytes()));
  ops_.pack_index_rows(stream_, flat_heads(q), layouts_.index_keys, index_packed_.data());

  const Tensor<2> head_weights = buffers_.head_weights.take(n_tokens, n_heads);
  plain_linear(x, w.head_weights, is_native(), head_weights);
  const double scale = 1.0 / std::sqrt(static_cast<double>(config_.index_head_dim * n_heads));
  kernels::scale_rows(stream_, static_cast<float>(scale), is_native(), head_weights);
}

// The index_topk best visible entries of each token, by the lightning indexer.  Where everything
// visible is selected anyway, nothing is scored.
void Model::select_entries(const Part& part, const LayerState& state) {
  const int64_t k = config_.index_topk;
  const int64_t n_heads = config_.index_n_heads;
  const int64_t n_keys = (part.first_position + part.n_tokens) / ModelConfig::kOverlappingRatio;
  kernels::IndexScoreInputs in;
  in.keys = state.index_keys.data();
  in.layout = layouts_.index_keys;

  // A few tokens at a time, so that the scores of a long past stay in bounds.
  constexpr int64_t kScoresMax = int64_t{1} << 23;
  const int64_t n_at_once =
      std::clamp<int64_t>(kScoresMax / std::max<int64_t>(n_keys, 1), 1, part.n_tokens);
  for (int64_t t = 0; t < part.n_tokens; t += n_at_once) {
    const int64_t n = std::min(n_at_once, part.n_tokens - t);
    const int64_t row = part.first_row + t;
    const Tensor<2> scores = buffers_.scores.take(n, n_keys);
    int32_t* n_visible = n_selected_.data() + row;
    if (n_keys > k) {
      in.queries = index_packed_.data() + row * n_heads * in.layout.row_bytes();
      in.head_weights = buffers_.head_weights.take(row + n, n_heads).slice(row, n);
      in.n_visible = n_visible;
      ops_.index_scores(stream_, in, scores);
    }
    ops_.top_k(stream_, scores, n_visible, {selected_.data() + row * k, n, k}, n_visible);
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

Model::Tensor<2> Model::logits_of(View<const float, 3> streams,
                                  const MixerWeights& mixer,
                                  const std::vector<float>& norm) {
  const int64_t n_tokens = streams.dim(0);
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
  rms_norm(x, norm.data(), x);
  const Tensor<2> logits = buffers_.logits.take(n_tokens, config_.vocab_size);
  plain_linear(x, weights_.head, /*round_output=*/false, logits);
  return logits;
}

// The logits that the steps want, in their order.
Model::Tensor<2> Model::wanted_logits(std::span<const Step> steps, const Call& call) {
  std::vector<int32_t> rows;
  for (size_t i = 0; i < steps.size(); ++i) {
    const Part& part = call.parts[i];
    const int64_t n_skipped = steps[i].wanted == Logits::all    ? 0
                              : steps[i].wanted == Logits::last ? part.n_tokens - 1
                                                                : part.n_tokens;
    for (int64_t t = n_skipped; t < part.n_tokens; ++t) {
      rows.push_back(static_cast<int32_t>(part.first_row + t));
    }
  }
  if (rows.empty()) return {nullptr, 0, config_.vocab_size};
  const Tensor<3> streams =
      buffers_.wanted_streams.take(static_cast<int64_t>(rows.size()), config_.hc_mult, config_.dim);
  kernels::gather_rows(stream_, flat_rows(streams_), rows.data(), flat_rows(streams));
  return logits_of(streams, weights_.head_mixer, weights_.norm);
}

LayerState& Model::layer_state(const Part& part, int64_t layer) const {
  return config_.is_mtp(layer) ? part.state->draft.layer
                               : part.state->layers[static_cast<size_t>(layer)];
}

void Model::fill_rope_tables(const Call& call) {
  for (RopeState& rope : ropes_) {
    rope.table = rope.memory.take(call.n_tokens(), config_.rope_dim / 2, 2);
    for (const Part& part : call.parts) {
      kernels::fill_rope_table(stream_, {rope.frequencies.data(), config_.rope_dim / 2},
                               {part.first_position, 1}, part.of(rope.table));
    }
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
