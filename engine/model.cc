// The forward pass: embedding, layers of attention and experts around mixed residual streams, head.
#include "engine/model.h"

#include <algorithm>

#include "kernels/row_ops.h"

namespace widenet::engine {

using kernels::Rows;
using kernels::View;
using kernels::Weight;

namespace {

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
  const Alone alone(is_computing_);
  Call call;
  for (const Step& step : steps) {
    WN_CHECK(!step.tokens.empty());
    step.state->rows.extend(step.state->n_tokens,
                            step.state->n_tokens + static_cast<int64_t>(step.tokens.size()));
    call.add({.state = step.state, .undo = step.undo, .first_position = step.state->n_tokens},
             step.tokens);
    if (step.undo == nullptr) continue;
    step.undo->first_position = step.state->n_tokens;
    step.undo->layers.resize(step.state->layers.size());
    step.undo->first_draft_row = 0;
    step.undo->draft_rings.assign(step.state->draft.rings.size(), {});
  }
  DsparkContext context;
  if (weights_.dspark.has_value()) context = begin_context(steps, call);
  fill_rope_tables(call);
  embed(call.tokens);
  run_layers(weights_.layers, 0, call, &context);
  for (const Part& part : call.parts) part.state->n_tokens += part.n_tokens;
  const Tensor<2> logits = wanted_logits(steps, call);
  if (weights_.mtp.has_value()) feed_mtp(steps, call);
  if (!context.rows.empty()) feed_dspark(context);
  return logits;
}

View<const float, 2> Model::draft(std::span<Draft> drafts) {
  const Alone alone(is_computing_);
  if (!weights_.mtp.has_value()) return draft_dspark(drafts);
  draft_mtp(drafts);
  return {nullptr, 0, config_.vocab_size};
}

// streams = copies of the embedding
void Model::embed(std::span<const TokenId> tokens) {
  const auto n_tokens = static_cast<int64_t>(tokens.size());
  streams_ = buffers_.streams.take(n_tokens, config_.hc_mult, config_.dim);
  for (int64_t j = 0; j < config_.hc_mult; ++j) {
    kernels::look_up_rows(
        stream_, weights_.embedding, tokens.data(),
        {streams_.data() + j * config_.dim, n_tokens, config_.dim, config_.hc_mult * config_.dim});
  }
}

// Twice a layer: streams = mix(streams, sublayer(norm(mixed streams))).
void Model::run_layers(std::span<const LayerWeights> layers,
                       int64_t first,
                       const Call& call,
                       const DsparkContext* context) {
  const int64_t n_tokens = call.n_tokens();
  const Tensor<2> z = buffers_.sublayer.take(n_tokens, config_.dim);
  mix({nullptr, 0, config_.dim}, &layers[0].attention_mixer, layers[0].attention_norm.data());
  for (size_t i = 0; i < layers.size(); ++i) {
    const LayerWeights& w = layers[i];
    const LayerWeights* next = i + 1 < layers.size() ? &layers[i + 1] : nullptr;
    attend(w.attention, first + static_cast<int64_t>(i), call, x_, z);
    mix(z, &w.ffn_mixer, w.ffn_norm.data());
    run_experts(w.ffn, call, x_, z);
    mix(z, next == nullptr ? nullptr : &next->attention_mixer,
        next == nullptr ? nullptr : next->attention_norm.data());
    if (context != nullptr && !context->rows.empty()) {
      read_target(first + static_cast<int64_t>(i), *context);
    }
  }
}

// A few tokens at a time: between two sublayers their streams, which are most of what a chunk has
// in memory, come from beyond the second cache once.
void Model::mix(Tensor<2> z, const MixerWeights* next, const float* norm) {
  const int64_t n_tokens = streams_.dim(0);
  const int64_t n_streams = config_.hc_mult;
  constexpr int64_t kStreamBytes = 384 << 10;  // of each thread
  const int64_t n_threads = stream_.pool == nullptr ? 1 : stream_.pool->n_threads();
  const int64_t row_bytes = n_streams * config_.dim * static_cast<int64_t>(sizeof(float));
  const int64_t n_at_once = n_threads * std::max<int64_t>(kStreamBytes / row_bytes, 16);
  pre_ = buffers_.pre.take(n_tokens, n_streams);
  post_ = buffers_.post.take(n_tokens, n_streams);
  comb_ = buffers_.comb.take(n_tokens, n_streams, n_streams);
  x_ = buffers_.x.take(n_tokens, config_.dim);
  const kernels::HcMixOptions options{n_streams, config_.hc_sinkhorn_iters,
                                      static_cast<float>(config_.hc_eps)};
  for (int64_t t = 0; t < n_tokens; t += n_at_once) {
    const int64_t n = std::min(n_at_once, n_tokens - t);
    const Tensor<3> streams = streams_.slice(t, n);
    const Tensor<2> pre = pre_.slice(t, n);
    const Tensor<2> post = post_.slice(t, n);
    const Tensor<3> comb = comb_.slice(t, n);
    if (z.data() != nullptr) {
      ops_.hc_expand(stream_, z.slice(t, n), post, comb, is_native(), streams);
    }
    if (next == nullptr) continue;
    const Tensor<2> projected = buffers_.projected.take(n, next->projection.n_rows);
    ops_.hc_project(stream_, flat_rows(streams), next->projection,
                    static_cast<float>(config_.norm_eps), projected);
    ops_.hc_mixes(stream_, projected, next->base, next->scale, options, {pre, post, comb});
    const Tensor<2> x = x_.slice(t, n);
    ops_.hc_collapse(stream_, streams, pre, is_native(), x);
    rms_norm(x, norm, x);
  }
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

std::vector<uint8_t>& Model::ring(const Part& part, int64_t layer) const {
  return config_.is_draft(layer)
             ? part.state->draft.rings[static_cast<size_t>(layer - config_.n_layers)]
             : part.state->layers[static_cast<size_t>(layer)].ring;
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
  round_input(x, w, fp8);
  if (is_native() && w.is_quantised()) {
    plain_linear(x.rounded, w, /*round_output=*/true, out);
  } else {
    plain_linear(x.plain, w, is_native(), out);
  }
}

// Makes the FP8 copy that this weight wants, if it wants one.
void Model::round_input(LinearInput& x, const Weight& w, Buffer& fp8) {
  if (!is_native() || !w.is_quantised() || x.is_rounded) return;
  x.rounded = fp8.take(x.plain.count, x.plain.dim);
  ops_.quantise_activations(stream_, x.plain, x.rounded);
  x.is_rounded = true;
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
