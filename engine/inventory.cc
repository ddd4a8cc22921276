// Which tensors a V4 checkpoint has, with their types and shapes.
#include "engine/inventory.h"

#include <string>

namespace widenet::engine {
namespace {

int64_t divide_up(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

class Inventory {
 public:
  Inventory(const ModelConfig& config, TensorVisitor& visitor) : c_(config), visitor_(visitor) {}

  void visit_all() const {
    plain("embed.weight", DType::bf16, {c_.vocab_size, c_.dim});
    for (int64_t layer = 0; layer < c_.n_layers; ++layer) {
      visit_layer("layers." + std::to_string(layer) + ".", layer);
    }
    visit_head("");
    if (!c_.ties_head) plain("head.weight", DType::bf16, {c_.vocab_size, c_.dim});
    for (int64_t i = 0; i < c_.n_mtp_layers; ++i) visit_mtp("mtp." + std::to_string(i) + ".", i);
    if (c_.dspark.has_value()) visit_dspark(*c_.dspark);
  }

 private:
  struct MatrixShape {
    int64_t rows, cols;
  };

  void plain(const std::string& name, DType dtype, std::initializer_list<int64_t> shape) const {
    visitor_.visit(name, dtype, shape);
  }

  // FP8 with a scale per block, or BF16 without.
  void linear(const std::string& stem, MatrixShape shape) const {
    const std::string weight = stem + ".weight";
    if (visitor_.dtype_of(weight, DType::f8_e4m3) == DType::bf16) {
      plain(weight, DType::bf16, {shape.rows, shape.cols});
      return;
    }
    plain(weight, DType::f8_e4m3, {shape.rows, shape.cols});
    const std::string scale = stem + ".scale";
    const bool is_float =  // experts of -Base
        visitor_.dtype_of(scale, DType::f8_e8m0) == DType::f32;
    plain(scale, is_float ? DType::f32 : DType::f8_e8m0,
          {divide_up(shape.rows, c_.block_rows), divide_up(shape.cols, c_.block_cols)});
  }

  // Packed FP4 with a scale per 32 columns, or what any linear may be.
  void expert_linear(const std::string& stem, MatrixShape shape) const {
    const std::string weight = stem + ".weight";
    if (visitor_.dtype_of(weight, DType::i8) != DType::i8) {
      linear(stem, shape);
      return;
    }
    plain(weight, DType::i8, {shape.rows, shape.cols / 2});
    if (shape.cols % 32 != 0) {
      throw ModelError("cannot load the model: tensor \"" + weight + "\" is packed FP4 with " +
                       std::to_string(shape.cols) + " columns, which is not a multiple of 32");
    }
    plain(stem + ".scale", DType::f8_e8m0, {shape.rows, shape.cols / 32});
  }

  void visit_layer(const std::string& prefix, int64_t layer) const {
    visit_mixer(prefix + "hc_attn_");
    plain(prefix + "attn_norm.weight", DType::bf16, {c_.dim});
    visit_attention(prefix + "attn.", layer);
    visit_mixer(prefix + "hc_ffn_");
    plain(prefix + "ffn_norm.weight", DType::bf16, {c_.dim});
    visit_experts(prefix + "ffn.", layer);
  }

  // A hyper-connection's three parts, around one sub-layer.
  void visit_mixer(const std::string& stem) const {
    const int64_t n_mix = (2 + c_.hc_mult) * c_.hc_mult;
    plain(stem + "fn", DType::f32, {n_mix, c_.hc_mult * c_.dim});
    plain(stem + "base", DType::f32, {n_mix});
    plain(stem + "scale", DType::f32, {3});
  }

  // The final norm and the reduction of the streams: the model's, or a draft head's own.
  void visit_head(const std::string& prefix) const {
    plain(prefix + "norm.weight", DType::bf16, {c_.dim});
    plain(prefix + "hc_head_fn", DType::f32, {c_.hc_mult, c_.hc_mult * c_.dim});
    plain(prefix + "hc_head_base", DType::f32, {c_.hc_mult});
    plain(prefix + "hc_head_scale", DType::f32, {1});
  }

  void visit_attention(const std::string& prefix, int64_t layer) const {
    const int64_t q_dim = c_.n_heads * c_.head_dim;
    const int64_t o_dim = c_.o_groups * c_.o_lora_rank;
    linear(prefix + "wq_a", {c_.q_lora_rank, c_.dim});
    plain(prefix + "q_norm.weight", DType::bf16, {c_.q_lora_rank});
    linear(prefix + "wq_b", {q_dim, c_.q_lora_rank});
    linear(prefix + "wkv", {c_.head_dim, c_.dim});
    plain(prefix + "kv_norm.weight", DType::bf16, {c_.head_dim});
    plain(prefix + "attn_sink", DType::f32, {c_.n_heads});
    linear(prefix + "wo_a", {o_dim, q_dim / c_.o_groups});
    linear(prefix + "wo_b", {c_.dim, o_dim});
    if (c_.ratio(layer) == 0) return;
    visit_compressor(prefix + "compressor.", c_.head_dim, layer);
    if (!c_.has_indexer(layer)) return;
    linear(prefix + "indexer.wq_b", {c_.index_n_heads * c_.index_head_dim, c_.q_lora_rank});
    plain(prefix + "indexer.weights_proj.weight", DType::bf16, {c_.index_n_heads, c_.dim});
    visit_compressor(prefix + "indexer.compressor.", c_.index_head_dim, layer);
  }

  void visit_compressor(const std::string& prefix, int64_t width, int64_t layer) const {
    const int64_t rows = c_.compressor_halves(layer) * width;
    plain(prefix + "wkv.weight", DType::bf16, {rows, c_.dim});
    plain(prefix + "wgate.weight", DType::bf16, {rows, c_.dim});
    plain(prefix + "ape", DType::f32, {c_.ratio(layer), rows});
    plain(prefix + "norm.weight", DType::bf16, {width});
  }

  void visit_experts(const std::string& prefix, int64_t layer) const {
    plain(prefix + "gate.weight", DType::bf16, {c_.n_experts, c_.dim});
    if (c_.is_hash_routed(layer)) {
      plain(prefix + "gate.tid2eid", DType::i64, {c_.vocab_size, c_.n_experts_per_token});
    } else {
      plain(prefix + "gate.bias", DType::f32, {c_.n_experts});
    }
    for (int64_t expert = 0; expert < c_.n_experts; ++expert) {
      const std::string stem = prefix + "experts." + std::to_string(expert) + ".";
      expert_linear(stem + "w1", {c_.ffn_dim, c_.dim});
      expert_linear(stem + "w2", {c_.dim, c_.ffn_dim});
      expert_linear(stem + "w3", {c_.ffn_dim, c_.dim});
    }
    if (c_.n_shared_experts == 0) return;
    const int64_t shared_dim = c_.n_shared_experts * c_.ffn_dim;
    linear(prefix + "shared_experts.w1", {shared_dim, c_.dim});
    linear(prefix + "shared_experts.w2", {c_.dim, shared_dim});
    linear(prefix + "shared_experts.w3", {shared_dim, c_.dim});
  }

  void visit_mtp(const std::string& prefix, int64_t i) const {
    linear(prefix + "e_proj", {c_.dim, c_.dim});
    linear(prefix + "h_proj", {c_.dim, c_.dim});
    plain(prefix + "enorm.weight", DType::bf16, {c_.dim});
    plain(prefix + "hnorm.weight", DType::bf16, {c_.dim});
    visit_layer(prefix, c_.n_layers + i);
    visit_head(prefix);
  }

  // The stages, with the way in before the first and the way out behind the last.  Embedding and
  // head are the model's.  The markov_head prefix is that of the published headers.
  void visit_dspark(const DsparkConfig& dspark) const {
    linear("mtp.0.main_proj", {c_.dim, static_cast<int64_t>(dspark.target_layers.size()) * c_.dim});
    plain("mtp.0.main_norm.weight", DType::bf16, {c_.dim});
    for (int64_t i = 0; i < dspark.n_stages; ++i) {
      visit_layer("mtp." + std::to_string(i) + ".", c_.n_layers + i);
    }
    const std::string last = "mtp." + std::to_string(dspark.n_stages - 1) + ".";
    visit_head(last);
    for (const char* table : {"markov_head.markov_w1.weight", "markov_head.markov_w2.weight"}) {
      plain(last + table, DType::bf16, {c_.vocab_size, dspark.markov_rank});
    }
    plain(last + "confidence_head.proj.weight", DType::bf16, {1, c_.dim + dspark.markov_rank});
  }

  const ModelConfig& c_;
  TensorVisitor& visitor_;
};

class Validator final : public TensorVisitor {
 public:
  Validator(const ModelConfig& config, const Checkpoint& checkpoint)
      : config_(config), checkpoint_(checkpoint) {}

  DType dtype_of(const std::string& name, DType) override { return checkpoint_.get(name).dtype; }

  void visit(const std::string& name, DType dtype, std::initializer_list<int64_t> shape) override {
    const TensorView& tensor = checkpoint_.get(name, dtype, shape);
    if (dtype == DType::i64) check_experts_by_id(name, tensor);
  }

 private:
  // The table's values choose experts, so they are checked as well.
  void check_experts_by_id(const std::string& name, const TensorView& table) const {
    const int64_t* expert = table.data<int64_t>();
    for (int64_t i = 0; i < table.n_elements(); ++i) {
      if (expert[i] >= 0 && expert[i] < config_.n_experts) continue;
      throw ModelError("cannot load the model: tensor \"" + name + "\" sends token " +
                       std::to_string(i / config_.n_experts_per_token) + " to expert " +
                       std::to_string(expert[i]) + " of " + std::to_string(config_.n_experts));
    }
  }

  const ModelConfig& config_;
  const Checkpoint& checkpoint_;
};

}  // namespace

void visit_inventory(const ModelConfig& config, TensorVisitor& visitor) {
  Inventory(config, visitor).visit_all();
}

void validate_inventory(const ModelConfig& config, const Checkpoint& checkpoint) {
  Validator validator(config, checkpoint);
  visit_inventory(config, validator);
}

void drop_missing_dspark(const Checkpoint& checkpoint, ModelConfig& config) {
  const auto first = checkpoint.tensors().lower_bound("mtp.");
  const bool has_head = first != checkpoint.tensors().end() && first->first.starts_with("mtp.");
  if (!config.dspark.has_value() || has_head) return;
  config.dspark.reset();
  config.compress_ratios.resize(static_cast<size_t>(config.n_layers));
}

}  // namespace widenet::engine
