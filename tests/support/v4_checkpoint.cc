#include "tests/support/v4_checkpoint.h"

#include <cstring>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <numeric>

namespace widenet::test {
namespace {

using Json = nlohmann::json;

class Lister {
 public:
  Lister(const engine::ModelConfig& config, Storage storage) : c_(config), storage_(storage) {}

  std::vector<TensorSpec> list() {
    add("embed.weight", "BF16", {c_.vocab_size, c_.dim});
    if (!c_.ties_head) add("head.weight", "BF16", {c_.vocab_size, c_.dim});
    add_head("");
    for (int64_t n = 0; n < c_.n_layers; ++n) add_layer("layers." + std::to_string(n), n);
    for (int64_t n = 0; n < c_.n_mtp_layers; ++n) {
      const std::string mtp = "mtp." + std::to_string(n);
      add_layer(mtp, c_.n_layers + n);
      add_head(mtp + ".");
      for (const char* norm : {".enorm", ".hnorm"}) add(mtp + norm + ".weight", "BF16", {c_.dim});
      for (const char* proj : {".e_proj", ".h_proj"}) add_linear(mtp + proj, c_.dim, c_.dim);
    }
    if (c_.dspark.has_value()) add_dspark(*c_.dspark);
    return std::move(tensors_);
  }

 private:
  void add(const std::string& name, const char* dtype, std::vector<int64_t> shape) {
    tensors_.push_back({name, dtype, std::move(shape)});
  }

  void add_linear(const std::string& stem, int64_t rows, int64_t cols, bool is_expert = false) {
    const int64_t blocks[2] = {(rows + 127) / 128, (cols + 127) / 128};
    if (storage_ == Storage::bf16) {
      add(stem + ".weight", "BF16", {rows, cols});
    } else if (is_expert && storage_ == Storage::published) {
      add(stem + ".weight", "I8", {rows, cols / 2});
      add(stem + ".scale", "F8_E8M0", {rows, cols / 32});
    } else {
      add(stem + ".weight", "F8_E4M3", {rows, cols});
      add(stem + ".scale", is_expert ? "F32" : "F8_E8M0", {blocks[0], blocks[1]});
    }
  }

  void add_head(const std::string& prefix) {
    add(prefix + "norm.weight", "BF16", {c_.dim});
    add(prefix + "hc_head_fn", "F32", {c_.hc_mult, c_.hc_mult * c_.dim});
    add(prefix + "hc_head_base", "F32", {c_.hc_mult});
    add(prefix + "hc_head_scale", "F32", {1});
  }

  void add_dspark(const engine::DsparkConfig& dspark) {
    for (int64_t n = 0; n < dspark.n_stages; ++n) {
      add_layer("mtp." + std::to_string(n), c_.n_layers + n);
    }
    const auto n_targets = static_cast<int64_t>(dspark.target_layers.size());
    add_linear("mtp.0.main_proj", c_.dim, n_targets * c_.dim);
    add("mtp.0.main_norm.weight", "BF16", {c_.dim});
    const std::string last = "mtp." + std::to_string(dspark.n_stages - 1) + ".";
    add_head(last);
    add(last + "markov_head.markov_w1.weight", "BF16", {c_.vocab_size, dspark.markov_rank});
    add(last + "markov_head.markov_w2.weight", "BF16", {c_.vocab_size, dspark.markov_rank});
    add(last + "confidence_head.proj.weight", "BF16", {1, c_.dim + dspark.markov_rank});
  }

  void add_compressor(const std::string& stem, int64_t ratio, int64_t width) {
    const int64_t rows = (ratio == 4 ? 2 : 1) * width;
    add(stem + ".wkv.weight", "BF16", {rows, c_.dim});
    add(stem + ".wgate.weight", "BF16", {rows, c_.dim});
    add(stem + ".ape", "F32", {ratio, rows});
    add(stem + ".norm.weight", "BF16", {width});
  }

