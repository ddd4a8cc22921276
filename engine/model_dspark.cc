// The model's DSpark head: what it keeps of the past, and how it guesses a block ahead.
#include <algorithm>

#include "engine/model.h"
#include "engine/sampler.h"
#include "kernels/row_ops.h"

namespace widenet::engine {

using kernels::View;

// Position p's rows need nothing but what the model made of the tokens up to p: they enter the
// stages' rings in the step that computes p.
Model::DsparkContext Model::begin_context(std::span<const Step> steps, const Call& call) const {
  DsparkContext context;
  for (size_t i = 0; i < steps.size(); ++i) {
    const Part& part = call.parts[i];
    DraftState& draft = part.state->draft;
    const int64_t end = part.first_position + part.n_tokens;
    if (!steps[i].feeds_drafts) {
      draft.ring_from = end;
      continue;
    }
    const int64_t first = std::max(part.first_position, end - config_.window);
    if (first > part.first_position) draft.ring_from = first;
    if (part.undo != nullptr) part.undo->first_draft_row = first;
    context.call.add({.state = part.state, .undo = part.undo, .first_position = first},
                     steps[i].tokens.last(static_cast<size_t>(end - first)));
    for (int64_t position = first; position < end; ++position) {
      context.rows.push_back(static_cast<int32_t>(part.first_row + position - part.first_position));
    }
  }
  return context;
}

// After a target layer: the mean of the streams, beside those of the other targets.
void Model::read_target(int64_t layer, const DsparkContext& context) {
  const std::vector<int64_t>& targets = config_.dspark->target_layers;
  const auto target = std::find(targets.begin(), targets.end(), layer);
  if (target == targets.end()) return;

  const int64_t n_tokens = streams_.dim(0);
  const Tensor<2> equal = buffers_.pre.take(n_tokens, config_.hc_mult);
  std::fill_n(equal.data(), equal.size(), 1.0f / static_cast<float>(config_.hc_mult));
  const Tensor<2> mean = buffers_.embedded.take(n_tokens, config_.dim);  // x_ is in use
  ops_.hc_collapse(stream_, streams_, equal, is_native(), mean);

  const auto n_rows = static_cast<int64_t>(context.rows.size());
  const Tensor<2> all =
      buffers_.targets.take(n_rows, static_cast<int64_t>(targets.size()) * config_.dim);
  kernels::gather_rows(
      stream_, mean, context.rows.data(),
      {all.data() + (target - targets.begin()) * config_.dim, n_rows, config_.dim, all.dim(1)});
}

// rows of every stage = its attention's, of x = norm(Wmain targets)
void Model::feed_dspark(const DsparkContext& context) {
  const DsparkWeights& w = *weights_.dspark;
  const int64_t n = context.call.n_tokens();
  LinearInput targets{buffers_.targets.take(n, w.main_projection.n_cols), {}, false};
  const Tensor<2> x = buffers_.embedded.take(n, config_.dim);
  linear(targets, w.main_projection, buffers_.targets_fp8, x);
  rms_norm(x, w.main_norm.data(), x);

  fill_rope_tables(context.call);
  LinearInput input{x, {}, false};
  for (size_t stage = 0; stage < w.stages.size(); ++stage) {
    const int64_t layer = config_.n_layers + static_cast<int64_t>(stage);
    make_rows(w.stages[stage].attention, layer, input);
    for (const Part& part : context.call.parts) keep_rows(layer, part);
  }
}

// A block is the token that follows the timeline and noise behind it.  All stages run once.
View<const float, 2> Model::draft_dspark(std::span<Draft> drafts) {
  const DsparkConfig& dspark = *config_.dspark;
  Call block;
  std::vector<Draft*> those;
  std::vector<int32_t> rows;  // that guess what is wanted
  for (Draft& draft : drafts) {
    const int64_t n_wanted = std::min(draft.n_wanted, dspark.block_size);
    draft.tokens.clear();
    if (draft.state->draft.ring_from >= draft.state->n_tokens) continue;
    std::vector<TokenId> tokens(static_cast<size_t>(dspark.block_size),
                                static_cast<TokenId>(dspark.noise_token));
    tokens.front() = draft.next;
    for (int64_t i = 0; i < n_wanted; ++i) {
      rows.push_back(static_cast<int32_t>(block.n_tokens() + i));
    }
    block.add({.state = draft.state, .first_position = draft.state->n_tokens, .is_block = true},
              tokens);
    those.push_back(&draft);
  }
  if (those.empty()) return {nullptr, 0, config_.vocab_size};
  const Tensor<2> logits = block_logits(block, rows);
  choose_guesses(those, logits);
  return logits;
}

// The head's logits of these rows of a block, which do not know their left neighbours yet.
Model::Tensor<2> Model::block_logits(const Call& block, std::span<const int32_t> rows) {
  const DsparkWeights& w = *weights_.dspark;
  fill_rope_tables(block);
  embed(block.tokens);
  run_layers(w.stages, config_.n_layers, block);
  const Tensor<3> streams =
      buffers_.wanted_streams.take(static_cast<int64_t>(rows.size()), config_.hc_mult, config_.dim);
  kernels::gather_rows(stream_, flat_rows(streams_), rows.data(), flat_rows(streams));
  return logits_of(streams, w.head_mixer, w.norm);
}

// From left to right: logits += W2 W1[token before]; the guess is the largest.
void Model::choose_guesses(std::span<Draft*> drafts, Tensor<2> logits) {
  const DsparkWeights& w = *weights_.dspark;
  const int64_t block_size = config_.dspark->block_size;
  for (int64_t i = 0; i < block_size; ++i) {
    std::vector<Draft*> those;
    std::vector<TokenId> before;
    std::vector<int32_t> rows;
    int64_t first_row = 0;
    for (Draft* draft : drafts) {
      const int64_t n_wanted = std::min(draft->n_wanted, block_size);
      if (i < n_wanted) {
        those.push_back(draft);
        before.push_back(i == 0 ? draft->next : draft->tokens.back());
        rows.push_back(static_cast<int32_t>(first_row + i));
      }
      first_row += n_wanted;
    }
    if (those.empty()) return;
    const auto n = static_cast<int64_t>(those.size());
    const Tensor<2> embedded = buffers_.markov.take(n, w.markov_embedding.n_cols);
    kernels::look_up_rows(stream_, w.markov_embedding, before.data(), embedded);
    const Tensor<2> following = buffers_.markov_logits.take(n, config_.vocab_size);
    plain_linear(embedded, w.markov_head, /*round_output=*/false, following);
    kernels::add_rows_at(stream_, following, rows.data(), logits);
    for (size_t j = 0; j < those.size(); ++j) {
      those[j]->tokens.push_back(Sampler::argmax(logits[rows[j]].span()));
    }
  }
}

}  // namespace widenet::engine
