// Model: the DeepSeek-V4 forward pass, written once against a table of kernels.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/check.h"
#include "engine/engine.h"
#include "engine/kv_state.h"
#include "engine/weights.h"
#include "kernels/backend.h"
#include "kernels/thread_pool.h"

namespace widenet::engine {

struct ModelOptions {
  Numerics numerics = Numerics::native;
  const kernels::Backend* backend = nullptr;
  kernels::ThreadPool* pool = nullptr;
};

// Runs tokens through the weights.  Bit for bit, what a token leaves in the state and what logits
// it gives depend on the tokens before it alone: not on how they were cut into calls, which other
// timelines were in the call, nor on the number of threads.  One call at a time; the states belong
// to the caller.
class Model {
 public:
  // Config and weights outlive the model.
  Model(const ModelConfig& config, const ModelWeights& weights, const ModelOptions& options);

  enum class Logits { none, last, all };

  // One timeline's part of a call.
  struct Step {
    std::span<const TokenId> tokens;  // appended to the timeline; at least one
    KvState* state = nullptr;
    Logits wanted = Logits::none;
    KvUndo* undo = nullptr;     // if set, is told how to drop the tokens again; few of them then
    bool feeds_drafts = false;  // whether the draft head learns of these tokens
  };

  // The logits, [1 or n_tokens for each step that wants some, vocab_size] in the order of the
  // steps, are valid until the next call.
  kernels::View<const float, 2> forward(std::span<const Step> steps);

  struct Draft {
    KvState* state = nullptr;
    TokenId next = 0;             // follows the timeline, and is not in it yet
    int64_t n_wanted = 1;         // at least one
    std::vector<TokenId> tokens;  // guessed to follow `next`; none if nothing is known of the past
  };

  // Guesses with the draft head that the model has, its MTP block or DSpark (which makes at most a
  // block of guesses).  The states are as before.  DSpark's logits, [n_guesses of all drafts,
  // vocab_size] in the order of drafts and guesses, are valid until the next call; an MTP block
  // leaves none.
  kernels::View<const float, 2> draft(std::span<Draft> drafts);

  const KvLayouts& layouts() const { return layouts_; }

 private:
  template <int Rank>
  using Tensor = kernels::View<float, Rank>;

  // One call: two at once are a bug of the caller's.
  class Alone {
   public:
    explicit Alone(std::atomic_flag& flag) : flag_(flag) { WN_CHECK(!flag_.test_and_set()); }
    ~Alone() { flag_.clear(); }
    Alone(const Alone&) = delete;
    Alone& operator=(const Alone&) = delete;

   private:
    std::atomic_flag& flag_;
  };

  // Memory of one call that lives from layer to layer, grown to the largest call so far.
  class Buffer {
   public:
    template <typename... N>
    kernels::View<float, sizeof...(N)> take(N... shape) {
      kernels::View<float, sizeof...(N)> view(nullptr, shape...);
      if (memory_.size() < static_cast<size_t>(view.size())) {
        memory_.resize(static_cast<size_t>(view.size()));
      }
      return {memory_.data(), shape...};
    }

   private:
    std::vector<float> memory_;
  };

  // Where one timeline's tokens stand among the rows of a call.
  struct Part {
    KvState* state = nullptr;
    KvUndo* undo = nullptr;
    int64_t first_position = 0;
    int64_t first_row = 0;
    int64_t n_tokens = 0;
    bool is_block = false;  // its tokens see each other, later ones too, and no ring keeps them

    template <int Rank>
    kernels::View<float, Rank> of(kernels::View<float, Rank> rows) const {
      return rows.slice(first_row, n_tokens);
    }
  };

  // What every layer of one call shares.
  struct Call {
    std::vector<Part> parts;
    std::vector<TokenId> tokens;  // of all parts

    void add(Part part, std::span<const TokenId> more);
    int64_t n_tokens() const { return static_cast<int64_t>(tokens.size()); }
  };

  // The tokens of a call that DSpark learns of: the last ones of each timeline, a window at most.
  struct DsparkContext {
    Call call;
    std::vector<int32_t> rows;  // of the forward pass's call
  };

  // Activations on their way into linear layers; the FP8 copy is made when one asks for it.
  struct LinearInput {
    kernels::Rows<const float> plain;
    kernels::Rows<float> rounded;
    bool is_rounded = false;
  };

  void embed(std::span<const TokenId> tokens);

  // `layers` are numbered from `first` on; the context learns of those that it reads.
  void run_layers(std::span<const LayerWeights> layers,
                  int64_t first,
                  const Call& call,
                  const DsparkContext* context = nullptr);

  // streams = post z + comb streams, if there is a z; and, if a sublayer follows, its input
  // x_ = norm(pre . streams) with the numbers that the next call mixes by.
  void mix(Tensor<2> z, const MixerWeights* next, const float* norm);

