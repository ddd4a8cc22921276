// Model: the DeepSeek-V4 forward pass, written once against a table of kernels.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

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
// it gives depend on the tokens before it alone: not on how they were cut into calls, nor on the
// number of threads.  One call at a time; the state belongs to the caller.
class Model {
 public:
  // Config and weights outlive the model.
  Model(const ModelConfig& config, const ModelWeights& weights, const ModelOptions& options);

  enum class Logits { none, last, all };

  // Appends `tokens` (at least one) to the timeline.  The logits [1 or n_tokens, vocab_size] are
  // valid until the next call.
  kernels::View<const float, 2> forward(std::span<const TokenId> tokens,
                                        Logits wanted,
                                        KvState& state);

  const KvLayouts& layouts() const { return layouts_; }

 private:
  template <int Rank>
  using Tensor = kernels::View<float, Rank>;

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

  // What every layer of one call shares.
  struct Call {
    std::span<const TokenId> tokens;
    int64_t first_position = 0;
    int64_t n_tokens = 0;
  };

  // Activations on their way into linear layers; the FP8 copy is made when one asks for it.
  struct LinearInput {
    kernels::Rows<const float> plain;
    kernels::Rows<float> rounded;
    bool is_rounded = false;
  };

  void attention_layer(const LayerWeights& w, int64_t layer, const Call& call, LayerState& state);
  void moe_layer(const LayerWeights& w, const Call& call);

  // y = norm(pre . streams), and the mixing numbers that expand() needs afterwards.
  Tensor<2> collapse(const MixerWeights& mixer, const std::vector<float>& norm, int64_t n_tokens);
  void expand(Tensor<2> z);

  void attend(const AttentionWeights& w,
              int64_t layer,
              const Call& call,
              Tensor<2> x,
              LayerState& state,
              Tensor<2> out);
  Tensor<3> project_queries(const AttentionWeights& w, int64_t layer, LinearInput& query);
  Tensor<2> window_rows(const AttentionWeights& w,
                        int64_t layer,
                        const Call& call,
                        LinearInput& x,
                        LayerState& state);
  Tensor<2> compress(const CompressorWeights& w,
                     int64_t layer,
                     const Call& call,
                     Tensor<2> x,
                     CompressorTail& tail);
  void append_entries(Tensor<2> entries, LayerState& state);
  void append_index_keys(Tensor<2> keys, LayerState& state);
  void select_entries(const IndexerWeights& w,
                      int64_t layer,
                      const Call& call,
                      Tensor<2> x,
                      LinearInput& query,
                      const LayerState& state);
  void project_output(const AttentionWeights& w, Tensor<3> heads, Tensor<2> out);

  void run_experts(const MoeWeights& w, const Call& call, Tensor<2> x, Tensor<2> out);
  void run_expert(const ExpertWeights& w, LinearInput& x, const float* row_weights, Tensor<2> out);

  Tensor<2> compute_logits(kernels::View<const float, 3> streams);

  void fill_rope_tables(const Call& call);
  Tensor<3> rope_table(int64_t layer) { return ropes_[layer_rope(layer)].table; }
  size_t layer_rope(int64_t layer) const { return config_.ratio(layer) == 0 ? 0 : 1; }

  // Rounds where the official numerics do: to BF16 in native, not at all in exact.
  bool is_native() const { return options_.numerics == Numerics::native; }
  void linear(LinearInput& x, const kernels::Weight& w, Buffer& fp8, kernels::Rows<float> out);
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
  std::vector<int32_t> selected_;    // [n_tokens, index_topk]
  std::vector<int32_t> n_selected_;  // [n_tokens]

  struct {
    Buffer streams, projected, pre, post, comb, x, x_fp8, sublayer, query, query_fp8, heads, window,
        values, gates, entries, entry_table, index_queries, head_weights, scores, queries, low_rank,
        low_rank_fp8, router_logits, expert_weights, expert_in, expert_in_fp8, gate, gate_fp8, up,
        expert_out, logits;
  } buffers_;
  std::vector<uint8_t> packed_;        // rows on their way into the state
  std::vector<uint8_t> index_packed_;  // index queries
};

}  // namespace widenet::engine
