// ModelSession: a Session on a Model, which goes on from what a PrefixCache keeps.
#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "engine/engine.h"
#include "engine/kv_state.h"
#include "engine/model.h"
#include "engine/prefix_cache.h"

namespace widenet::engine {

class ModelSession final : public Session {
 public:
  // Config and model outlive the session.
  ModelSession(const ModelConfig& config,
               Model& model,
               std::shared_ptr<PrefixCache> cache,
               std::string_view scope);

  using Session::set_goal;
  using Session::sync;
  Reuse set_goal(std::span<const TokenId> tokens, const PromptNotes& notes) override;
  bool has_arrived() const override { return state_.n_tokens == goal_tokens(); }
  void extend(std::span<const TokenId> tokens) override;
  void keep_extension(int64_t n_tokens) override;
  void remember() override { remember(/*is_in_passing=*/true); }
  void remember_at(int64_t n_tokens) override;
  SyncResult sync(std::span<const TokenId> tokens, const SyncOptions& options) override;
  std::span<const float> logits() const override;
  std::span<const float> logits(int64_t i) const override;
  std::span<const TokenId> tokens() const override;
  std::span<const TokenId> goal() const override { return goal_; }
  int64_t state_bytes() const override { return stored_bytes(state_, model_.layouts()).total(); }

  // A step of the model: from begin_step() to end_step(), which takes the logits that begin_step()
  // asked for, nothing else may touch the session.
  Model::Step begin_step() { return begin_step(0, /*wants_all=*/false); }
  int64_t n_logits_expected() const { return n_logits_expected_; }
  void end_step(kernels::View<const float, 2> logits);

  KvState& state() { return state_; }

 private:
  using Clock = std::chrono::steady_clock;

  int64_t goal_tokens() const { return static_cast<int64_t>(goal_.size()); }
  Model::Step begin_step(int64_t chunk_tokens, bool wants_all);
  void check(std::span<const TokenId> tokens, int64_t n_before) const;
  Reuse resume(std::span<const TokenId> tokens);
  void remember(bool is_in_passing);
  void plan_stops(std::span<const int64_t> marks);
  int64_t chunk_end(int64_t chunk_tokens) const;

  const ModelConfig& config_;
  Model& model_;
  std::shared_ptr<PrefixCache> cache_;
  PrefixCache::Trail trail_;    // keys of the goal's blocks, of the first ones at least
  KvState state_;               // of the goal's first state_.n_tokens tokens
  std::vector<TokenId> goal_;   // the timeline and what is to follow it
  std::vector<float> logits_;   // [n, vocab_size] after the last n tokens, or empty
  KvUndo undo_;                 // of the extension
  std::vector<int64_t> stops_;  // lengths at which the timeline is remembered, ascending
  double seconds_ = 0.0;        // spent since the last of them

  // How the goal is approached.
  bool is_prefill_ = false;
  bool is_extension_ = false;
  int64_t step_end_ = 0;  // of the step that has begun
  Clock::time_point step_start_;
  int64_t n_logits_expected_ = 0;
};

}  // namespace widenet::engine