  void attend(
      const AttentionWeights& w, int64_t layer, const Call& call, Tensor<2> x, Tensor<2> out);
  Tensor<3> project_queries(const AttentionWeights& w, int64_t layer, LinearInput& query);
  void make_rows(const AttentionWeights& w, int64_t layer, LinearInput& x);
  Tensor<2> window_rows(int64_t layer, const Part& part);
  void keep_rows(int64_t layer, const Part& part);
  void compress(
      const CompressorWeights& w, int64_t layer, const Call& call, Tensor<2> x, bool is_for_index);
  struct Pooled {  // projections of consecutive tokens, position embeddings added to the gates
    Tensor<2> values;
    Tensor<2> gates;
  };
  Tensor<2> complete_entries(const CompressorWeights& w,
                             int64_t layer,
                             const Part& part,
                             const Pooled& rows,
                             CompressorTail& tail,
                             CompressorTail* undo);
  void append_entries(Tensor<2> entries, int64_t layer, const Part& part);
  void append_index_keys(Tensor<2> keys, int64_t layer, const Part& part);
  void project_index_queries(
      const IndexerWeights& w, int64_t layer, const Call& call, Tensor<2> x, LinearInput& query);
  void select_entries(const Part& part, size_t index_keys);
  void project_output(const AttentionWeights& w, Tensor<3> heads, Tensor<2> out);

  // The (token, expert) pairs of a call, by expert: those of expert e from first[e] on.
  struct ExpertRows {
    std::vector<int64_t> first;  // [n_experts + 1]
    std::vector<int32_t> tokens;
    std::vector<float> weights;
  };

  void run_experts(const MoeWeights& w, const Call& call, Tensor<2> x, Tensor<2> out);
  ExpertRows rows_by_expert(std::span<const int32_t> experts, Tensor<2> weights) const;
  void run_expert(const ExpertWeights& w, LinearInput& x, const float* row_weights, Tensor<2> out);

  Tensor<2> logits_of(kernels::View<const float, 3> streams,
                      const MixerWeights& mixer,
                      const std::vector<float>& norm);
  Tensor<2> wanted_logits(std::span<const Step> steps, const Call& call);

  void feed_mtp(std::span<const Step> steps, const Call& call);
  Tensor<3> draft_streams(Tensor<3> streams, std::span<const TokenId> following);
  void draft_mtp(std::span<Draft> drafts);

  DsparkContext begin_context(std::span<const Step> steps, const Call& call) const;
  void read_target(int64_t layer, const DsparkContext& context);
  void feed_dspark(const DsparkContext& context);
  kernels::View<const float, 2> draft_dspark(std::span<Draft> drafts);
  Tensor<2> block_logits(const Call& block, std::span<const int32_t> rows);
  void choose_guesses(std::span<Draft*> drafts, Tensor<2> logits);

  // [a, b, c] seen as [a, b * c], and as [a * b, c].
  static Tensor<2> flat_rows(Tensor<3> x) { return {x.data(), x.dim(0), x.dim(1) * x.dim(2)}; }
  static Tensor<2> flat_heads(Tensor<3> x) { return {x.data(), x.dim(0) * x.dim(1), x.dim(2)}; }

  std::vector<uint8_t>& ring(const Part& part, int64_t layer) const;
  int64_t first_known_position(const Part& part, int64_t layer) const {
    return config_.is_draft(layer) ? part.state->draft.ring_from : 0;
  }
  void fill_rope_tables(const Call& call);
  Tensor<3> rope_table(int64_t layer) { return ropes_[layer_rope(layer)].table; }
  size_t layer_rope(int64_t layer) const { return config_.ratio(layer) == 0 ? 0 : 1; }

  // Rounds where the official numerics do: to BF16 in native, not at all in exact.
  bool is_native() const { return options_.numerics == Numerics::native; }
  void linear(LinearInput& x, const kernels::Weight& w, Buffer& fp8, kernels::Rows<float> out);
  void round_input(LinearInput& x, const kernels::Weight& w, Buffer& fp8);
  void plain_linear(kernels::Rows<const float> x,
                    const kernels::Weight& w,
                    bool round_output,
                    kernels::Rows<float> out);
  void rms_norm(kernels::Rows<const float> x, const float* weight, kernels::Rows<float> out);

  struct RopeState {
    std::vector<float> frequencies;
    Buffer memory;
    Tensor<3> table;  // [n_tokens, rope_dim / 2, 2], of this call
  };

  const ModelConfig& config_;
  const ModelWeights& weights_;
  ModelOptions options_;
  const kernels::Backend& ops_;
  kernels::Stream stream_;
  KvLayouts layouts_;
  RopeState ropes_[2];  // sliding layers; compressed layers

  Tensor<3> streams_;                // [n_tokens, hc_mult, dim]
  Tensor<2> pre_;                    // [n_tokens, hc_mult]
  Tensor<2> post_;                   // [n_tokens, hc_mult]
  Tensor<3> comb_;                   // [n_tokens, hc_mult, hc_mult]
  Tensor<2> x_;                      // [n_tokens, dim], a sublayer's input
  std::vector<int32_t> selected_;    // [n_tokens, index_topk]
  std::vector<int32_t> n_selected_;  // [n_tokens]

  struct {
    Buffer streams, wanted_streams, past_streams, draft_streams, embedded, embedded_fp8, fresh_rows,
        projected, pre, post, comb, x, x_fp8, sublayer, query, query_fp8, heads, window, values,
        gates, entries, entry_table, index_queries, head_weights, queries, low_rank, low_rank_fp8,
        router_logits, expert_weights, expert_in, gate, gate_fp8, up, expert_out, logits, targets,
        targets_fp8, markov, markov_logits;
  } buffers_;
  std::vector<uint8_t> packed_;        // rows on their way into the states
  std::vector<uint8_t> index_packed_;  // index queries
  std::atomic_flag is_computing_;
};

}  // namespace widenet::engine
