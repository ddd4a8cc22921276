// ModelSession: a Session on a Model, with snapshots.
#pragma once

#include <vector>

#include "engine/engine.h"
#include "engine/kv_state.h"
#include "engine/model.h"

namespace widenet::engine {

class ModelSession final : public Session {
 public:
  // Both outlive the session.
  ModelSession(const ModelConfig& config, Model& model);

  SyncResult sync(std::span<const TokenId> tokens, const SyncOptions& options) override;
  std::span<const float> logits() const override { return logits_; }
  std::span<const TokenId> tokens() const override { return tokens_; }
  int64_t state_bytes() const override { return stored_bytes(state_).total(); }
  const KvState& state() const { return state_; }

 private:
  struct Snapshot {
    KvSnapshot state;
    std::vector<float> logits;  // after its last token, or empty
  };

  void check(std::span<const TokenId> tokens) const;
  void take_back(std::span<const TokenId> tokens);
  void remember();
  int64_t chunk_end(int64_t total, int64_t chunk_tokens) const;

  const ModelConfig& config_;
  Model& model_;
  KvState state_;
  std::vector<TokenId> tokens_;
  std::vector<float> logits_;
  std::vector<Snapshot> snapshots_;  // of this timeline, in order
};

}  // namespace widenet::engine
