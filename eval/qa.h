// `widenet eval qa`: questions with known answers, asked as a user asks them, in each mode.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "answer/ask.h"
#include "eval/evaluation_log.h"
#include "eval/questions.h"

namespace widenet::eval {

struct QaOptions {
  std::vector<store::CollectionId> collections;
  std::vector<answer::Mode> modes = {answer::Mode::rag};
  // If not 0, nothing is retrieved: the prompt holds the gold documents among this many, whole, the
  // others drawn at random from the collections.
  int64_t gold_among = 0;
  uint64_t seed = 1;
  int64_t budget_tokens = 0;
  int64_t max_tokens = 192;
};

struct QaProgress {
  int64_t done = 0;
  int64_t total = 0;
  std::string mode;
  int64_t hits = 0;  // of answerable questions in this mode so far
  int64_t tries = 0;
};

// {"modes": [{"mode", "answerable": {"tries", "exact", "contained", "f1", "false_refusals",
// "cited", "low", "high", ...}, "unanswerable": {"tries", "refused", ...}, "kinds": {...},
// "tokens", "seconds"}], "questions": [...]}.  "correct" is exact or contained; "cited": a citation
// overlaps the gold passage; "in_context": the prompt held the gold passage.
nlohmann::json run_qa(const store::Store& store,
                      answer::Asker& asker,
                      const std::vector<Question>& questions,
                      const QaOptions& options,
                      EvaluationLog& log,
                      const std::function<void(const QaProgress&)>& on_progress = {});

}  // namespace widenet::eval