  void add_layer(const std::string& layer, int64_t n) {
    const int64_t n_mix = c_.hc_mult * (2 + c_.hc_mult);
    for (const char* part : {"attn", "ffn"}) {
      const std::string hc = layer + ".hc_" + part;
      add(hc + "_fn", "F32", {n_mix, c_.hc_mult * c_.dim});
      add(hc + "_base", "F32", {n_mix});
      add(hc + "_scale", "F32", {3});
      add(layer + "." + part + "_norm.weight", "BF16", {c_.dim});
    }
    const std::string attn = layer + ".attn.";
    const int64_t heads_dim = c_.n_heads * c_.head_dim;
    add_linear(attn + "wq_a", c_.q_lora_rank, c_.dim);
    add_linear(attn + "wq_b", heads_dim, c_.q_lora_rank);
    add_linear(attn + "wkv", c_.head_dim, c_.dim);
    add_linear(attn + "wo_a", c_.o_groups * c_.o_lora_rank, heads_dim / c_.o_groups);
    add_linear(attn + "wo_b", c_.dim, c_.o_groups * c_.o_lora_rank);
    add(attn + "q_norm.weight", "BF16", {c_.q_lora_rank});
    add(attn + "kv_norm.weight", "BF16", {c_.head_dim});
    add(attn + "attn_sink", "F32", {c_.n_heads});
    const int64_t ratio = c_.compress_ratios[static_cast<size_t>(n)];
    if (ratio != 0) add_compressor(attn + "compressor", ratio, c_.head_dim);
    if (ratio == 4) {
      const std::string indexer = attn + "indexer.";
      add_linear(indexer + "wq_b", c_.index_n_heads * c_.index_head_dim, c_.q_lora_rank);
      add(indexer + "weights_proj.weight", "BF16", {c_.index_n_heads, c_.dim});
      add_compressor(indexer + "compressor", ratio, c_.index_head_dim);
    }
    const std::string ffn = layer + ".ffn.";
    add(ffn + "gate.weight", "BF16", {c_.n_experts, c_.dim});
    if (n < c_.n_hash_layers) {
      add(ffn + "gate.tid2eid", "I64", {c_.vocab_size, c_.n_experts_per_token});
    } else {
      add(ffn + "gate.bias", "F32", {c_.n_experts});
    }
    for (int64_t k = 0; k < c_.n_experts; ++k) {
      add_swiglu(ffn + "experts." + std::to_string(k), /*is_expert=*/true);
    }
    add_swiglu(ffn + "shared_experts", /*is_expert=*/false);
  }

  void add_swiglu(const std::string& stem, bool is_expert) {
    add_linear(stem + ".w1", c_.ffn_dim, c_.dim, is_expert);
    add_linear(stem + ".w2", c_.dim, c_.ffn_dim, is_expert);
    add_linear(stem + ".w3", c_.ffn_dim, c_.dim, is_expert);
  }

