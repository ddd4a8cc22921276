#include "engine/embedder.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/file.h"
#include "base/hash.h"
#include "engine/checkpoint.h"

namespace widenet::engine {
namespace {

constexpr int64_t kDimMax = 8192;

std::string read_model_file(const std::filesystem::path& path) {
  try {
    return read_file(path, size_t{64} << 20);
  } catch (const FileError& error) {
    throw ModelError(std::string("cannot load the embedding model: ") + error.what());
  }
}

struct Config {
  int64_t vocab_size = 0;
  int64_t dim = 0;
  std::string tokenizer_sha256{};
};

Config parse_config(const std::string& text, const std::filesystem::path& path) try {
  const auto json = nlohmann::json::parse(text);
  if (json.at("model_type") != "widenet_static_embedding") {
    throw ModelError("cannot use \"" + path.string() +
                     "\": its model_type is not widenet_static_embedding");
  }
  const Config config{.vocab_size = json.at("vocab_size").get<int64_t>(),
                      .dim = json.at("hidden_size").get<int64_t>(),
                      .tokenizer_sha256 = json.at("tokenizer_sha256").get<std::string>()};
  if (config.vocab_size < 1 || config.dim < 1 || config.dim > kDimMax) {
    throw ModelError("cannot use \"" + path.string() +
                     "\": vocab_size or hidden_size is out of range");
  }
  return config;
} catch (const nlohmann::json::exception& error) {
  throw ModelError("cannot read \"" + path.string() + "\": " + error.what());
}

std::vector<float> dequantised(const Checkpoint& checkpoint, const Config& config) {
  const auto& weight =
      checkpoint.get("embedding.weight", DType::i8, {config.vocab_size, config.dim});
  const auto& scale = checkpoint.get("embedding.scale", DType::f32, {config.vocab_size});
  const auto* codes = weight.data<int8_t>();
  std::vector<float> vectors(static_cast<size_t>(config.vocab_size * config.dim));
  for (size_t i = 0; i < vectors.size(); ++i) {
    vectors[i] =
        static_cast<float>(codes[i]) * scale.data<float>()[i / static_cast<size_t>(config.dim)];
  }
  return vectors;
}

std::string fingerprint_of(const Checkpoint& checkpoint, const std::string& config) {
  Sha256 hash;
  hash.update(config);
  for (const auto& [name, tensor] : checkpoint.tensors()) hash.update(name).update(tensor.bytes);
  return to_hex(hash.finish());
}

constexpr int64_t kBlock = 32;

// sum[i] = the sum over tokens of column i, in the tokens' order.  So many columns at a time stay
// in registers, which is three times as fast as adding row after row to memory.
template <int64_t kColumns>
void add_rows(const float* columns, int64_t dim, std::span<const TokenId> tokens, float* sum) {
  float total[kColumns] = {};
  for (const TokenId token : tokens) {
    const float* row = columns + token * dim;
    for (int64_t i = 0; i < kColumns; ++i) total[i] += row[i];
  }
  for (int64_t i = 0; i < kColumns; ++i) sum[i] = total[i];
}

void normalise(std::vector<float>& vector) {
  double sum_of_squares = 0;
  for (const float value : vector) sum_of_squares += static_cast<double>(value) * value;
  if (sum_of_squares == 0) return;
  const auto scale = static_cast<float>(1 / std::sqrt(sum_of_squares));
  for (float& value : vector) value *= scale;
}

}  // namespace

std::unique_ptr<Embedder> Embedder::load(const std::filesystem::path& folder) {
  const std::string config_text = read_model_file(folder / "config.json");
  const Config config = parse_config(config_text, folder / "config.json");
  const std::string tokenizer_json = read_model_file(folder / "tokenizer.json");
  if (sha256_hex(tokenizer_json) != config.tokenizer_sha256) {
    throw ModelError("cannot use \"" + (folder / "tokenizer.json").string() +
                     "\": it is not the tokenizer that config.json names by its SHA-256");
  }
  const std::string origin = (folder / "tokenizer.json").string();
  std::unique_ptr<Embedder> embedder(new Embedder(Tokenizer::parse(tokenizer_json, origin)));
  if (embedder->tokenizer_.vocab_size() > config.vocab_size) {
    throw ModelError("cannot use \"" + folder.string() + "\": the tokenizer has more tokens than " +
                     "the model has vectors");
  }
  const Checkpoint checkpoint = Checkpoint::open(folder);
  embedder->dim_ = config.dim;
  embedder->vocab_size_ = config.vocab_size;
  embedder->tokenizer_sha256_ = config.tokenizer_sha256;
  embedder->vectors_ = dequantised(checkpoint, config);
  embedder->fingerprint_ = fingerprint_of(checkpoint, config_text);
  return embedder;
}

std::vector<float> Embedder::embed(std::span<const TokenId> tokens) const {
  for (const TokenId token : tokens) WN_CHECK(token >= 0 && token < vocab_size_);
  std::vector<float> sum(static_cast<size_t>(dim_));
  int64_t column = 0;
  for (; column + kBlock <= dim_; column += kBlock) {
    add_rows<kBlock>(&vectors_[static_cast<size_t>(column)], dim_, tokens,
                     &sum[static_cast<size_t>(column)]);
  }
  for (; column < dim_; ++column) {
    add_rows<1>(&vectors_[static_cast<size_t>(column)], dim_, tokens,
                &sum[static_cast<size_t>(column)]);
  }
  normalise(sum);
  return sum;
}

}  // namespace widenet::engine
