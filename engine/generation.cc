// Prefill, sample, check the guesses, stream.
#include "engine/generation.h"

#include <algorithm>
#include <utility>

#include "engine/model_config.h"

namespace widenet::engine {
namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

Generation::Generation(const Engine& engine,
                       const GenerationRequest& request,
                       const GenerationCallbacks& callbacks,
                       std::unique_ptr<Session> session)
    : engine_(engine),
      request_(request),
      callbacks_(callbacks),
      session_(std::move(session)),
      sampler_(request.sampling),
      stops_(request.stop),
      decoder_(engine.tokenizer()),
      draft_length_(engine.config()) {
  completion_.usage.prompt_tokens = static_cast<int64_t>(request.prompt.size());
  resume();
}

void Generation::resume() {
  const Reuse reuse = session_->set_goal(request_.prompt, request_.notes);
  completion_.usage.cached_tokens = reuse.n_tokens;
  completion_.usage.disk_tokens = reuse.from_disk;
  report_prefill();
  if (session_->has_arrived()) begin_decoding();
}

void Generation::report_progress(int64_t n_tokens) const {
  if (callbacks_.on_prefill) callbacks_.on_prefill(n_tokens, completion_.usage.prompt_tokens);
}

// What has been read until now is not lost.
void Generation::cancel() {
  session_->remember();
  if (is_prefilling()) {
    completion_.seconds.prefill = seconds_since(phase_start_);
    completion_.finish_reason = FinishReason::cancelled;
    is_done_ = true;
  } else {
    finish(FinishReason::cancelled);
  }
}

int64_t Generation::n_guesses_wanted(int64_t n_timelines) {
  // Each guess may be generated, and the token after it too.
  const auto n_generated = static_cast<int64_t>(completion_.tokens.size());
  const int64_t n_room = std::min(request_.max_tokens - n_generated - 1,
                                  engine_.n_tokens_max() - session_->n_tokens() - 1);
  if (!request_.may_draft || !engine_.can_draft() || n_room <= 0) return 0;
  return std::min(draft_length_.next(n_timelines), n_room);
}

void Generation::begin_step(std::vector<TokenId> guesses) {
  guesses_ = std::move(guesses);
  std::vector<TokenId> tokens = {next_};
  tokens.insert(tokens.end(), guesses_.begin(), guesses_.end());
  session_->extend(tokens);
}

void Generation::end_step() {
  if (is_prefilling()) {
    report_prefill();
    if (session_->has_arrived()) begin_decoding();
    return;
  }
  // Row i tells what follows next_ and i guesses: as long as that is the next guess, go on.
  const int64_t n_before = session_->n_tokens() - static_cast<int64_t>(guesses_.size()) - 1;
  size_t n_right = 0;
  while (true) {
    const auto n_kept = static_cast<int64_t>(n_right) + 1;
    const TokenId token = sample(session_->logits(static_cast<int64_t>(n_right)));
    take(token, n_before + n_kept);
    if (is_done_ || n_right == guesses_.size() || token != guesses_[n_right]) break;
    ++n_right;
  }
  const auto n_guessed = static_cast<int64_t>(guesses_.size());
  draft_length_.observe(n_guessed, static_cast<int64_t>(n_right));
  completion_.usage.guessed_tokens += n_guessed;
  completion_.usage.right_guesses += static_cast<int64_t>(n_right);
  session_->keep_extension(static_cast<int64_t>(n_right) + 1);
  if (is_done_) session_->remember();  // a follow-up goes on from here
}

void Generation::report_prefill() {
  const int64_t done = session_->n_tokens();
  completion_.usage.computed_tokens = done - completion_.usage.cached_tokens;
  report_progress(done);
}

void Generation::begin_decoding() {
  completion_.seconds.prefill = seconds_since(phase_start_);
  phase_start_ = Clock::now();
  is_decoding_ = true;
  if (request_.max_tokens <= 0) {
    finish(FinishReason::length);
  } else {
    take(sample(session_->logits()), session_->n_tokens());
  }
}

TokenId Generation::sample(std::span<const float> logits) {
  return sampler_.sample(logits, request_.constraint.get());
}

// `token` follows the first n_tokens of the timeline.
void Generation::take(TokenId token, int64_t n_tokens) {
  next_ = token;
  completion_.tokens.push_back(token);
  if (request_.constraint) request_.constraint->take(token);
  if (callbacks_.on_token) callbacks_.on_token(token);
  if (token == engine_.config().eos_token) return finish(FinishReason::stop);
  emit(stops_.feed(decoder_.feed(token)));
  if (has_stop_string_) return finish(FinishReason::stop);
  const bool is_last = static_cast<int64_t>(completion_.tokens.size()) >= request_.max_tokens ||
                       n_tokens + 1 > engine_.n_tokens_max();
  if (is_last) finish(FinishReason::length);
}

void Generation::emit(const StopStrings::Output& output) {
  has_stop_string_ = has_stop_string_ || output.stopped;
  if (output.text.empty()) return;
  completion_.text += output.text;
  if (callbacks_.on_text) callbacks_.on_text(output.text);
}

void Generation::finish(FinishReason reason) {
  is_done_ = true;
  completion_.finish_reason = reason;
  if (!has_stop_string_) emit(stops_.feed(decoder_.finish()));
  if (!has_stop_string_) emit({stops_.finish(), false});
  completion_.usage.completion_tokens = static_cast<int64_t>(completion_.tokens.size());
  completion_.seconds.decode = seconds_since(phase_start_);
}

}  // namespace widenet::engine