  const engine::ModelConfig& c_;
  const Storage storage_;
  std::vector<TensorSpec> tensors_;
};

Json config_skeleton() {
  return {{"architectures", {"DeepseekV4ForCausalLM"}},
          {"model_type", "deepseek_v4"},
          {"num_key_value_heads", 1},
          {"rope_theta", 10000},
          {"compress_rope_theta", 160000},
          {"rope_scaling",
           {{"type", "yarn"},
            {"factor", 16},
            {"original_max_position_embeddings", 65536},
            {"beta_fast", 32},
            {"beta_slow", 1}}},
          {"max_position_embeddings", 1048576},
          {"n_shared_experts", 1},
          {"scoring_func", "sqrtsoftplus"},
          {"topk_method", "noaux_tc"},
          {"norm_topk_prob", true},
          {"swiglu_limit", 10.0},
          {"hc_mult", 4},
          {"hc_sinkhorn_iters", 20},
          {"hc_eps", 1e-6},
          {"rms_norm_eps", 1e-6},
          {"hidden_act", "silu"},
          {"num_nextn_predict_layers", 1},
          {"bos_token_id", 0},
          {"eos_token_id", 1},
          {"tie_word_embeddings", false},
          {"attention_bias", false},
          {"torch_dtype", "bfloat16"},
          {"quantization_config",
           {{"quant_method", "fp8"},
            {"fmt", "e4m3"},
            {"scale_fmt", "ue8m0"},
            {"activation_scheme", "dynamic"},
            {"weight_block_size", {128, 128}}}}};
}

}  // namespace

int64_t TensorSpec::n_bytes() const {
  const int64_t element = dtype == "I64" || dtype == "F64" ? 8
                          : dtype == "F32"                 ? 4
                          : dtype == "BF16"                ? 2
                                                           : 1;
  return std::accumulate(shape.begin(), shape.end(), element, std::multiplies<>());
}

std::vector<TensorSpec> v4_tensors(const engine::ModelConfig& config, Storage storage) {
  return Lister(config, storage).list();
}

std::string flash_config_json() {
  Json config = config_skeleton();
  Json ratios = {0, 0};
  for (int i = 0; i < 20; ++i) ratios.insert(ratios.end(), {4, 128});
  ratios.insert(ratios.end(), {4, 0});
  config.update({{"hidden_size", 4096},
                 {"num_hidden_layers", 43},
                 {"num_attention_heads", 64},
                 {"head_dim", 512},
                 {"qk_rope_head_dim", 64},
                 {"q_lora_rank", 1024},
                 {"o_lora_rank", 1024},
                 {"o_groups", 8},
                 {"sliding_window", 128},
                 {"compress_ratios", ratios},
                 {"index_n_heads", 64},
                 {"index_head_dim", 128},
                 {"index_topk", 512},
                 {"n_routed_experts", 256},
                 {"num_experts_per_tok", 6},
                 {"moe_intermediate_size", 2048},
                 {"num_hash_layers", 3},
                 {"routed_scaling_factor", 1.5},
                 {"vocab_size", 129280}});
  return config.dump();
}

std::string flash_0731_config_json() {
  Json config = Json::parse(flash_config_json());
  config["compress_ratios"].insert(config["compress_ratios"].end(), {0, 0});
  config.update({{"dspark_block_size", 5},
                 {"dspark_noise_token_id", 128799},
                 {"dspark_target_layer_ids", {40, 41, 42}},
                 {"dspark_markov_rank", 256}});
  return config.dump();
}

std::string toy_config_json() {
  Json config = config_skeleton();
  config.update({{"hidden_size", 64},
                 {"num_hidden_layers", 3},
                 {"num_attention_heads", 4},
                 {"head_dim", 32},
                 {"qk_rope_head_dim", 16},
                 {"q_lora_rank", 48},
                 {"o_lora_rank", 16},
                 {"o_groups", 2},
                 {"sliding_window", 8},
                 {"compress_ratios", {0, 4, 128, 0}},
                 {"index_n_heads", 2},
                 {"index_head_dim", 32},
                 {"index_topk", 4},
                 {"n_routed_experts", 4},
                 {"num_experts_per_tok", 2},
                 {"moe_intermediate_size", 96},
                 {"num_hash_layers", 1},
                 {"routed_scaling_factor", 2.5},
                 {"vocab_size", 50}});
  return config.dump(2);
}

std::string toy_dspark_config_json() {
  Json config = Json::parse(toy_config_json());
  config.update({{"compress_ratios", {0, 4, 128, 0, 0, 0}},
                 {"dspark_block_size", 5},
                 {"dspark_noise_token_id", 49},
                 {"dspark_target_layer_ids", {0, 2}},
                 {"dspark_markov_rank", 24}});
  return config.dump(2);
}

std::string safetensors_header(const std::vector<TensorSpec>& tensors) {
  std::string header = "{";
  int64_t offset = 0;
  for (const TensorSpec& tensor : tensors) {
    if (offset > 0) header += ",";
    header += Json(tensor.name).dump() + R"(:{"dtype":)" + Json(tensor.dtype).dump() +
              R"(,"shape":)" + Json(tensor.shape).dump() + R"(,"data_offsets":[)" +
              std::to_string(offset) + "," + std::to_string(offset + tensor.n_bytes()) + "]}";
    offset += tensor.n_bytes();
  }
  header += "}";
  header.append((8 - header.size() % 8) % 8, ' ');
  return header;
}

void write_zeros(const std::filesystem::path& file, const std::vector<TensorSpec>& tensors) {
  const std::string header = safetensors_header(tensors);
  const uint64_t size = header.size();
  std::string start(reinterpret_cast<const char*>(&size), sizeof size);
  write_text(file, start + header);
  uint64_t total = start.size() + size;
  for (const TensorSpec& tensor : tensors) total += static_cast<uint64_t>(tensor.n_bytes());
  std::filesystem::resize_file(file, total);
}

void write_zeros_sharded(const std::filesystem::path& dir,
                         const std::vector<TensorSpec>& tensors,
                         int n_shards) {
  Json weight_map = Json::object();
  for (int shard = 0; shard < n_shards; ++shard) {
    char name[64];
    std::snprintf(name, sizeof name, "model-%05d-of-%05d.safetensors", shard + 1, n_shards);
    const auto first = tensors.size() * static_cast<size_t>(shard) / static_cast<size_t>(n_shards);
    const auto last =
        tensors.size() * static_cast<size_t>(shard + 1) / static_cast<size_t>(n_shards);
    const std::vector<TensorSpec> share(tensors.begin() + static_cast<ptrdiff_t>(first),
                                        tensors.begin() + static_cast<ptrdiff_t>(last));
    for (const TensorSpec& tensor : share) weight_map[tensor.name] = name;
    write_zeros(dir / name, share);
  }
  write_text(dir / "model.safetensors.index.json", Json{{"weight_map", weight_map}}.dump());
}

void write_text(const std::filesystem::path& file, std::string_view text) {
  std::ofstream out(file, std::ios::binary);
  out.write(text.data(), static_cast<std::streamsize>(text.size()));
  if (!out.flush()) throw std::runtime_error("cannot write " + file.string());
}

}  // namespace widenet::test
