// Sizes as the published config.json files have them; the tests compare the sums of operations with
// those of the specification (6.2, 6.3) and of the report.
#include "engine/published_models.h"

namespace widenet::engine {
namespace {

// What Flash and Pro have in common.
ModelConfig v4() {
  ModelConfig config;
  config.n_mtp_layers = 1;
  config.vocab_size = 129280;
  config.positions_max = 1 << 20;
  config.head_dim = 512;
  config.rope_dim = 64;
  config.o_lora_rank = 1024;
  config.window = 128;
  config.rope_theta = 10000;
  config.compress_rope_theta = 160000;
  config.yarn =
      YarnScaling{.factor = 16, .original_positions_max = 65536, .beta_fast = 32, .beta_slow = 1};
  config.index_n_heads = 64;
  config.index_head_dim = 128;
  config.n_shared_experts = 1;
  config.n_experts_per_token = 6;
  config.n_hash_layers = 3;
  config.swiglu_limit = 10;
  config.hc_mult = 4;
  config.hc_sinkhorn_iters = 20;
  config.hc_eps = 1e-6;
  config.norm_eps = 1e-6;
  config.bos_token = 0;
  config.eos_token = 1;
  config.is_quantised = true;
  return config;
}

// Two layers of the given ratio, CSA and HCA in turn, a last CSA layer, and the MTP block.
std::vector<int64_t> layer_ratios(int64_t first_two, int n_turns) {
  std::vector<int64_t> ratios = {first_two, first_two};
  for (int i = 0; i < n_turns; ++i) ratios.insert(ratios.end(), {4, 128});
  ratios.insert(ratios.end(), {4, 0});
  return ratios;
}

}  // namespace

ModelConfig v4_flash() {
  ModelConfig config = v4();
  config.dim = 4096;
  config.n_layers = 43;
  config.n_heads = 64;
  config.q_lora_rank = 1024;
  config.o_groups = 8;
  config.compress_ratios = layer_ratios(/*first_two=*/0, /*n_turns=*/20);
  config.index_topk = 512;
  config.n_experts = 256;
  config.ffn_dim = 2048;
  config.routed_scale = 1.5;
  return config;
}

ModelConfig v4_pro() {
  ModelConfig config = v4();
  config.dim = 7168;
  config.n_layers = 61;
  config.n_heads = 128;
  config.q_lora_rank = 1536;
  config.o_groups = 16;
  config.compress_ratios = layer_ratios(/*first_two=*/128, /*n_turns=*/29);
  config.index_topk = 1024;
  config.n_experts = 384;
  config.ffn_dim = 3072;
  config.routed_scale = 2.5;
  return config;
}

LatentAttentionConfig v32() {
  return {
      .dim = 7168,
      .n_layers = 61,
      .n_dense_layers = 3,
      .n_mtp_layers = 1,
      .vocab_size = 129280,
      .n_heads = 128,
      .q_lora_rank = 1536,
      .kv_lora_rank = 512,
      .nope_dim = 128,
      .rope_dim = 64,
      .value_dim = 128,
      .index_n_heads = 64,
      .index_head_dim = 128,
      .index_topk = 2048,
      .n_experts = 256,
      .n_shared_experts = 1,
      .n_experts_per_token = 8,
      .ffn_dim = 2048,
      .dense_ffn_dim = 18432,
      .row_bytes = 512 + 4 * 4 + 2 * 64,
      .index_key_bytes = 128 + 4,
  };
}

}  // namespace widenet::engine
