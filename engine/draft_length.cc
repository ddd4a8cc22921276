// The chances are running means; after a bad spell one guess in a while asks whether it is over.
#include "engine/draft_length.h"

#include <algorithm>

#include "engine/model_config.h"

namespace widenet::engine {
namespace {

// In units of a step of one row, on nano (docs/benchmarks/cpu.md).
constexpr double kRowCost = 0.3;     // one more row in a step
constexpr double kGuessCost = 0.15;  // the MTP block's own work
constexpr int64_t kMtpMax = 3;
constexpr double kLearning = 1.0 / 16;
constexpr int64_t kAskAgainAfter = 48;  // steps

}  // namespace

DraftLength::DraftLength(const ModelConfig& config) : guess_cost_(kRowCost + kGuessCost) {
  int64_t n_max = kMtpMax;
  if (config.dspark.has_value()) {  // reckoned: the stages' share of a step of a block of rows
    n_max = config.dspark->block_size;
    const double share =
        static_cast<double>(config.dspark->n_stages) / static_cast<double>(config.n_layers);
    block_cost_ = share * (1 + kRowCost * static_cast<double>(n_max - 1));
    guess_cost_ = kRowCost;
  }
  for (int64_t i = 0; i < n_max; ++i) {
    chances_.push_back(std::max(0.5, 0.8 - 0.1 * static_cast<double>(i)));
  }
}

int64_t DraftLength::next(int64_t n_timelines) {
  const auto others = static_cast<double>(std::max<int64_t>(n_timelines, 1) - 1);
  const double cost_of_token = (1 + kRowCost * others) / (1 + others);
  double chance = 1;
  double gain = -block_cost_;
  double best_gain = 0;
  int64_t n = 0;
  for (int64_t i = 0; i < n_max(); ++i) {
    chance *= chances_[static_cast<size_t>(i)];
    gain += chance * cost_of_token - guess_cost_;
    if (gain <= best_gain) continue;
    best_gain = gain;
    n = i + 1;
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
