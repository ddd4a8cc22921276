// From the model's stream of text to what a reader sees: reasoning, evidence, the answer.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "answer/citations.h"
#include "engine/prompt_encoding.h"

namespace widenet::answer {

// Text streams in as the scheduler gives it, </think> included where a model reasons first.
class OutputStream {
 public:
  explicit OutputStream(engine::Thinking thinking)
      : is_reasoning_(thinking != engine::Thinking::none) {}

  struct Output {
    std::string reasoning;
    std::vector<Evidence> evidence;
    std::string text;
  };

  Output feed(std::string_view text);
  Output finish();

 private:
  void read(std::string_view content, bool is_end, Output& output);

  bool is_reasoning_;
  std::string held_;  // the end of the reasoning so far that may be the beginning of </think>
  AnswerReader reader_;
};

}  // namespace widenet::answer
