// DraftLength: how many tokens it pays to guess.
#pragma once

#include <array>
#include <cstdint>

namespace widenet::engine {

// Guesses are checked by the model in the step that they would save, so they change no token: only
// how long it takes.  A guess pays while its chance of being right is above what its row costs; the
// chances are taken from the guesses so far.  One per generation.
class DraftLength {
 public:
  static constexpr int64_t kMax = 3;

  // n_timelines: how many decode in the same step.  0 to kMax.
  int64_t next(int64_t n_timelines);

  // Of n_guessed tokens the first n_right were right.
  void observe(int64_t n_guessed, int64_t n_right);

 private:
  std::array<double, kMax> chances_{0.8, 0.7,
                                    0.6};  // of each guess, when those before it are right
  int64_t n_without_ = 0;                  // steps since the last guess
};

}  // namespace widenet::engine
