// `widenet eval niah`: single needles over a grid of lengths and depths, through the product's own
// prompt, by free greedy generation.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "engine/engine.h"
#include "engine/scheduler.h"
#include "eval/evaluation_log.h"
#include "eval/statistics.h"
#include "eval/tasks/niah.h"

namespace widenet::eval {

struct NiahOptions {
  std::vector<int64_t> lengths = {4096, 16384};  // tokens of the whole prompt, at most
  std::vector<double> depths = {0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100};  // percent
  int64_t needles = 20;                                                       // tries of a cell
  int64_t haystacks = 5;  // places that the haystacks begin at; tries take turns
  uint64_t seed = 1;
  int64_t max_tokens = 128;
};

struct NiahProgress {
  int64_t done = 0;
  int64_t total = 0;
  Share hits;
};

// {"cells": [{"length", "depth", "score", "tries", "hits", "low", "high", "contained", "quoted",
// "refused", "seconds"}], "lengths": [{"length", "score", ...}], "score", ...}; a score is the
// share of answers that are exactly the needle's value, low and high its 95% interval (Wilson).
nlohmann::json run_niah(const engine::Engine& engine,
                        engine::Scheduler& scheduler,
                        const std::vector<HaystackText>& texts,
                        const NiahOptions& options,
                        EvaluationLog& log,
                        const std::function<void(const NiahProgress&)>& on_progress = {});

}  // namespace widenet::eval
