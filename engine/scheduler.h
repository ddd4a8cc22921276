// Who may use the model when: one thread, a bounded queue, many generations side by side.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "engine/prompt_notes.h"
#include "engine/sampler.h"
#include "engine/tokenizer.h"

namespace widenet::engine {

class PrefixCache;

// The queue is full: the caller should say "busy, try again" rather than wait.
class QueueFull : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct GenerationRequest {
  std::vector<TokenId> prompt;  // at least one token
  SamplingOptions sampling;
  int64_t max_tokens = 512;
  std::vector<std::string> stop;

  PromptNotes notes = {};

  // Who may know what the prompt says: requests share what they read within a scope alone.
  std::string scope = {};

  // Nobody waits for it: its prompt is read while there is no other to read.
  bool is_background = false;

  // Asked on the model's thread; empty: everything may be written.
  std::shared_ptr<TokenConstraint> constraint = nullptr;

  // Whether tokens may be guessed ahead with the model's draft head, if it has one.  They are
  // checked before they count: the answer is the same, token for token, and comes sooner.
  bool may_draft = true;
};

// All are called on the model's thread and must be quick; any may be empty.
struct GenerationCallbacks {
  std::function<void(int64_t done, int64_t total)> on_prefill;  // prompt tokens, after each chunk
  std::function<void(TokenId token)> on_token;                  // each as sampled, EOS too
  std::function<void(std::string_view text)> on_text;           // complete UTF-8, in order
  std::function<bool()> is_cancelled;  // asked before every chunk and every generated token
};

enum class FinishReason { stop, length, cancelled };

struct TokenUsage {
  int64_t prompt_tokens = 0;
  int64_t cached_tokens = 0;    // of the prompt, taken from kept state
  int64_t disk_tokens = 0;      // of these, read from disk
  int64_t computed_tokens = 0;  // of the prompt, run through the model
  int64_t completion_tokens = 0;
  int64_t reasoning_tokens = 0;  // of these; counted by who knows the encoding
  int64_t guessed_tokens = 0;    // by the draft head
  int64_t right_guesses = 0;     // of these; a part of completion_tokens
};

struct GenerationSeconds {
  double queue = 0.0;
  double prefill = 0.0;
  double decode = 0.0;
};

struct Completion {
  std::string text;             // all that on_text was given; without stop strings and EOS
  std::vector<TokenId> tokens;  // as sampled, EOS included where it ended the answer
  FinishReason finish_reason = FinishReason::stop;
  TokenUsage usage;
  GenerationSeconds seconds;
};

struct SchedulerOptions {
  int64_t queue_max = 32;                        // requests waiting, beside those that run
  int64_t running_max = 8;                       // requests that run side by side
  std::shared_ptr<PrefixCache> cache = nullptr;  // of the engine; empty: one in memory
};

// Owns the one thread that computes.  Requests begin first in, first out, and then run side by
// side (continuous batching): each step of the model takes every answer one token further (or a
// few, where guesses were right) and one prompt one chunk further, prompts taking turns.  So an
// answer's tokens never wait for more than a chunk of anyone's prompt.  A prompt that begins as
// another does which is being read waits for that and goes on from there; should the other be
// cancelled, from where it was.  What a request gets does not depend on its company.  Thread-safe.
class Scheduler {
 public:
  // `engine` has a tokenizer and outlives the scheduler.
  explicit Scheduler(Engine& engine, const SchedulerOptions& options = {});

  // Cancels what runs and what waits, then joins the thread.
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // Blocks until the answer is complete or cancelled.  Throws QueueFull; EngineError on a prompt
  // the model cannot take (empty, too long, ids outside the vocabulary); and whatever a callback
  // throws.
  Completion generate(const GenerationRequest& request, const GenerationCallbacks& callbacks = {});

  // Requests waiting or running now.
  int64_t n_pending() const;

  // Which tokens of a prompt need not be computed, as things are.
  Reuse known(std::span<const TokenId> prompt, std::string_view scope) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace widenet::engine
