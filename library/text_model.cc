#include "library/text_model.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "base/file.h"
#include "base/hash.h"

namespace widenet::library {
namespace {

bool is_file(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::is_regular_file(path, error);
}

// A query in capitals alone means what it means in small letters; the tokens of capitals are other
// ones, which the embedding has hardly seen.
std::string without_shouting(std::string_view query) {
  std::string text(query);
  if (std::ranges::any_of(text, [](char c) { return c >= 'a' && c <= 'z'; })) return text;
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return text;
}

}  // namespace

TextModel::TextModel(engine::Tokenizer tokenizer, std::string tokenizer_sha256)
    : tokenizer_(std::move(tokenizer)), tokenizer_sha256_(std::move(tokenizer_sha256)) {}

std::shared_ptr<const TextModel> TextModel::load(const std::filesystem::path& model_dir,
                                                 const std::filesystem::path& embedder_dir) {
  const auto file = model_dir / "tokenizer.json";
  if (!is_file(file)) {
    throw engine::ModelError("cannot open model \"" + model_dir.string() +
                             "\": it has no tokenizer.json (copy the checkpoint's there)");
  }
  const std::string json = read_file(file);
  std::shared_ptr<TextModel> model(
      new TextModel(engine::Tokenizer::parse(json, file.string()), sha256_hex(json)));
  const auto absolute = std::filesystem::absolute(model_dir).lexically_normal();
  const auto beside = (absolute.has_filename() ? absolute : absolute.parent_path()).parent_path();
  const auto embedder = embedder_dir.empty() ? beside / "nano-embed" : embedder_dir;
  if (!embedder_dir.empty() || is_file(embedder / "config.json")) {
    model->embedder_ = engine::Embedder::load(embedder);
  }
  return model;
}

std::vector<float> TextModel::embed(std::string_view text,
                                    std::span<const engine::TokenId> tokens) const {
  if (!embedder_) return {};
  if (embedder_->tokenizer_sha256() == tokenizer_sha256_) return embedder_->embed(tokens);
  return embedder_->embed(embedder_->tokenizer().encode(text));
}

retrieval::QueryEmbedder TextModel::query_embedder() const {
  if (!embedder_) return {};
  return {.fingerprint = embedder_->fingerprint(), .embed = [this](std::string_view query) {
            return embedder_->embed(embedder_->tokenizer().encode(without_shouting(query)));
          }};
}

}  // namespace widenet::library
