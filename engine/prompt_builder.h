// PromptBuilder: tokens out of text, special tokens and ready tokens, piece by piece.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/tokenizer.h"

namespace widenet::engine {

// Neighbouring text is tokenised in one go, since merges cross its seams: the tokens are those of
// the whole prompt's text with its special tokens recognised, except that no text yields one.
class PromptBuilder {
 public:
  // Keeps a reference to the tokenizer.
  explicit PromptBuilder(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  void add_text(std::string_view text) { text_ += text; }
  void add_token(TokenId token) { add_tokens({&token, 1}); }
  void add_tokens(std::span<const TokenId> tokens) {
    flush();
    tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
  }

  std::vector<TokenId> take() {
    flush();
    return std::move(tokens_);
  }

 private:
  void flush() {
    if (text_.empty()) return;
    const std::vector<TokenId> tokens = tokenizer_.encode(text_);
    tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
    text_.clear();
  }

  const Tokenizer& tokenizer_;
  std::vector<TokenId> tokens_;
  std::string text_;  // not tokenised yet
};

}  // namespace widenet::engine
