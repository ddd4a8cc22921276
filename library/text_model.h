// What documents need of a model: its tokenizer and its embedding, without its weights.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/embedder.h"
#include "engine/tokenizer.h"
#include "retrieval/search.h"

namespace widenet::library {

// Immutable; safe from any number of threads.
class TextModel {
 public:
  // The tokenizer of `model_dir`, and the embedding in `embedder_dir` or, if that is empty, in
  // the folder nano-embed beside it.  No embedding there: search is lexical alone.  Throws
  // ModelError when either is there and cannot be read, or model_dir has no tokenizer.
  static std::shared_ptr<const TextModel> load(const std::filesystem::path& model_dir,
                                               const std::filesystem::path& embedder_dir = {});

  const engine::Tokenizer& tokenizer() const { return tokenizer_; }
  const std::string& tokenizer_sha256() const { return tokenizer_sha256_; }
  const engine::Embedder* embedder() const { return embedder_.get(); }  // null: there is none

  // Of a text whose tokens are known; empty without an embedding.
  std::vector<float> embed(std::string_view text, std::span<const engine::TokenId> tokens) const;

  // For retrieval; refers to this object.
  retrieval::QueryEmbedder query_embedder() const;

 private:
  TextModel(engine::Tokenizer tokenizer, std::string tokenizer_sha256);

  engine::Tokenizer tokenizer_;
  std::string tokenizer_sha256_;
  std::unique_ptr<engine::Embedder> embedder_;
};

}  // namespace widenet::library
