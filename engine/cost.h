// What one token costs: floating-point operations and bytes of key/value state, by part of the
// model, from its sizes alone.  Pure arithmetic: nothing is loaded and nothing runs.
//
// Counted are multiply-adds, as two operations each, of matrix products and of attention; sources
// are sections 2, 3 and 6 of the V4 specification and the DeepSeek-V3.2 report.  Not counted is
// what is done element by element: norms, rotations, softmaxes, activations, Sinkhorn steps, the
// pooling of compressors, the mixing of streams, the indexer's ReLU and sum over heads.  Its
// largest share, the last, is 0.5% of V4-Flash at a context of one million.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "engine/kv_state.h"
#include "engine/model_config.h"

namespace widenet::engine {

// The sizes of DeepSeek-V3.2 that its cost depends on: multi-head latent attention, where a shared
// latent vector is key and value of all heads, over the positions that the lightning indexer
// selects; its decoding form, with the up-projections absorbed into queries and outputs.
struct LatentAttentionConfig {
  int64_t dim = 0;
  int64_t n_layers = 0;
  int64_t n_dense_layers = 0;  // the first ones: one wide MLP, no experts
  int64_t n_mtp_layers = 0;
  int64_t vocab_size = 0;

  int64_t n_heads = 0;
  int64_t q_lora_rank = 0;
  int64_t kv_lora_rank = 0;
  int64_t nope_dim = 0;   // channels of a head's query that are not rotated
  int64_t rope_dim = 0;   // and those that are
  int64_t value_dim = 0;  // of a head

  int64_t index_n_heads = 0;
  int64_t index_head_dim = 0;
  int64_t index_topk = 0;  // positions

  int64_t n_experts = 0;
  int64_t n_shared_experts = 0;
  int64_t n_experts_per_token = 0;
  int64_t ffn_dim = 0;        // of an expert
  int64_t dense_ffn_dim = 0;  // of a dense layer

  int64_t row_bytes = 0;        // state of one position in one layer
  int64_t index_key_bytes = 0;  // likewise
};

// The parts that operations are counted by.  A model lacks some: V3.2 has no mHC, V4 no dense MLP.
enum class Part {
  head,              // logits; looking an embedding up is no arithmetic
  hyper_connection,  // mHC projections around every sub-layer and before the head
  projections,       // of queries, of key/value rows, and of the heads' outputs
  compressors,       // of the main attention
  indexer,           // its projections and its own compressor
  index_scores,      // its queries against the index keys
  window,            // attention to the sliding window
  selected,          // attention to what the indexer selected
  heavy,             // attention to all entries of HCA layers
  router,
  routed_experts,
  shared_experts,
  dense_ffn,
};
constexpr size_t kParts = 13;

const char* name_of(Part part);

// Operations by the narrowest format that both factors of a product have in the published code
// (section 4 of the specification).  FP4 weights times FP8 activations count as FP8: on the
// hardware there is they run no faster (V4 report, section 1).  Float32 counts as BF16.
//
// double, because a long prompt takes more than 2^63; exact below 2^53.
struct Flops {
  double fp4 = 0;
  double fp8 = 0;
  double bf16 = 0;

  double total() const { return fp4 + fp8 + bf16; }
  // "Equivalent FP8 FLOPs": what takes tensor cores as long.  They multiply FP8 twice as fast as
  // BF16 and half as fast as FP4.
  double fp8_equivalent() const { return fp4 / 2 + fp8 + 2 * bf16; }

  Flops& operator+=(const Flops& other);
};

struct CostByPart {
  std::array<Flops, kParts> parts;
  // The MTP block for the same tokens, all parts together, its head once.  Not in total(): a model
  // that does not draft does not run it.
  Flops mtp;

  Flops& operator[](Part part) { return parts[static_cast<size_t>(part)]; }
  const Flops& operator[](Part part) const { return parts[static_cast<size_t>(part)]; }
  Flops total() const;
};

// Tokens `first` to first + count - 1 of a timeline, with logits after the last one only.
// first >= 0, count >= 1, first + count <= kContextMax.
struct TokenRange {
  int64_t first = 0;
  int64_t count = 1;
};
constexpr int64_t kContextMax = int64_t{1} << 24;  // what the arithmetic on bytes has room for

// The token that makes the context `context` tokens long (itself included), and a whole prompt.
inline TokenRange decode_range(int64_t context) {
  return {context - 1, 1};
}
inline TokenRange prefill_range(int64_t n_tokens) {
  return {0, n_tokens};
}

// Index scores are counted at every length, as the published code computes them; this engine
// leaves them out where everything visible would be selected (up to 4 * index_topk tokens).
CostByPart count_flops(const ModelConfig& config, TokenRange range);
CostByPart count_flops(const LatentAttentionConfig& config, TokenRange range);

// What a timeline of n_tokens stores, computed from sizes.  For a V4 model this is what KvState
// holds: equal to stored_bytes() of a session of that length.  MTP blocks are not in it.
KvBytes count_kv_bytes(const ModelConfig& config, const KvLayouts& layouts, int64_t n_tokens);
KvBytes count_kv_bytes(const LatentAttentionConfig& config, int64_t n_tokens);

}  // namespace widenet::engine
