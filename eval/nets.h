// `widenet eval nets`: how much of a prompt the prompts before it have read already, and how often
// it holds what the question needs, with sticky nets and without.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "answer/ask.h"
#include "eval/questions.h"

namespace widenet::eval {

struct NetsOptions {
  std::vector<store::CollectionId> collections;
  int64_t budget_tokens = 0;             // 0: the mode's own
  int64_t n_first = 20;                  // questions that are also counted by themselves
  std::optional<uint64_t> shuffle_seed;  // empty: in the order given
};

// Prompts of `hybrid` for one question after the other; nothing is generated.  A token counts as
// cached if it lies in the longest beginning, in whole blocks of 128, that a prompt before had.
//
// {"questions", "first": SUMMARY, "all": SUMMARY, "items": [..]}; SUMMARY: {"cached_median",
// "cached_mean", "gold_in_prompt", "reused", "prompt_tokens"}, all shares but the last, a mean.
nlohmann::json run_nets(const store::Store& store,
                        answer::Asker& asker,
                        std::vector<Question> questions,
                        const NetsOptions& options);

// Results of several askers, one a line.
struct NamedResults {
  std::string name;
  const nlohmann::json& results;
};
std::string format_nets(const std::vector<NamedResults>& all);

}  // namespace widenet::eval
