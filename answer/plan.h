// Which mode a question runs in, and how many tokens of documents it may read.  Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace widenet::answer {

// `tables`: answered by one SELECT over records (answer/table_answer.h); no model reads anything.
enum class Mode { automatic, rag, hybrid, whole, tables };
std::string_view name_of(Mode mode);  // "auto", "rag", "hybrid", "long", "sql"
std::optional<Mode> mode_named(std::string_view name);

// What the decision rests on.
struct Circumstances {
  Mode wanted = Mode::automatic;
  int64_t tokens_in_scope = 0;  // with fences
  int64_t tokens_max = 0;       // of documents, that the model can read beside question and answer
  int64_t rag_tokens = 4096;
  int64_t hybrid_tokens = 100'000;
  int64_t budget_tokens = 0;  // asked for by the caller; 0: the mode's own
  double tokens_per_second = 0;
  double seconds_max = 30;
  bool asks_about_all = false;
};

struct Decision {
  Mode mode = Mode::rag;
  int64_t budget_tokens = 0;
  std::string why;  // one sentence
};

// Of the modes that read.  `auto`, by the first rule that applies:
//   1. everything in scope fits the budget of `rag`                  -> long: nothing is left out
//   2. the question asks about all documents, and all that the model can hold of them is read in
//      seconds_max                                                   -> long
//   3. it does, and the budget of `hybrid` is read in seconds_max    -> hybrid
//   4. the budget of `hybrid` is read in a quarter of seconds_max    -> hybrid
//   5. otherwise                                                     -> rag
Decision decide(const Circumstances& circumstances);

// "how many", "list", "every", "compare", ...: no few passages can answer it.  English only.
bool asks_about_all(std::string_view question);

}  // namespace widenet::answer
