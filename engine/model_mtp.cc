// The model's MTP block: what it keeps of the past, and how it guesses ahead.
#include <algorithm>

#include "engine/model.h"
#include "engine/sampler.h"
#include "kernels/row_ops.h"

namespace widenet::engine {

// The MTP block's row of position p needs p's streams and token p + 1.  So the rows from the last
// one known before the call up to the last but one of its tokens enter the block's ring, and the
// streams of the last token (where tokens may be dropped: of all) wait for the next call.
void Model::feed_mtp(std::span<const Step> steps, const Call& call) {
  const int64_t width = config_.hc_mult * config_.dim;
  Call rows;
  std::vector<float> past;  // the streams of those rows
  for (size_t i = 0; i < steps.size(); ++i) {
    const Part& part = call.parts[i];
    DraftState& draft = part.state->draft;
    if (!steps[i].feeds_drafts) {
      draft.streams.clear();
      continue;
    }
    const bool knows_last = !draft.streams.empty();
    const float* fresh = streams_[part.first_row].data();
    std::vector<float> streams;  // from the token before the call on, if it is known
    if (knows_last) streams.assign(draft.streams.end() - width, draft.streams.end());
    streams.insert(streams.end(), fresh, fresh + part.n_tokens * width);

    const int64_t known_from = part.first_position - (knows_last ? 1 : 0);
    const int64_t last = part.first_position + part.n_tokens - 1;
    const int64_t first = std::max(known_from, last - config_.window);
    if (!knows_last || first > known_from) draft.ring_from = first;
    if (first < last) {
      const float* begin = streams.data() + (first - known_from) * width;
      past.insert(past.end(), begin, begin + (last - first) * width);
      rows.add({.state = part.state, .undo = part.undo, .first_position = first},
               steps[i].tokens.subspan(static_cast<size_t>(first + 1 - part.first_position),
                                       static_cast<size_t>(last - first)));
      if (part.undo != nullptr) part.undo->first_draft_row = first;
    }
    if (part.undo == nullptr) streams.erase(streams.begin(), streams.end() - width);
    draft.streams = std::move(streams);
  }
  if (rows.parts.empty()) return;

  const MtpWeights& mtp = *weights_.mtp;
  fill_rope_tables(rows);
  streams_ =
      draft_streams({past.data(), rows.n_tokens(), config_.hc_mult, config_.dim}, rows.tokens);
  mix({nullptr, 0, config_.dim}, &mtp.layer.attention_mixer, mtp.layer.attention_norm.data());
  LinearInput x{x_, {}, false};
  make_rows(mtp.layer.attention, config_.n_layers, x);
  for (const Part& part : rows.parts) window_rows(config_.n_layers, part);
}

// What enters the MTP block: Wh norm(stream) + We norm(embedding of the following token).
Model::Tensor<3> Model::draft_streams(Tensor<3> streams, std::span<const TokenId> following) {
  const MtpWeights& mtp = *weights_.mtp;
  const auto n = static_cast<int64_t>(following.size());
  const Tensor<2> embedded = buffers_.embedded.take(n, config_.dim);
  kernels::look_up_rows(stream_, weights_.embedding, following.data(), embedded);
  rms_norm(embedded, mtp.embedding_norm.data(), embedded);
  const Tensor<2> projected = buffers_.sublayer.take(n, config_.dim);
  LinearInput embedding_input{embedded, {}, false};
  linear(embedding_input, mtp.embedding_projection, buffers_.embedded_fp8, projected);

  const Tensor<3> normed = buffers_.past_streams.take(n, config_.hc_mult, config_.dim);
  rms_norm(flat_heads(streams), mtp.streams_norm.data(), flat_heads(normed));
  const Tensor<3> out = buffers_.draft_streams.take(n, config_.hc_mult, config_.dim);
  LinearInput streams_input{flat_heads(normed), {}, false};
  linear(streams_input, mtp.streams_projection, buffers_.embedded_fp8, flat_heads(out));
  kernels::add_to_groups(stream_, projected, is_native(), flat_heads(out));
  return out;
}

// Each guess is fed back, with the block's own streams in place of the model's.
void Model::draft_mtp(std::span<Draft> drafts) {
  const MtpWeights& mtp = *weights_.mtp;
  const int64_t width = config_.hc_mult * config_.dim;
  struct Timeline {
    Draft* draft;
    DraftState before;
    std::vector<float> streams;
    TokenId next;
  };
  std::vector<Timeline> timelines;
  for (Draft& draft : drafts) {
    draft.tokens.clear();
    const DraftState& known = draft.state->draft;
    if (known.streams.empty()) continue;
    timelines.push_back(
        {&draft, known, {known.streams.end() - width, known.streams.end()}, draft.next});
  }
  for (int64_t depth = 0;; ++depth) {
    Call call;
    std::vector<Timeline*> those;
    std::vector<float> past;
    for (Timeline& timeline : timelines) {
      if (timeline.draft->n_wanted <= depth) continue;
      those.push_back(&timeline);
      past.insert(past.end(), timeline.streams.begin(), timeline.streams.end());
      KvState* state = timeline.draft->state;
      call.add({.state = state, .first_position = state->n_tokens - 1 + depth},
               {&timeline.next, 1});
    }
    if (those.empty()) break;
    fill_rope_tables(call);
    streams_ =
        draft_streams({past.data(), call.n_tokens(), config_.hc_mult, config_.dim}, call.tokens);
    run_layers({&mtp.layer, 1}, config_.n_layers, call);
    const Tensor<2> logits = logits_of(streams_, mtp.head_mixer, mtp.norm);
    for (size_t i = 0; i < those.size(); ++i) {
      const auto row = static_cast<int64_t>(i);
      those[i]->next = Sampler::argmax(logits[row].span());
      those[i]->draft->tokens.push_back(those[i]->next);
      const auto streams = streams_[row].span();
      those[i]->streams.assign(streams.begin(), streams.end());
    }
  }
  for (Timeline& timeline : timelines) timeline.draft->state->draft = std::move(timeline.before);
}

}  // namespace widenet::engine
