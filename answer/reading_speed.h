// How long the model takes to read a prompt, from its operations and from how long it took so far.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "engine/model_config.h"
#include "engine/scheduler.h"

namespace widenet::answer {

// Tokens [first, end) of a prompt take as long as their operations (engine/cost.h), which grow with
// what stands before them, at one rate that is measured; tokens from disk take the same time each.
// Until they have been measured both rates are guesses.  Not thread-safe.
class ReadingSpeed {
 public:
  // `config` outlives it.  In `file`, if it is given, what is learned survives the process: under
  // `machine`, which says what reads, and how.  A file that cannot be read or written costs that.
  explicit ReadingSpeed(const engine::ModelConfig& config,
                        std::filesystem::path file = {},
                        std::string machine = {});

  // To the first token of an answer.
  double seconds(int64_t prompt_tokens, const engine::Reuse& known) const;

  // Prompts that say nothing about speed, too short ones, change nothing.
  void learn(const engine::TokenUsage& usage, double prefill_seconds);

 private:
  struct Rate {
    double value = 0.0;
    bool is_measured = false;

    void learn(double measured);
  };

  double operations(int64_t first, int64_t end) const;
  void recall();
  void keep() const;

  const engine::ModelConfig& config_;
  const std::filesystem::path file_;
  const std::string machine_;
  Rate operations_per_second_;
  Rate disk_seconds_per_token_;
};

}  // namespace widenet::answer
