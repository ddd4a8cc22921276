// ModelWeights: the checkpoint's tensors by the part they play in the forward pass.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/checkpoint.h"
#include "engine/model_config.h"
#include "kernels/weight.h"

namespace widenet::engine {

// One hyper-connection: M streams, n_mix = (2 + M) M mixing numbers (the final head: M).
struct MixerWeights {
  kernels::Weight projection;    // fn [n_mix, M * dim]
  const float* base = nullptr;   // [n_mix]
  const float* scale = nullptr;  // [3] (head: [1])
};

struct CompressorWeights {
  kernels::Weight values;                     // wkv [halves * width, dim]
  kernels::Weight gates;                      // wgate [halves * width, dim]
  const float* position_embedding = nullptr;  // ape [ratio, halves * width]
  std::vector<float> norm;                    // [width]
};

struct IndexerWeights {
  kernels::Weight queries;       // wq_b [index_n_heads * index_head_dim, q_lora_rank]
  kernels::Weight head_weights;  // weights_proj [index_n_heads, dim]
  CompressorWeights compressor;  // of width index_head_dim
};

struct AttentionWeights {
  kernels::Weight query_down;     // wq_a [q_lora_rank, dim]
  std::vector<float> query_norm;  // [q_lora_rank]
  kernels::Weight query_up;       // wq_b [n_heads * head_dim, q_lora_rank]
  kernels::Weight rows;           // wkv [head_dim, dim]
  std::vector<float> rows_norm;   // [head_dim]
  const float* sinks = nullptr;   // [n_heads]
  kernels::Weight output_down;    // wo_a [o_groups * o_lora_rank, n_heads * head_dim / o_groups]
  kernels::Weight output_up;      // wo_b [dim, o_groups * o_lora_rank]
  std::optional<CompressorWeights> compressor;  // ratio != 0, of width head_dim
  std::optional<IndexerWeights> indexer;        // ratio 4
};

struct ExpertWeights {
  kernels::Weight gate;  // w1 [ffn_dim, dim]
  kernels::Weight up;    // w3 [ffn_dim, dim]
  kernels::Weight down;  // w2 [dim, ffn_dim]
};

struct MoeWeights {
  kernels::Weight router;                  // gate.weight [n_experts, dim]
  const float* bias = nullptr;             // [n_experts], unless hash-routed
  const int64_t* experts_by_id = nullptr;  // tid2eid [vocab_size, n_experts_per_token], if so
  std::vector<ExpertWeights> experts;      // [n_experts]
  std::optional<ExpertWeights> shared;
};

struct LayerWeights {
  MixerWeights attention_mixer;
  std::vector<float> attention_norm;  // [dim]
  AttentionWeights attention;
  MixerWeights ffn_mixer;
  std::vector<float> ffn_norm;  // [dim]
  MoeWeights ffn;
};

// Multi-token prediction (MTP): one more layer that guesses the token after the next.
struct MtpWeights {
  std::vector<float> embedding_norm;     // enorm [dim]
  std::vector<float> streams_norm;       // hnorm [dim]
  kernels::Weight embedding_projection;  // e_proj [dim, dim]
  kernels::Weight streams_projection;    // h_proj [dim, dim]
  LayerWeights layer;
  MixerWeights head_mixer;
  std::vector<float> norm;  // [dim]
};

// DSpark: stages that guess a block of tokens.  confidence_head is not resolved: how many guesses
// pay is learnt from how many were right (draft_length.h).
struct DsparkWeights {
  kernels::Weight main_projection;   // main_proj [dim, n_targets * dim]
  std::vector<float> main_norm;      // [dim]
  std::vector<LayerWeights> stages;  // [n_stages]
  MixerWeights head_mixer;
  std::vector<float> norm;           // [dim]
  kernels::Weight markov_embedding;  // markov_w1 [vocab_size, markov_rank]
  kernels::Weight markov_head;       // markov_w2 [vocab_size, markov_rank]
};

// Points into the checkpoint, which outlives it; only the norms are copied, to float32.
struct ModelWeights {
  kernels::Weight embedding;  // [vocab_size, dim]
  std::vector<LayerWeights> layers;
  MixerWeights head_mixer;
  std::vector<float> norm;        // [dim]
  kernels::Weight head;           // [vocab_size, dim]
  std::optional<MtpWeights> mtp;  // the first MTP block, if there is one
  std::optional<DsparkWeights> dspark;
};

// The checkpoint has passed validate_inventory().
ModelWeights resolve_weights(const ModelConfig& config, const Checkpoint& checkpoint);

}  // namespace widenet::engine
