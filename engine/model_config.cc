// Reads config.json.  Key names are those of the published checkpoints; where later versions of
// Hugging Face transformers write other ones for the same fact, those are read too.
#include "engine/model_config.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/file.h"

namespace widenet::engine {
namespace {

using Json = nlohmann::json;

constexpr size_t kConfigBytesMax = size_t{1} << 20;
constexpr int64_t kExtentMax = int64_t{1} << 24;

// Keys of one JSON object, read with bounds.
class Reader {
 public:
  Reader(const Json& object, std::string where) : object_(object), where_(std::move(where)) {}

  [[noreturn]] void refuse(const std::string& key, const std::string& why) const {
    throw ModelError("cannot use " + where_ + ": \"" + key + "\" " + why);
  }

  const Json* find(const char* key) const {
    const auto it = object_.find(key);
    return it == object_.end() || it->is_null() ? nullptr : &*it;
  }

  const Json& get(const char* key) const {
    const Json* value = find(key);
    if (value == nullptr) refuse(key, "is missing (is this a DeepSeek-V4 config.json?)");
    return *value;
  }

  struct Bounds {
    double low, high;
  };

  int64_t integer(const char* key, Bounds bounds) const {
    const Json& value = get(key);
    if (!value.is_number_integer()) refuse_value(key, value, "an integer", bounds);
    // Unsigned values above INT64_MAX do not fit; as doubles they are out of every bound used here.
    const auto as_double = value.get<double>();
    if (as_double < bounds.low || as_double > bounds.high) {
      refuse_value(key, value, "an integer", bounds);
    }
    return value.get<int64_t>();
  }

  int64_t integer_or(const char* key, Bounds bounds, int64_t fallback) const {
    return find(key) == nullptr ? fallback : integer(key, bounds);
  }

  int64_t extent(const char* key) const {
    return integer(key, {.low = 1, .high = static_cast<double>(kExtentMax)});
  }

  double number(const char* key, Bounds bounds) const {
    const Json& value = get(key);
    if (!value.is_number()) refuse_value(key, value, "a number", bounds);
    const auto number = value.get<double>();
    if (!(number >= bounds.low && number <= bounds.high)) {
      refuse_value(key, value, "a number", bounds);
    }
    return number;
  }

  double number_or(const char* key, Bounds bounds, double fallback) const {
    return find(key) == nullptr ? fallback : number(key, bounds);
  }

  bool boolean_or(const char* key, bool fallback) const {
    const Json* value = find(key);
    if (value == nullptr) return fallback;
    if (!value->is_boolean()) refuse(key, "is " + shown(*value) + ", not true or false");
    return value->get<bool>();
  }

  // A setting of which only one value is implemented; it may be absent.
  void only(const char* key, const Json& wanted) const {
    const Json* value = find(key);
    if (value != nullptr && *value != wanted) {
      refuse(key, "is " + shown(*value) + "; only " + wanted.dump() + " is supported");
    }
  }

  Reader inner(const char* key, const Json& value) const {
    if (!value.is_object()) refuse(key, "is " + shown(value) + ", not an object");
    return {value, where_ + ", " + key};
  }

  static Json bound_of(double bound) {  // whole numbers are shown as such
    return bound == std::floor(bound) ? Json(static_cast<int64_t>(bound)) : Json(bound);
  }

  static std::string shown(const Json& value) {
    std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
    if (text.size() > 60) text = text.substr(0, 60) + "...";
    return text;
  }

 private:
  [[noreturn]] void refuse_value(const char* key,
                                 const Json& value,
                                 const std::string& kind,
                                 Bounds bounds) const {
    refuse(key, "is " + shown(value) + ", not " + kind + " from " + shown(bound_of(bounds.low)) +
                    " to " + shown(bound_of(bounds.high)));
  }

