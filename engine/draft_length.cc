// The chances are running means; after a bad spell one guess in a while asks whether it is over.
#include "engine/draft_length.h"

#include <algorithm>

namespace widenet::engine {
namespace {

// In units of a step of one row, on nano (docs/benchmarks/kernels.md).
constexpr double kRowCost = 0.3;     // one more row in a step
constexpr double kGuessCost = 0.15;  // the MTP block's own work
constexpr double kLearning = 1.0 / 16;
constexpr int64_t kAskAgainAfter = 48;  // steps

}  // namespace

int64_t DraftLength::next(int64_t n_timelines) {
  const auto others = static_cast<double>(std::max<int64_t>(n_timelines, 1) - 1);
  const double cost_of_token = (1 + kRowCost * others) / (1 + others);
  double chance = 1;
  int64_t n = 0;
  while (n < kMax) {
    chance *= chances_[static_cast<size_t>(n)];
    if (chance * cost_of_token <= kRowCost + kGuessCost) break;
    ++n;
  }
  if (n == 0 && ++n_without_ >= kAskAgainAfter) n = 1;
  if (n > 0) n_without_ = 0;
  return n;
}

void DraftLength::observe(int64_t n_guessed, int64_t n_right) {
  for (int64_t i = 0; i < std::min(n_guessed, n_right + 1); ++i) {
    double& chance = chances_[static_cast<size_t>(i)];
    chance += kLearning * ((i < n_right ? 1.0 : 0.0) - chance);
  }
}

}  // namespace widenet::engine
