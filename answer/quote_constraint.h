// Lets the model write as evidence nothing but what stands in the documents: each quote is a
// continuation of their text, word by word, so that none can be invented.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "answer/prompt.h"
#include "engine/prompt_encoding.h"
#include "engine/sampler.h"

namespace widenet::answer {

// Lines of evidence (see AnswerReader) are constrained, all else is free, the model's reasoning
// too.  Blanks count for nothing, all other characters as they stand; a quote begins and ends where
// words do, and has three characters that count.  One that a label names a document for comes from
// there, if the prompt has it.  So every quote is found by QuoteFinder.
class QuoteConstraint final : public engine::TokenConstraint {
 public:
  // Copies the documents' text; the tokenizer outlives it.
  QuoteConstraint(std::span<const PromptDocument> documents,
                  const engine::Tokenizer& tokenizer,
                  engine::Thinking thinking);

  bool allows(TokenId token) const override;
  void take(TokenId token) override;

 private:
  enum class Line { undecided, label, quote, free };

  // Where in a line the output is.
  struct State {
    Line line = Line::undecided;
    std::string head;                   // of the line, while it is undecided or a label
    bool has_begun = false;             // the quote has characters
    std::vector<uint32_t> places = {};  // in text_, where the quote goes on
    std::optional<store::DocumentId> label = {};
    int64_t n_chars = 0;  // of the quote, that count
  };

  // What comes of a state when these bytes follow; none: they may not.
  std::optional<State> after(const State& state, std::string_view bytes) const;
  static void read_head(State& state, char c);
  bool continue_quote(State& state, std::string_view bytes) const;
  bool can_end(const State& state) const;
  std::vector<uint32_t> beginnings(const State& state, char first) const;

  struct Document {
    store::DocumentId id = 0;
    uint32_t begin = 0;  // in text_
    uint32_t end = 0;
  };

  const engine::Tokenizer& tokenizer_;
  TokenId think_end_ = 0;
  TokenId eos_ = 0;
  std::string text_;                           // what counts, UTF-8; a line end between stretches
  std::vector<bool> is_boundary_;              // of words, before each byte of text_ and at its end
  std::vector<std::vector<uint32_t>> starts_;  // for each first byte, where quotes may begin
  std::vector<Document> documents_;            // in the order of text_; an id may come again
  bool is_reasoning_ = false;
  State state_;
};

}  // namespace widenet::answer
