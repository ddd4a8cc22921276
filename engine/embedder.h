// A static embedding of text: the weighted mean of its tokens' vectors, L2-normalised.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/tokenizer.h"

namespace widenet::engine {

// Case is the tokenizer's business; of order the vectors know nothing.  It runs at the speed of
// memory: tens of megabytes of text a second on one core.
//
// A model is a folder with tokenizer.json, config.json ({"model_type": "widenet_static_embedding",
// "vocab_size", "hidden_size", "tokenizer_sha256"}) and model.safetensors:
//
//   embedding.weight   [vocab_size, hidden_size]   I8
//   embedding.scale    [vocab_size]                F32: a token's weight in the mean, over 127
//
// Immutable once loaded; const methods may run on any number of threads.
class Embedder {
 public:
  // Throws ModelError naming the file or tensor at fault, also if tokenizer.json is not the one
  // that it was trained with.
  static std::unique_ptr<Embedder> load(const std::filesystem::path& folder);

  int64_t dim() const { return dim_; }
  int64_t vocab_size() const { return vocab_size_; }

  // Names the content: equal fingerprints embed equally.
  const std::string& fingerprint() const { return fingerprint_; }

  // The tokenizer whose ids it wants.  A caller whose own tokenizer.json has this SHA-256 need not
  // encode twice.
  const Tokenizer& tokenizer() const { return tokenizer_; }
  const std::string& tokenizer_sha256() const { return tokenizer_sha256_; }

  // Unit length; all zeros for no tokens.  Every id is below vocab_size (WN_CHECK).
  std::vector<float> embed(std::span<const TokenId> tokens) const;

 private:
  explicit Embedder(Tokenizer tokenizer) : tokenizer_(std::move(tokenizer)) {}

  Tokenizer tokenizer_;
  int64_t dim_ = 0;
  int64_t vocab_size_ = 0;
  std::string fingerprint_;
  std::string tokenizer_sha256_;
  std::vector<float> vectors_;  // [vocab_size, dim]; each row times its scale
};

}  // namespace widenet::engine
