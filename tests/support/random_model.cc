#include "tests/support/random_model.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

#include "kernels/number_formats.h"
#include "tests/support/tiny_tokenizer.h"

namespace widenet::test {
namespace {

bool ends_with_any(const std::string& name, std::initializer_list<const char*> ends) {
  for (const char* end : ends) {
    if (name.ends_with(end)) return true;
  }
  return false;
}

class Writer {
 public:
  Writer(const engine::ModelConfig& config, const RandomWeights& weights)
      : config_(config), weights_(weights) {}

  std::string bytes(const TensorSpec& tensor) const {
    std::mt19937 random = generator(tensor.name);
    std::string out(static_cast<size_t>(tensor.n_bytes()), '\0');
    if (tensor.dtype == "BF16" || tensor.dtype == "F32") {
      put_numbers(tensor, values(tensor), out);
    } else if (tensor.dtype == "I64") {
      int64_t expert = 0;
      for (size_t i = 0; i < out.size(); i += 8) {  // those of one token are different
        const bool is_first = i / 8 % static_cast<size_t>(config_.n_experts_per_token) == 0;
        expert = (is_first ? static_cast<int64_t>(random()) : expert + 1) % config_.n_experts;
        std::memcpy(out.data() + i, &expert, sizeof expert);
      }
    } else if (tensor.dtype == "F8_E8M0") {
      // The codes have a root mean square of about 100 (FP8) or 3 (FP4).
      const bool is_fp4 = tensor.name.find(".experts.") != std::string::npos;
      const double cols = static_cast<double>(config_.dim);
      const double scale = gain(tensor.name) / std::sqrt(cols) / (is_fp4 ? 3 : 100);
      out.assign(out.size(), static_cast<char>(127 + std::lround(std::log2(scale))));
    } else {
      for (char& c : out) {
        const auto code = static_cast<uint8_t>(random());
        c = tensor.dtype == "F8_E4M3" && (code & 0x7f) == 0x7f ? '\0' : static_cast<char>(code);
      }
    }
    return out;
  }

 private:
  std::mt19937 generator(const std::string& name) const {
    uint32_t hash = 2166136261u ^ static_cast<uint32_t>(weights_.seed);
    for (const char c : name) hash = (hash ^ static_cast<uint8_t>(c)) * 16777619u;
    return std::mt19937(hash);
  }

  double gain(const std::string& name) const {
    if (name == "head.weight") return 3;
    return ends_with_any(name, {"wo_b.weight", "wo_b.scale", "w2.weight", "w2.scale"})
               ? weights_.sublayers
               : 1;
  }

  std::vector<double> values(const TensorSpec& tensor) const {
    const std::string& name = tensor.name;
    const int64_t cols = tensor.shape.back();
    if (weights_.bigram_guesses != 0) {
      if (name.ends_with("markov_w1.weight")) {
        return values({"embed.weight", "BF16", tensor.shape});
      }
      if (name.ends_with("markov_w2.weight")) {
        std::vector<double> head = values({"head.weight", "BF16", tensor.shape});
        for (double& value : head) value *= weights_.bigram_guesses;
        return head;
      }
      if (name.starts_with("mtp.") && name.ends_with(".norm.weight")) {
        return std::vector<double>(static_cast<size_t>(cols), 0.0);
      }
      if (name == "norm.weight") return std::vector<double>(static_cast<size_t>(cols), 1.0);
    }
    double middle = 0;
    double width = gain(name) * std::sqrt(3.0 / static_cast<double>(cols));
    if (name.ends_with("norm.weight") || name.ends_with("_scale")) {
      middle = 1;
      width = 0.2;
    } else if (name == "embed.weight" || ends_with_any(name, {"_base", "attn_sink", "ape"})) {
      width = 1;
    }
    std::mt19937 random = generator(name);
    std::uniform_real_distribution<double> uniform(middle - width, middle + width);
    std::vector<double> numbers(static_cast<size_t>(tensor.n_bytes()) /
                                (tensor.dtype == "F32" ? 4 : 2));
    for (double& number : numbers) number = uniform(random);
    if (name == "head.weight") {
      std::fill_n(numbers.begin() + config_.eos_token * cols, cols, 0.0);
    }
    return numbers;
  }

  static void put_numbers(const TensorSpec& tensor,
                          const std::vector<double>& numbers,
                          std::string& out) {
    for (size_t i = 0; i < numbers.size(); ++i) {
      const auto value = static_cast<float>(numbers[i]);
      if (tensor.dtype == "F32") {
        std::memcpy(out.data() + 4 * i, &value, sizeof value);
      } else {
        const uint16_t word = kernels::float_to_bf16(value);
        std::memcpy(out.data() + 2 * i, &word, sizeof word);
      }
    }
  }

  const engine::ModelConfig& config_;
  const RandomWeights& weights_;
};

}  // namespace

void write_random_model(const std::filesystem::path& folder,
                        const std::string& config_json,
                        Storage storage,
                        const RandomWeights& weights) {
  const engine::ModelConfig config = engine::parse_model_config(config_json, "config.json");
  const std::vector<TensorSpec> tensors = v4_tensors(config, storage);
  const std::string header = safetensors_header(tensors);
  const uint64_t size = header.size();
  std::string file(reinterpret_cast<const char*>(&size), sizeof size);
  file += header;
  const Writer writer(config, weights);
  for (const TensorSpec& tensor : tensors) file += writer.bytes(tensor);
  write_text(folder / "config.json", config_json);
  write_text(folder / "model.safetensors", file);
  write_text(folder / "tokenizer.json", tiny_tokenizer_json().dump());
}

}  // namespace widenet::test
