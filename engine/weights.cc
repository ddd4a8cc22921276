// From tensor names to parts.
#include "engine/weights.h"

#include "kernels/number_formats.h"

namespace widenet::engine {
namespace {

using kernels::Weight;
using kernels::WeightFormat;

class Resolver {
 public:
  Resolver(const ModelConfig& config, const Checkpoint& checkpoint)
      : c_(config), checkpoint_(checkpoint) {}

  Weight weight(const std::string& name) const {
    const TensorView& tensor = checkpoint_.get(name);
    Weight w;
    w.data = tensor.bytes.data();
    w.n_rows = tensor.shape[0];
    w.n_cols = tensor.shape[1];
    w.format = tensor.dtype == DType::f32 ? WeightFormat::f32 : WeightFormat::bf16;
    return w;
  }

  Weight linear(const std::string& stem) const {
    Weight w = weight(stem + ".weight");
    const TensorView& tensor = checkpoint_.get(stem + ".weight");
    if (tensor.dtype != DType::f8_e4m3 && tensor.dtype != DType::i8) return w;

    const TensorView& scale = checkpoint_.get(stem + ".scale");
    if (tensor.dtype == DType::i8) {
      w.format = WeightFormat::fp4;
      w.n_cols *= 2;
    } else {
      w.format = WeightFormat::fp8;
      w.block_rows = c_.block_rows;
      w.block_cols = c_.block_cols;
    }
    if (scale.dtype == DType::f32) {
      w.scales_f32 = scale.data<float>();
    } else {
      w.scales_e8m0 = scale.data<uint8_t>();
    }
    return w;
  }

  std::vector<float> norm(const std::string& name) const {
    const TensorView& tensor = checkpoint_.get(name);
    std::vector<float> values;
    for (int64_t i = 0; i < tensor.n_elements(); ++i) {
      values.push_back(kernels::bf16_to_float(tensor.data<uint16_t>()[i]));
    }
    return values;
  }

  const float* floats(const std::string& name) const { return checkpoint_.get(name).data<float>(); }

  MixerWeights mixer(const std::string& stem) const {
    return {weight(stem + "fn"), floats(stem + "base"), floats(stem + "scale")};
  }

  CompressorWeights compressor(const std::string& stem) const {
    return {weight(stem + "wkv.weight"), weight(stem + "wgate.weight"), floats(stem + "ape"),
            norm(stem + "norm.weight")};
  }

  AttentionWeights attention(const std::string& stem, int64_t layer) const {
    AttentionWeights w;
    w.query_down = linear(stem + "wq_a");
    w.query_norm = norm(stem + "q_norm.weight");
    w.query_up = linear(stem + "wq_b");
    w.rows = linear(stem + "wkv");
    w.rows_norm = norm(stem + "kv_norm.weight");
    w.sinks = floats(stem + "attn_sink");
    w.output_down = linear(stem + "wo_a");
    w.output_up = linear(stem + "wo_b");
    if (c_.ratio(layer) != 0) w.compressor = compressor(stem + "compressor.");
    if (c_.has_indexer(layer)) {
      w.indexer = IndexerWeights{linear(stem + "indexer.wq_b"),
                                 weight(stem + "indexer.weights_proj.weight"),
                                 compressor(stem + "indexer.compressor.")};
    }
    return w;
  }

  ExpertWeights expert(const std::string& stem) const {
    return {linear(stem + "w1"), linear(stem + "w3"), linear(stem + "w2")};
  }

  MoeWeights moe(const std::string& stem, int64_t layer) const {
    MoeWeights w;
    w.router = weight(stem + "gate.weight");
    if (c_.is_hash_routed(layer)) {
      w.experts_by_id = checkpoint_.get(stem + "gate.tid2eid").data<int64_t>();
    } else {
      w.bias = floats(stem + "gate.bias");
    }
    for (int64_t e = 0; e < c_.n_experts; ++e) {
      w.experts.push_back(expert(stem + "experts." + std::to_string(e) + "."));
    }
    if (c_.n_shared_experts > 0) w.shared = expert(stem + "shared_experts.");
    return w;
  }

  LayerWeights layer(const std::string& stem, int64_t layer) const {
    return {mixer(stem + "hc_attn_"),         norm(stem + "attn_norm.weight"),
            attention(stem + "attn.", layer), mixer(stem + "hc_ffn_"),
            norm(stem + "ffn_norm.weight"),   moe(stem + "ffn.", layer)};
  }

  MtpWeights mtp(const std::string& stem) const {
    return {norm(stem + "enorm.weight"), norm(stem + "hnorm.weight"), linear(stem + "e_proj"),
            linear(stem + "h_proj"),     layer(stem, c_.n_layers),    mixer(stem + "hc_head_"),
            norm(stem + "norm.weight")};
  }

  DsparkWeights dspark(const DsparkConfig& config) const {
    const std::string last = "mtp." + std::to_string(config.n_stages - 1) + ".";
    DsparkWeights w;
    w.main_projection = linear("mtp.0.main_proj");
    w.main_norm = norm("mtp.0.main_norm.weight");
    for (int64_t i = 0; i < config.n_stages; ++i) {
      w.stages.push_back(layer("mtp." + std::to_string(i) + ".", c_.n_layers + i));
    }
    w.head_mixer = mixer(last + "hc_head_");
    w.norm = norm(last + "norm.weight");
    w.markov_embedding = weight(last + "markov_head.markov_w1.weight");
    w.markov_head = weight(last + "markov_head.markov_w2.weight");
    return w;
  }

 private:
  const ModelConfig& c_;
  const Checkpoint& checkpoint_;
};

}  // namespace

ModelWeights resolve_weights(const ModelConfig& config, const Checkpoint& checkpoint) {
  const Resolver resolve(config, checkpoint);
  ModelWeights weights;
  weights.embedding = resolve.weight("embed.weight");
  for (int64_t i = 0; i < config.n_layers; ++i) {
    weights.layers.push_back(resolve.layer("layers." + std::to_string(i) + ".", i));
  }
  weights.head_mixer = resolve.mixer("hc_head_");
  weights.norm = resolve.norm("norm.weight");
  weights.head = resolve.weight(config.ties_head ? "embed.weight" : "head.weight");
  if (config.n_mtp_layers > 0) weights.mtp = resolve.mtp("mtp.0.");
  if (config.dspark.has_value()) weights.dspark = resolve.dspark(*config.dspark);
  return weights;
}

}  // namespace widenet::engine
