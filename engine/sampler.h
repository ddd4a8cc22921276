// Sampling: the next token from logits, reproducibly, and where to stop.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/tokenizer.h"

namespace widenet::engine {

struct SamplingOptions {
  double temperature = 0;  // 0: greedy
  double top_p = 1;        // smallest set of likeliest tokens with at least this probability
  uint64_t seed = 0;
};

// What may be written, where not everything may.
class TokenConstraint {
 public:
  virtual ~TokenConstraint() = default;
  virtual bool allows(TokenId token) const = 0;  // as the next one
  virtual void take(TokenId token) = 0;          // it was the next one
};

// One per generation.  The same options and the same logits give the same tokens on every run.
class Sampler {
 public:
  // Throws std::invalid_argument unless temperature >= 0 and 0 < top_p <= 1.
  explicit Sampler(const SamplingOptions& options);

  // Greedy: the largest logit, ties to the lower id.  NaN logits never win; logits that are all NaN
  // are a bug of the caller.
  //
  // With a constraint, what it does not allow is left out and the token drawn again from the rest.
  // Where it allows no token at all, it is not heeded.
  TokenId sample(std::span<const float> logits, const TokenConstraint* constraint = nullptr);

  static TokenId argmax(std::span<const float> logits);

 private:
  struct Candidate {
    double weight;
    TokenId token;
  };

  TokenId draw(std::span<const float> logits);
  double next_uniform();  // [0, 1)
  void weigh(std::span<const float> logits, double largest);

  SamplingOptions options_;
  uint64_t state_;
  std::vector<Candidate> candidates_;  // kept between calls for its memory
  std::vector<float> left_;            // likewise: logits of what has not been refused
};

// Finds stop strings in streamed text, also across the pieces it comes in.
class StopStrings {
 public:
  // Empty strings are ignored.
  explicit StopStrings(std::vector<std::string> stops);

  struct Output {
    std::string text;      // what may be shown now: no stop string begins in it
    bool stopped = false;  // a stop string was found; text ends just before it
  };

  // Text that might be the beginning of a stop string is held back.  After `stopped` nothing more
  // comes out.
  Output feed(std::string_view text);
  // What was held back, at the end of the generation.
  std::string finish();

 private:
  size_t unsure_bytes() const;

  std::vector<std::string> stops_;
  std::string held_;
  bool stopped_ = false;
};

}  // namespace widenet::engine
