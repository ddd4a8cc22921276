// Timelines: what can be kept is kept, the rest is computed in chunks.
#include "engine/session.h"

#include <algorithm>
#include <string>

namespace widenet::engine {
namespace {

constexpr int64_t kChunkTokens = 512;
// A goal nearer than this is taken for decoding: its end is not remembered.
constexpr int64_t kPrefillTokens = 32;
// Between two moments of a long prompt that are remembered: so much, or less where a mark is near.
constexpr int64_t kStopEvery = 8192;
constexpr int64_t kStopMin = 4096;

int64_t block_floor(int64_t n_tokens) {
  return n_tokens / kBlockTokens * kBlockTokens;
}

}  // namespace

ModelSession::ModelSession(const ModelConfig& config,
                           Model& model,
                           std::shared_ptr<PrefixCache> cache,
                           std::string_view scope)
    : config_(config),
      model_(model),
      cache_(std::move(cache)),
      trail_(cache_->begin(scope)),
      state_(make_kv_state(config, model.layouts())) {}

Reuse ModelSession::set_goal(std::span<const TokenId> tokens, const PromptNotes& notes) {
  if (tokens.empty()) throw EngineError("cannot run the model: the prompt has no tokens");
  check(tokens, 0);
  trail_.sources = std::make_shared<const std::vector<Source>>(notes.sources);
  const Reuse reuse = resume(tokens);
  is_extension_ = false;
  is_prefill_ = static_cast<int64_t>(tokens.size()) - state_.n_tokens >= kPrefillTokens;
  stops_.clear();
  if (is_prefill_) {
    goal_.assign(tokens.begin(), tokens.begin() + state_.n_tokens);
    remember(/*is_in_passing=*/true);  // an answer ends here, and a follow-up begins
  }
  goal_.assign(tokens.begin(), tokens.end());
  if (is_prefill_) plan_stops(notes.marks);
  return reuse;
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

void ModelSession::remember(bool is_in_passing) {
  if (state_.n_tokens == 0) return;
  extend_keys(tokens(), trail_.keys);
  cache_->keep(trail_, tokens(), {state_, {logits().begin(), logits().end()}}, seconds_,
               is_in_passing);
  seconds_ = 0.0;
}

void ModelSession::remember_at(int64_t n_tokens) {
  if (n_tokens <= state_.n_tokens || n_tokens >= goal_tokens()) return;
  const auto place = std::lower_bound(stops_.begin(), stops_.end(), n_tokens);
  if (place == stops_.end() || *place != n_tokens) stops_.insert(place, n_tokens);
}

SyncResult ModelSession::sync(std::span<const TokenId> tokens, const SyncOptions& options) {
  SyncResult result;
  result.reuse = set_goal(tokens, {});
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
  step_start_ = Clock::now();
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
  seconds_ += std::chrono::duration<double>(Clock::now() - step_start_).count();
  const bool is_stop = std::binary_search(stops_.begin(), stops_.end(), step_end_);
  if (is_prefill_ && (step_end_ == total || is_stop)) remember(/*is_in_passing=*/false);
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

// Becomes the longest known part of `tokens`: of the timeline itself, if it is one, or of those in
// the cache.
Reuse ModelSession::resume(std::span<const TokenId> tokens) {
  const auto total = static_cast<int64_t>(tokens.size());
  const auto parting = std::mismatch(goal_.begin(), goal_.end(), tokens.begin(), tokens.end());
  const auto n_common = static_cast<int64_t>(parting.first - goal_.begin());
  const bool is_continued = state_.n_tokens <= n_common && state_.n_tokens > 0 &&
                            (state_.n_tokens < total || !logits().empty());
  const int64_t n_mine = is_continued ? state_.n_tokens : 0;
  trail_.keys.resize(
      std::min(trail_.keys.size(), static_cast<size_t>(n_common / kBlockTokens) + 1));
  if (n_mine > 0 && total - n_mine < kPrefillTokens) return {.n_tokens = n_mine};

  extend_keys(tokens, trail_.keys);
  if (const auto found = cache_->find(trail_, tokens, n_mine)) {
    state_ = found->point->state;
    logits_ = found->point->logits;
    seconds_ = 0.0;
    return {.n_tokens = state_.n_tokens, .from_disk = found->tokens_from_disk};
  }
  if (n_mine == 0) {
    state_ = make_kv_state(config_, model_.layouts());
    logits_.clear();
    seconds_ = 0.0;
  }
  return {.n_tokens = n_mine};
}

// Where the way to the goal is remembered: every now and then, best where a document ends; and
// where another question about the same documents would part from this one.
void ModelSession::plan_stops(std::span<const int64_t> marks) {
  const int64_t total = goal_tokens();
  int64_t last = state_.n_tokens;
  while (last + kStopEvery < total) {
    int64_t stop = block_floor(last + kStopEvery);
    auto mark = std::upper_bound(marks.begin(), marks.end(), last + kStopEvery);
    if (mark != marks.begin() && block_floor(*--mark) >= last + kStopMin) stop = block_floor(*mark);
    stops_.push_back(stop);
    last = stop;
  }
  remember_at(marks.empty() ? block_floor(total - 1) - kBlockTokens : block_floor(marks.back()));
}

// Chunks end on multiples of their length, and where the timeline is to be remembered.
int64_t ModelSession::chunk_end(int64_t chunk_tokens) const {
  const int64_t total = goal_tokens();
  if (chunk_tokens > 0) return std::min(total, state_.n_tokens + chunk_tokens);
  const auto stop = std::upper_bound(stops_.begin(), stops_.end(), state_.n_tokens);
  return std::min({total, (state_.n_tokens / kChunkTokens + 1) * kChunkTokens,
                   stop == stops_.end() ? total : *stop});
}

}  // namespace widenet::engine
