// Timelines: what can be kept is kept, the rest is computed in chunks.
#include "engine/session.h"

#include <algorithm>
#include <string>

namespace widenet::engine {
namespace {

constexpr int64_t kChunkTokens = 512;
constexpr int64_t kSnapshotEvery = 4096;  // tokens
constexpr int64_t kSnapshotsMax = 16;
// A goal nearer than this is taken for decoding: its end is not remembered.
constexpr int64_t kPrefillTokens = 32;
constexpr int64_t kBlock = 128;

}  // namespace

ModelSession::ModelSession(const ModelConfig& config, Model& model)
    : config_(config), model_(model), state_(make_kv_state(config, model.layouts())) {}

int64_t ModelSession::set_goal(std::span<const TokenId> tokens) {
  if (tokens.empty()) throw EngineError("cannot run the model: the prompt has no tokens");
  check(tokens, 0);
  take_back(tokens);
  goal_.resize(static_cast<size_t>(state_.n_tokens));
  is_extension_ = false;
  is_prefill_ = static_cast<int64_t>(tokens.size()) - state_.n_tokens >= kPrefillTokens;
  if (is_prefill_) remember();  // an answer ends here, and a follow-up begins
  goal_.assign(tokens.begin(), tokens.end());
  return state_.n_tokens;
}

void ModelSession::extend(std::span<const TokenId> tokens) {
  WN_CHECK(has_arrived() && !tokens.empty());
  check(tokens, goal_tokens());
  goal_.insert(goal_.end(), tokens.begin(), tokens.end());
  is_extension_ = true;
  is_prefill_ = false;
}

void ModelSession::keep_extension(int64_t n_tokens) {
  const int64_t n_extended = state_.n_tokens - undo_.first_position;
  WN_CHECK(is_extension_ && has_arrived() && 1 <= n_tokens && n_tokens <= n_extended);
  drop_to(undo_.first_position + n_tokens, undo_, config_, model_.layouts(), state_);
  goal_.resize(static_cast<size_t>(state_.n_tokens));
  logits_.resize(static_cast<size_t>(n_tokens * config_.vocab_size));
}

SyncResult ModelSession::sync(std::span<const TokenId> tokens, const SyncOptions& options) {
  SyncResult result;
  result.reused = set_goal(tokens);
  const bool wants_all = static_cast<bool>(options.on_logits);
  while (!has_arrived()) {
    if (options.keep_going && !options.keep_going(state_.n_tokens, goal_tokens())) {
      result.cancelled = true;
      return result;
    }
    const int64_t first = state_.n_tokens;
    const Model::Step step = begin_step(options.chunk_tokens, wants_all);
    const auto rows = model_.forward({&step, 1});
    result.computed += state_.n_tokens - first;
    for (int64_t t = 0; wants_all && t < rows.dim(0); ++t) {
      options.on_logits(first + t, rows[t].span());
    }
    end_step(rows);
  }
  return result;
}

std::span<const float> ModelSession::logits() const {
  if (!has_arrived() || logits_.empty()) return {};
  return std::span(logits_).last(static_cast<size_t>(config_.vocab_size));
}

std::span<const float> ModelSession::logits(int64_t i) const {
  WN_CHECK(is_extension_ && has_arrived());
  const auto size = static_cast<size_t>(config_.vocab_size);
  return std::span(logits_).subspan(static_cast<size_t>(i) * size, size);
}

std::span<const TokenId> ModelSession::tokens() const {
  return std::span(goal_).first(static_cast<size_t>(state_.n_tokens));
}

Model::Step ModelSession::begin_step(int64_t chunk_tokens, bool wants_all) {
  WN_CHECK(!has_arrived());
  const int64_t first = state_.n_tokens;
  step_end_ = is_extension_ ? goal_tokens() : chunk_end(chunk_tokens);
  logits_.clear();
  const bool is_last = step_end_ == goal_tokens();
  Model::Step step;
  step.tokens =
      std::span(goal_).subspan(static_cast<size_t>(first), static_cast<size_t>(step_end_ - first));
  step.state = &state_;
  step.wanted = wants_all || is_extension_ ? Model::Logits::all
                : is_last                  ? Model::Logits::last
                                           : Model::Logits::none;
  step.undo = is_extension_ ? &undo_ : nullptr;
  step.feeds_drafts = goal_tokens() - step_end_ < config_.window;
  n_logits_expected_ = step.wanted == Model::Logits::all    ? step_end_ - first
                       : step.wanted == Model::Logits::last ? 1
                                                            : 0;
  return step;
}

void ModelSession::end_step(kernels::View<const float, 2> logits) {
  WN_CHECK(state_.n_tokens == step_end_ && logits.dim(0) == n_logits_expected_);
  const int64_t total = goal_tokens();
  if (step_end_ == total) {
    const int64_t n_kept = is_extension_ ? logits.dim(0) : 1;
    const auto kept = logits.slice(logits.dim(0) - n_kept, n_kept).span();
    logits_.assign(kept.begin(), kept.end());
  }
  if (is_prefill_ &&
      (step_end_ == total || step_end_ % kSnapshotEvery == 0 || total - step_end_ <= 2 * kBlock)) {
    remember();
  }
}

// The tokens are those from position n_before on.
void ModelSession::check(std::span<const TokenId> tokens, int64_t n_before) const {
  const auto total = n_before + static_cast<int64_t>(tokens.size());
  if (total > config_.positions_max) {
    throw EngineError("cannot run the model on " + std::to_string(total) +
                      " tokens: it takes at most " + std::to_string(config_.positions_max));
  }
  for (const TokenId token : tokens) {
    if (0 <= token && token < config_.vocab_size) continue;
    throw EngineError("cannot run the model on token " + std::to_string(token) +
                      ": its vocabulary has " + std::to_string(config_.vocab_size) + " entries");
  }
}

// Leaves the longest part of the timeline from which `tokens` can go on.
void ModelSession::take_back(std::span<const TokenId> tokens) {
  const std::span<const TokenId> mine = this->tokens();
  const auto [parting, theirs] =
      std::mismatch(mine.begin(), mine.end(), tokens.begin(), tokens.end());
  const auto total = static_cast<int64_t>(tokens.size());
  const auto common = static_cast<int64_t>(parting - mine.begin());
  const bool is_extension = common == state_.n_tokens && (total > common || !logits().empty());
  if (is_extension) return;

  const auto can_resume = [&](const Snapshot& s) {
    return s.state.n_tokens <= common && (s.state.n_tokens < total || !s.logits.empty());
  };
  while (!snapshots_.empty() && !can_resume(snapshots_.back())) snapshots_.pop_back();
  if (snapshots_.empty()) {
    state_ = make_kv_state(config_, model_.layouts());
    logits_.clear();
  } else {
    restore(snapshots_.back().state, config_, model_.layouts(), state_);
    logits_ = snapshots_.back().logits;
  }
}

// Keeps the present moment.  When there are too many, the one between the closest neighbours goes.
void ModelSession::remember() {
  if (state_.n_tokens == 0) return;
  const std::vector<float> last(logits().begin(), logits().end());
  if (!snapshots_.empty() && snapshots_.back().state.n_tokens == state_.n_tokens) {
    if (!last.empty()) snapshots_.back().logits = last;
    return;
  }
  snapshots_.push_back({take_snapshot(state_), last});
  if (static_cast<int64_t>(snapshots_.size()) <= kSnapshotsMax) return;
  size_t victim = 0;
  int64_t smallest_gap = INT64_MAX;
  for (size_t i = 0; i + 1 < snapshots_.size(); ++i) {
    const int64_t before = i == 0 ? 0 : snapshots_[i - 1].state.n_tokens;
    const int64_t gap = snapshots_[i + 1].state.n_tokens - before;
    if (gap < smallest_gap) {
      smallest_gap = gap;
      victim = i;
    }
  }
  snapshots_.erase(snapshots_.begin() + static_cast<std::ptrdiff_t>(victim));
}

// Chunks end on multiples of their length, and once more about a block before the end, where the
// next question about the same documents will part from this one.
int64_t ModelSession::chunk_end(int64_t chunk_tokens) const {
  const int64_t total = goal_tokens();
  if (chunk_tokens > 0) return std::min(total, state_.n_tokens + chunk_tokens);
  const int64_t end = (state_.n_tokens / kChunkTokens + 1) * kChunkTokens;
  const int64_t last_block = (total - 1) / kBlock * kBlock - kBlock;
  if (end > last_block && state_.n_tokens < last_block) return last_block;
  return std::min(end, total);
}

}  // namespace widenet::engine
