// Timelines: what can be kept is kept, the rest is computed in chunks.
#include "engine/session.h"

#include <algorithm>
#include <string>

namespace widenet::engine {
namespace {

constexpr int64_t kChunkTokens = 256;
constexpr int64_t kSnapshotEvery = 4096;  // tokens
constexpr int64_t kSnapshotsMax = 16;
// A step that computes fewer tokens than this is taken for decoding: its end is not remembered.
constexpr int64_t kPrefillTokens = 32;
constexpr int64_t kBlock = 128;

}  // namespace

ModelSession::ModelSession(const ModelConfig& config, Model& model)
    : config_(config), model_(model), state_(make_kv_state(config, model.layouts())) {}

SyncResult ModelSession::sync(std::span<const TokenId> tokens, const SyncOptions& options) {
  check(tokens);
  const auto total = static_cast<int64_t>(tokens.size());
  take_back(tokens);
  SyncResult result;
  result.reused = state_.n_tokens;
  const bool is_prefill = total - state_.n_tokens >= kPrefillTokens;
  if (is_prefill) remember();  // an answer ends here, and a follow-up begins

  const auto wanted = options.on_logits ? Model::Logits::all : Model::Logits::last;
  while (state_.n_tokens < total) {
    if (options.keep_going && !options.keep_going(state_.n_tokens, total)) {
      result.cancelled = true;
      return result;
    }
    const int64_t first = state_.n_tokens;
    const int64_t end = chunk_end(total, options.chunk_tokens);
    const auto chunk = tokens.subspan(static_cast<size_t>(first), static_cast<size_t>(end - first));
    logits_.clear();
    const auto rows = model_.forward(
        chunk, end == total || options.on_logits ? wanted : Model::Logits::none, state_);
    tokens_.insert(tokens_.end(), chunk.begin(), chunk.end());
    result.computed += end - first;
    if (options.on_logits) {
      for (int64_t t = 0; t < rows.dim(0); ++t) options.on_logits(first + t, rows[t].span());
    }
    if (end == total) {
      const auto last = rows[rows.dim(0) - 1].span();
      logits_.assign(last.begin(), last.end());
    }
    if (is_prefill && (end == total || end % kSnapshotEvery == 0 || total - end <= 2 * kBlock)) {
      remember();
    }
  }
  return result;
}

void ModelSession::check(std::span<const TokenId> tokens) const {
  if (tokens.empty()) throw EngineError("cannot run the model: the prompt has no tokens");
  if (static_cast<int64_t>(tokens.size()) > config_.positions_max) {
    throw EngineError("cannot run the model on " + std::to_string(tokens.size()) +
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
  const auto [mine, theirs] =
      std::mismatch(tokens_.begin(), tokens_.end(), tokens.begin(), tokens.end());
  const auto total = static_cast<int64_t>(tokens.size());
  const auto common = static_cast<int64_t>(mine - tokens_.begin());
  const bool is_extension = common == n_tokens() && (total > common || !logits_.empty());
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
  tokens_.resize(static_cast<size_t>(state_.n_tokens));
}

// Keeps the present moment.  When there are too many, the one between the closest neighbours goes.
void ModelSession::remember() {
  if (state_.n_tokens == 0) return;
  if (!snapshots_.empty() && snapshots_.back().state.n_tokens == state_.n_tokens) {
    if (!logits_.empty()) snapshots_.back().logits = logits_;
    return;
  }
  snapshots_.push_back({take_snapshot(state_), logits_});
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
int64_t ModelSession::chunk_end(int64_t total, int64_t chunk_tokens) const {
  if (chunk_tokens > 0) return std::min(total, state_.n_tokens + chunk_tokens);
  const int64_t end = (state_.n_tokens / kChunkTokens + 1) * kChunkTokens;
  const int64_t last_block = (total - 1) / kBlock * kBlock - kBlock;
  if (end > last_block && state_.n_tokens < last_block) return last_block;
  return std::min(end, total);
}

}  // namespace widenet::engine
