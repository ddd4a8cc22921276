// The embedded language model: a loaded checkpoint (Engine) and token timelines on it (Session).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/prompt_notes.h"
#include "engine/tokenizer.h"

namespace widenet::kernels {
struct Backend;
}

namespace widenet::engine {

struct ModelConfig;
class PrefixCache;
struct PrefixCacheOptions;
class Session;

// A model that cannot be opened, or used as asked.
class EngineError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// native: the official roundings (FP8 activations and rows, FP4 index keys, BF16 in between); what
//         the models are trained for, and what is served.
// exact:  float32 throughout; for comparison with other implementations.
enum class Numerics { native, exact };

struct EngineOptions {
  std::filesystem::path
      model;  // directory: config.json, model.safetensors (or index), tokenizer.json
  Numerics numerics = Numerics::native;
  std::string backend;  // "reference", "avx2", "avx512"; empty: $WN_BACKEND, else the fastest here
  const kernels::Backend* operations = nullptr;  // instead of `backend`; outlives the engine
  int threads = 0;                               // 0: one for each CPU this process may use
};

// A loaded model.  Weights are mapped, not copied.  Immutable after load(), except that its
// sessions share one thread pool: of all sessions of one engine only one may compute at a time
// (Scheduler sees to that).  Outlives its sessions.
class Engine {
 public:
  // Throws EngineError or ModelError, which name the file or tensor at fault.
  static std::unique_ptr<Engine> load(const EngineOptions& options);

  virtual ~Engine() = default;

  virtual const ModelConfig& config() const = 0;

  // Throws EngineError if the model directory has no tokenizer.json.
  virtual const Tokenizer& tokenizer() const = 0;

  // 64 hexadecimal digits that change with any weight, size or numerics.
  virtual const std::string& fingerprint() const = 0;

  // The model directory's last component, e.g. "nano".
  virtual std::string name() const = 0;

  virtual std::string backend_name() const = 0;
  virtual int n_threads() const = 0;
  virtual Numerics numerics() const = 0;

  // The largest number of tokens a timeline may have.
  virtual int64_t n_tokens_max() const = 0;

  // For the sessions of this engine, and no longer-lived than it.
  virtual std::shared_ptr<PrefixCache> make_cache(const PrefixCacheOptions& options) const = 0;

  // Without a cache the session remembers by itself.  `scope`: who may know what it reads; only
  // sessions of the same scope share.
  virtual std::unique_ptr<Session> make_session(std::shared_ptr<PrefixCache> cache,
                                                std::string_view scope) = 0;
  std::unique_ptr<Session> make_session() { return make_session(nullptr, {}); }

  // Computes the next chunk of each of these sessions, all different and none at its goal, in one
  // pass.  What a session gets does not depend on its company, bit for bit.
  virtual void advance(std::span<Session* const> sessions) = 0;

  // Whether the model has a draft head to guess with: an MTP block, or DSpark.
  virtual bool can_draft() const = 0;

  // Guesses what follows each session's timeline (at its goal) and `next`; can_draft().  Guesses
  // change no timeline.
  struct Draft {
    Session* session = nullptr;
    TokenId next = 0;             // sampled, but not in the timeline yet
    int64_t n_wanted = 1;         // at least one; DSpark makes at most a block
    std::vector<TokenId> tokens;  // the guesses; empty where the head knows nothing of the past
  };
  virtual void draft(std::span<Draft> drafts) = 0;
};

// Tokens of a goal whose state was there already.
struct Reuse {
  int64_t n_tokens = 0;
  int64_t from_disk = 0;  // of these
};

struct SyncResult {
  Reuse reuse;
  int64_t computed = 0;  // tokens that ran through the model in this call
  bool cancelled = false;
};

struct SyncOptions {
  // Called before each chunk with the tokens done (reused ones included) of the total; false stops.
  std::function<bool(int64_t done, int64_t total)> keep_going;

  // If set, receives the logits [vocab_size] after each computed token, in order.  Costly.
  std::function<void(int64_t position, std::span<const float> logits)> on_logits;

  // Tokens computed at a time; 0: the engine's choice.  Changes no bit of any result.
  int64_t chunk_tokens = 0;
};

// One token timeline and its state.  Not thread-safe.  Holds a reference to its Engine.
//
// A timeline is given a goal, and Engine::advance() takes it there chunk by chunk, beside others:
//
//     session->set_goal(prompt);
//     while (!session->has_arrived()) engine.advance(sessions);
//
// A session that computes more than a few tokens remembers where it began, a moment every 8192
// tokens or fewer, its end and where another question might part from it: its cache keeps them, and
// set_goal() goes on from there.
class Session {
 public:
  virtual ~Session() = default;

  // The timeline is to become exactly `tokens` (at least one, at most n_tokens_max()).  Goes on
  // from the longest part that is known: the timeline itself when `tokens` extends it, or a moment
  // in the cache.  A goal may be left before it is reached.  Throws EngineError on a token outside
  // the vocabulary or a timeline too long.
  virtual Reuse set_goal(std::span<const TokenId> tokens, const PromptNotes& notes) = 0;
  Reuse set_goal(std::span<const TokenId> tokens) { return set_goal(tokens, {}); }
  virtual bool has_arrived() const = 0;
  virtual std::span<const TokenId> goal() const = 0;

  // Keeps the present moment, or the one when the timeline has n_tokens, for others to go on from.
  virtual void remember() = 0;
  virtual void remember_at(int64_t n_tokens) = 0;

  // A goal a few tokens further on, some of which may turn out wrong: logits(i) will be those after
  // the i-th of them, and keep_extension(n) then drops all but the first n (at least one).
  virtual void extend(std::span<const TokenId> tokens) = 0;
  virtual void keep_extension(int64_t n_tokens) = 0;

  // set_goal(), and there in one call.  When cancelled the timeline is a prefix of `tokens`.
  virtual SyncResult sync(std::span<const TokenId> tokens, const SyncOptions& options) = 0;
  SyncResult sync(std::span<const TokenId> tokens) { return sync(tokens, {}); }

  // Bytes of the rows kept for the timeline: what a longer one needs more memory for.
  virtual int64_t state_bytes() const = 0;

  // After the last token, [vocab_size].  Empty unless the goal is reached.  Valid until the
  // timeline changes.
  virtual std::span<const float> logits() const = 0;
  virtual std::span<const float> logits(int64_t i) const = 0;  // see extend()

  virtual std::span<const TokenId> tokens() const = 0;
  int64_t n_tokens() const { return static_cast<int64_t>(tokens().size()); }
};

}  // namespace widenet::engine
