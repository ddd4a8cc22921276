// Generation: one request on one session, step by step, from its prompt to its last token.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "engine/draft_length.h"
#include "engine/engine.h"
#include "engine/sampler.h"
#include "engine/scheduler.h"

namespace widenet::engine {

// The scheduler's: it asks what the next step of the model needs, lets the engine compute it
// beside others, and hands back control.  Request and callbacks outlive it.
class Generation {
 public:
  // Throws EngineError on a prompt that the model cannot take, and whatever a callback throws (so
  // do the other calls).
  Generation(const Engine& engine,
             const GenerationRequest& request,
             const GenerationCallbacks& callbacks,
             std::unique_ptr<Session> session);

  bool is_done() const { return is_done_; }
  bool is_prefilling() const { return !is_decoding_; }
  Session& session() { return *session_; }

  bool is_cancelled() const { return callbacks_.is_cancelled && callbacks_.is_cancelled(); }
  void cancel();

  // Before a step while decoding: the token to go on from, how many guesses would pay beside
  // n_timelines in all, and then the step itself.
  TokenId next_token() const { return next_; }
  int64_t n_guesses_wanted(int64_t n_timelines);
  void begin_step(std::vector<TokenId> guesses);

  // After it, or after a chunk of the prompt: reports, samples, streams.
  void end_step();

  // While another request reads the beginning of the prompt: so much of it is done.  Afterwards
  // goes on from there.
  void report_progress(int64_t n_tokens) const;
  void resume();

  Completion take_completion() { return std::move(completion_); }

 private:
  using Clock = std::chrono::steady_clock;

  void report_prefill();
  void begin_decoding();
  TokenId sample(std::span<const float> logits);
  void take(TokenId token, int64_t n_tokens);
  void emit(const StopStrings::Output& output);
  void finish(FinishReason reason);

  const Engine& engine_;
  const GenerationRequest& request_;
  const GenerationCallbacks& callbacks_;
  std::unique_ptr<Session> session_;
  Sampler sampler_;
  StopStrings stops_;
  StreamDecoder decoder_;
  DraftLength draft_length_;
  std::vector<TokenId> guesses_;  // of the step that has begun
  TokenId next_ = 0;              // sampled, not yet in the timeline
  bool is_decoding_ = false;
  bool has_stop_string_ = false;
  bool is_done_ = false;
  Clock::time_point phase_start_ = Clock::now();  // of prefill, then of decoding
  Completion completion_;
};

}  // namespace widenet::engine
