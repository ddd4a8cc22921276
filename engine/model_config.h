// ModelConfig: every size and constant of a DeepSeek-V4 model, as its config.json gives them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/model_error.h"

namespace widenet::engine {

// YaRN as config.json's rope_scaling describes it; it applies to compressed layers only, at every
// length, with an attention factor of 1.
struct YarnScaling {
  double factor = 1;
  int64_t original_positions_max = 0;
  double beta_fast = 32;
  double beta_slow = 1;
};

// The DSpark draft head of V4-Flash-0731, in place of the MTP block: a few layers ("stages") that
// guess a whole block of tokens at once from what the model's last layers made of the past.
struct DsparkConfig {
  int64_t n_stages = 0;                // tensors mtp.0 to mtp.(n_stages - 1)
  int64_t block_size = 0;              // tokens guessed at once, at most; less than the window
  int64_t noise_token = 0;             // stands where the tokens to guess will be
  std::vector<int64_t> target_layers;  // whose streams are read; different, in increasing order
  int64_t markov_rank = 0;             // of the table that tells which token follows which
};

// Plain values, checked when parsed: every extent, and every product that names one, is positive
// and at most 2^24, so that the bytes of a tensor fit an int64_t, and what must divide divides.
// Nothing here is hard-wired to one model: Flash, Pro and nano differ only in these numbers.
struct ModelConfig {
  int64_t dim = 0;           // hidden_size
  int64_t n_layers = 0;      // num_hidden_layers, without those that draft
  int64_t n_mtp_layers = 0;  // 0 where the checkpoint drafts with DSpark
  std::optional<DsparkConfig> dspark;
  int64_t vocab_size = 0;
  bool ties_head = false;     // tie_word_embeddings: the head is the embedding's tensor
  int64_t positions_max = 0;  // max_position_embeddings

  // Attention.  The last rope_dim channels of each head_dim-wide vector are rotated.
  int64_t n_heads = 0;
  int64_t head_dim = 0;
  int64_t rope_dim = 0;
  int64_t q_lora_rank = 0;
  int64_t o_lora_rank = 0;
  int64_t o_groups = 0;  // divides n_heads
  int64_t window = 0;    // sliding_window: how many positions a query sees, itself included
  double rope_theta = 0;
  double compress_rope_theta = 0;
  std::optional<YarnScaling> yarn;

  // [n_layers + n_draft_layers()]: 0 sliding window only, 4 CSA (overlapping compressor and
  // indexer), any other value HCA (plain compressor of that ratio).  Layers that draft have 0.
  std::vector<int64_t> compress_ratios;

  // Lightning indexer, in CSA layers.
  int64_t index_n_heads = 0;
  int64_t index_head_dim = 0;
  int64_t index_topk = 0;

  // Mixture of experts, in every layer; the first n_hash_layers choose by token id.
  int64_t n_experts = 0;
  int64_t n_shared_experts = 0;
  int64_t n_experts_per_token = 0;
  int64_t ffn_dim = 0;  // moe_intermediate_size
  int64_t n_hash_layers = 0;
  bool normalise_topk = true;  // norm_topk_prob
  double routed_scale = 1;     // routed_scaling_factor
  double swiglu_limit = 0;     // 0: no clamp

  // Hyper-connections (mHC).
  int64_t hc_mult = 0;
  int64_t hc_sinkhorn_iters = 0;
  double hc_eps = 0;
  double norm_eps = 0;  // rms_norm_eps

  int64_t bos_token = 0;
  int64_t eos_token = 0;

  // Whether there is a quantization_config: then FP8 weights carry one E8M0 scale for each block of
  // [block_rows, block_cols], and `native` numerics quantise activations.
  bool is_quantised = false;
  int64_t block_rows = 128;
  int64_t block_cols = 128;

  static constexpr int64_t kOverlappingRatio = 4;

  // Layers that draft (of the MTP block, or DSpark's stages) are numbered from n_layers on.
  int64_t n_draft_layers() const { return dspark.has_value() ? dspark->n_stages : n_mtp_layers; }
  bool is_draft(int64_t layer) const { return layer >= n_layers; }
  bool is_hash_routed(int64_t layer) const { return layer < n_hash_layers; }
  int64_t ratio(int64_t layer) const { return compress_ratios[static_cast<size_t>(layer)]; }
  bool has_indexer(int64_t layer) const { return ratio(layer) == kOverlappingRatio; }
  // Channels of a compressor's projections per channel of its entries: two where windows overlap.
  int64_t compressor_halves(int64_t layer) const { return has_indexer(layer) ? 2 : 1; }
};

// Both throw ModelError naming the key, its value and what it should be.  `origin` is only quoted
// in messages.
ModelConfig parse_model_config(std::string_view json, std::string_view origin);
ModelConfig load_model_config(const std::filesystem::path& model_dir);

}  // namespace widenet::engine
