// DraftLength: how many tokens it pays to guess.
#pragma once

#include <cstdint>
#include <vector>

namespace widenet::engine {

struct ModelConfig;

// Guesses are checked by the model in the step that they would save, so they change no token: only
// how long it takes.  They pay while their chances of being right are above what they cost; the
// chances are taken from the guesses so far.  One per generation.
class DraftLength {
 public:
  // For the draft head of this model: an MTP block guesses one by one, up to three; DSpark at the
  // cost of a whole block, up to its size.
  explicit DraftLength(const ModelConfig& config);

  // n_timelines: how many decode in the same step.  0 to n_max().
  int64_t next(int64_t n_timelines);
  int64_t n_max() const { return static_cast<int64_t>(chances_.size()); }

  // Of n_guessed tokens the first n_right were right.
  void observe(int64_t n_guessed, int64_t n_right);

 private:
  // In units of a step of one row.
  double block_cost_ = 0;        // of guessing at all
  double guess_cost_ = 0;        // of each guess, its row in the step included
  std::vector<double> chances_;  // [n_max] of each guess, when those before it are right
  int64_t n_without_ = 0;        // steps since the last guess
};

}  // namespace widenet::engine