  const Json& object_;
  std::string where_;
};

void read_sizes(const Reader& in, ModelConfig& config) {
  config.dim = in.extent("hidden_size");
  config.n_layers = in.integer("num_hidden_layers", {.low = 1, .high = 1024});
  config.vocab_size = in.extent("vocab_size");
  config.positions_max = in.integer("max_position_embeddings", {.low = 1, .high = 1e9});
  config.norm_eps = in.number("rms_norm_eps", {.low = 0, .high = 1});

  const Reader::Bounds token = {.low = 0, .high = static_cast<double>(config.vocab_size - 1)};
  config.bos_token = in.integer("bos_token_id", token);
  const Json& eos = in.get("eos_token_id");
  if (eos.is_array() && !eos.empty()) {  // several: the first one ends a turn
    config.eos_token = in.inner("eos_token_id", Json{{"first", eos[0]}}).integer("first", token);
  } else {
    config.eos_token = in.integer("eos_token_id", token);
  }
}

// How many layers draft, and how.  With DSpark num_nextn_predict_layers still says 1, and no key of
// config.json counts the stages: compress_ratios has an entry for each behind those of the layers,
// and where it has none there are 3, as in every published checkpoint.
void read_drafting(const Reader& in, ModelConfig& config) {
  const int64_t n_mtp = in.integer_or("num_nextn_predict_layers", {.low = 0, .high = 8}, 0);
  if (in.find("dspark_block_size") == nullptr) {
    config.n_mtp_layers = n_mtp;
    return;
  }
  DsparkConfig dspark;
  dspark.block_size = in.integer("dspark_block_size", {.low = 1, .high = 64});
  dspark.noise_token = in.integer("dspark_noise_token_id",
                                  {.low = 0, .high = static_cast<double>(config.vocab_size - 1)});
  dspark.markov_rank = in.extent("dspark_markov_rank");

  const char* const key = "dspark_target_layer_ids";
  const Json& targets = in.get(key);
  if (!targets.is_array() || targets.empty()) {
    in.refuse(key, "is " + Reader::shown(targets) + ", not a list of layers");
  }
  for (const Json& target : targets) {
    const int64_t layer =
        in.inner(key, Json{{"entry", target}})
            .integer("entry", {.low = 0, .high = static_cast<double>(config.n_layers - 1)});
    if (!dspark.target_layers.empty() && layer <= dspark.target_layers.back()) {
      in.refuse(key, "is " + Reader::shown(targets) + ", which does not increase");
    }
    dspark.target_layers.push_back(layer);
  }

  const Json* ratios = in.find("compress_ratios");
  const int64_t n_ratios =
      ratios != nullptr && ratios->is_array() ? static_cast<int64_t>(ratios->size()) : 0;
  dspark.n_stages = n_ratios > config.n_layers ? n_ratios - config.n_layers : 3;
  if (dspark.n_stages > 8) {
    in.refuse("compress_ratios", "has " + std::to_string(n_ratios) +
                                     " entries, which makes more than 8 DSpark stages");
  }
  config.dspark = dspark;
}

void read_attention(const Reader& in, ModelConfig& config) {
  config.n_heads = in.extent("num_attention_heads");
  config.head_dim = in.extent("head_dim");
  config.rope_dim = in.extent("qk_rope_head_dim");
  config.q_lora_rank = in.extent("q_lora_rank");
  config.o_lora_rank = in.extent("o_lora_rank");
  config.o_groups = in.extent("o_groups");
  config.window = in.integer("sliding_window", {.low = 1, .high = 65536});
  config.index_n_heads = in.extent("index_n_heads");
  config.index_head_dim = in.extent("index_head_dim");
  config.index_topk = in.integer("index_topk", {.low = 1, .high = 1 << 20});
}

void read_experts(const Reader& in, ModelConfig& config) {
  config.n_experts = in.integer("n_routed_experts", {.low = 1, .high = 65536});
  config.n_shared_experts = in.integer("n_shared_experts", {.low = 0, .high = 64});
  config.n_experts_per_token =
      in.integer("num_experts_per_tok", {.low = 1, .high = static_cast<double>(config.n_experts)});
  config.ffn_dim = in.extent("moe_intermediate_size");
  config.n_hash_layers =
      in.integer("num_hash_layers", {.low = 0, .high = static_cast<double>(config.n_layers)});
  config.normalise_topk = in.boolean_or("norm_topk_prob", true);
  config.ties_head = in.boolean_or("tie_word_embeddings", false);
  config.routed_scale = in.number("routed_scaling_factor", {.low = 0, .high = 1e6});
  config.swiglu_limit = in.number("swiglu_limit", {.low = 0, .high = 1e6});

  config.hc_mult = in.integer("hc_mult", {.low = 1, .high = 64});
  config.hc_sinkhorn_iters = in.integer("hc_sinkhorn_iters", {.low = 1, .high = 1000});
  config.hc_eps = in.number("hc_eps", {.low = 0, .high = 1});
}

// compress_ratios, or the layer_types and compress_rates of newer transformers.
void read_ratios(const Reader& in, ModelConfig& config) {
  const auto n_layers = static_cast<size_t>(config.n_layers);
  const auto n_all = n_layers + static_cast<size_t>(config.n_draft_layers());
  const Json* ratios = in.find("compress_ratios");
  Json from_types = Json::array();
  if (ratios == nullptr && in.find("layer_types") != nullptr) {
    Json rates = {{"sliding_attention", 0},
                  {"compressed_sparse_attention", 4},
                  {"heavily_compressed_attention", 128}};
    if (const Json* given = in.find("compress_rates")) rates.update(*given);
    const Json& types = in.get("layer_types");
    for (const Json& type : types) {
      if (!type.is_string() || !rates.contains(type.get<std::string>())) {
        in.refuse("layer_types", "has the unknown entry " + Reader::shown(type));
      }
      from_types.push_back(rates[type.get<std::string>()]);
    }
    ratios = &from_types;
  }
  if (ratios == nullptr) ratios = &in.get("compress_ratios");
  if (!ratios->is_array() || ratios->size() < n_layers) {
    in.refuse("compress_ratios", "is not a list of at least num_hidden_layers = " +
                                     std::to_string(n_layers) + " integers");
  }
  for (size_t i = 0; i < std::min(n_all, ratios->size()); ++i) {
    const std::string key = "compress_ratios, entry " + std::to_string(i);
    const Json entry = {{key, (*ratios)[i]}};
    config.compress_ratios.push_back(
        in.inner("compress_ratios", entry).integer(key.c_str(), {.low = 0, .high = 65536}));
    if (i >= n_layers && config.compress_ratios.back() != 0) {
      in.refuse("compress_ratios", "compresses a layer that drafts, which V4 does not");
    }
  }
  config.compress_ratios.resize(n_all, 0);
}

// `scaling` is rope_scaling, or rope_parameters' "compress" part.
void read_yarn(const Reader& scaling, ModelConfig& config) {
  const Json* type = scaling.find("rope_type");
  if (type == nullptr) type = scaling.find("type");
  if (type == nullptr || *type == "default") return;
  if (*type != "yarn") scaling.refuse("type", "is " + Reader::shown(*type) + ", not \"yarn\"");
  YarnScaling yarn;
  yarn.factor = scaling.number("factor", {.low = 1, .high = 1e6});
  yarn.original_positions_max =
      scaling.integer("original_max_position_embeddings", {.low = 1, .high = 1e9});
  yarn.beta_fast = scaling.number_or("beta_fast", {.low = 1e-3, .high = 1e6}, 32);
  yarn.beta_slow = scaling.number_or("beta_slow", {.low = 1e-3, .high = 1e6}, 1);
  config.yarn = yarn;
}

void read_rope(const Reader& in, ModelConfig& config) {
  const Reader::Bounds theta = {.low = 1.001, .high = 1e12};
  const Json* nested = in.find("rope_parameters");
  if (nested != nullptr && nested->is_object() && nested->contains("compress")) {
    const Reader both = in.inner("rope_parameters", *nested);
    const Reader main = both.inner("main", both.get("main"));
    const Reader compress = both.inner("compress", both.get("compress"));
    config.rope_theta = main.number("rope_theta", theta);
    config.compress_rope_theta = compress.number("rope_theta", theta);
    read_yarn(compress, config);
    return;
  }
  config.rope_theta = in.number("rope_theta", theta);
  config.compress_rope_theta = in.number("compress_rope_theta", theta);
  const Json* scaling = nested != nullptr ? nested : in.find("rope_scaling");
  if (scaling != nullptr) read_yarn(in.inner("rope_scaling", *scaling), config);
}

void read_quantisation(const Reader& in, ModelConfig& config) {
  const Json* given = in.find("quantization_config");
  if (given == nullptr) return;
  const Reader quantisation = in.inner("quantization_config", *given);
  quantisation.only("quant_method", "fp8");
  quantisation.only("fmt", "e4m3");
  quantisation.only("scale_fmt", "ue8m0");
  quantisation.only("activation_scheme", "dynamic");
  config.is_quantised = true;
  const Json* block = quantisation.find("weight_block_size");
  if (block == nullptr) return;
  if (!block->is_array() || block->size() != 2) {
    quantisation.refuse("weight_block_size", "is " + Reader::shown(*block) + ", not two integers");
  }
  const Json sides = {{"rows", (*block)[0]}, {"columns", (*block)[1]}};
  const Reader sides_in = quantisation.inner("weight_block_size", sides);
  config.block_rows = sides_in.extent("rows");
  config.block_cols = sides_in.extent("columns");
}

void check_fixed_settings(const Reader& in) {
  in.only("model_type", "deepseek_v4");
  in.only("num_key_value_heads", 1);
  in.only("scoring_func", "sqrtsoftplus");
  in.only("topk_method", "noaux_tc");
  in.only("hidden_act", "silu");
  in.only("attention_bias", false);
}

// What one key cannot show: sizes that must divide, and products that name an extent.
void check_together(const Reader& in, const ModelConfig& config) {
  const auto need = [&](bool holds, const char* key, const std::string& why) {
    if (!holds) in.refuse(key, why);
  };
  const auto fits = [](int64_t a, int64_t b) { return a <= kExtentMax / b; };
  const std::string too_large = "makes a matrix of more than 16,777,216 rows";
  need(fits(config.n_heads, config.head_dim), "num_attention_heads", too_large);
  need(fits(config.o_groups, config.o_lora_rank), "o_groups", too_large);
  need(fits(config.index_n_heads, config.index_head_dim), "index_n_heads", too_large);
  need(fits(config.hc_mult, config.dim), "hc_mult", too_large);
  need(config.n_heads % config.o_groups == 0, "o_groups", "does not divide num_attention_heads");
  if (config.dspark.has_value()) {
    need(config.dspark->block_size < config.window, "dspark_block_size",
         "is not below sliding_window");
    need(fits(static_cast<int64_t>(config.dspark->target_layers.size()), config.dim),
         "dspark_target_layer_ids", "makes a matrix of more than 16,777,216 columns");
    need(fits(config.dspark->markov_rank + config.dim, 1), "dspark_markov_rank",
         "makes a matrix of more than 16,777,216 columns");
  }
  need(config.rope_dim % 2 == 0, "qk_rope_head_dim", "is odd; channels are rotated in pairs");
  need(config.rope_dim <= config.head_dim, "qk_rope_head_dim", "is larger than head_dim");
  need(config.rope_dim <= config.index_head_dim, "qk_rope_head_dim", "is above index_head_dim");
  need((config.index_head_dim & (config.index_head_dim - 1)) == 0, "index_head_dim",
       "is not a power of two, which the Hadamard rotation needs");
}

ModelConfig read_config(const Reader& in) {
  check_fixed_settings(in);
  ModelConfig config;
  read_sizes(in, config);
  read_drafting(in, config);
  read_attention(in, config);
  read_experts(in, config);
  read_ratios(in, config);
  read_rope(in, config);
  read_quantisation(in, config);
  check_together(in, config);
  return config;
}

}  // namespace

ModelConfig parse_model_config(std::string_view json, std::string_view origin) {
  const std::string where(origin);
  try {
    const Json parsed = Json::parse(json);
    if (!parsed.is_object()) throw ModelError("cannot use " + where + ": it is not a JSON object");
    return read_config({parsed, where});
  } catch (const Json::exception& error) {
    throw ModelError("cannot parse " + where + ": " + error.what());
  }
}

ModelConfig load_model_config(const std::filesystem::path& model_dir) {
  const std::filesystem::path file = model_dir / "config.json";
  try {
    return parse_model_config(read_file(file, kConfigBytesMax), "\"" + file.string() + "\"");
  } catch (const FileError& error) {
    throw ModelError(std::string("cannot load the model: ") + error.what() +
                     " (--model names a directory with config.json and model.safetensors)");
  }
}

}  // namespace widenet::engine
