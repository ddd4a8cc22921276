#include "answer/prompt.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace widenet::answer {
namespace {

constexpr std::string_view kGap = "\n[...]\n";
constexpr std::string_view kFenceEnd = "\n</document>\n";
constexpr std::string_view kQuestion = "\nQuestion: ";

}  // namespace

std::string document_fence(store::DocumentId id, std::string_view title) {
  std::string clean(title);
  std::replace_if(
      clean.begin(), clean.end(), [](char c) { return c == '"' || c == '\n' || c == '\r'; }, ' ');
  return "<document D" + std::to_string(id) + " \"" + clean + "\">\n";
}

PromptAssembler::PromptAssembler(const engine::Tokenizer& tokenizer, engine::EncodingTexts texts)
    : tokenizer_(tokenizer),
      encoder_(tokenizer, std::move(texts)),
      system_(tokenizer.encode(kSystemText)) {}

std::vector<TokenId> PromptAssembler::assemble(std::span<const PromptTurn> turns,
                                               engine::Thinking thinking) const {
  WN_CHECK(!turns.empty());
  std::vector<engine::Message> messages(1);
  messages[0] = {.role = engine::Role::system, .content = system_};
  for (const PromptTurn& turn : turns) {
    WN_CHECK(turn.answer.has_value() == (&turn != &turns.back()));
    std::vector<TokenId> content;
    append_documents(turn.documents, content);
    append_text(kQuestion, content);
    append_text(turn.question, content);
    messages.push_back({.role = engine::Role::user, .content = std::move(content)});
    if (turn.answer) {
      messages.push_back({.role = engine::Role::assistant, .content = *turn.answer});
    }
  }
  return encoder_.encode(messages, thinking);
}

std::vector<TokenId> PromptAssembler::assemble_documents(
    std::span<const PromptDocument> documents) const {
  const engine::PromptTokens& special = encoder_.tokens();
  std::vector<TokenId> tokens = {special.bos};
  tokens.insert(tokens.end(), system_.begin(), system_.end());
  tokens.push_back(special.user);
  append_documents(documents, tokens);
  return tokens;
}

void PromptAssembler::append_documents(std::span<const PromptDocument> documents,
                                       std::vector<TokenId>& content) const {
  for (const PromptDocument& document : documents) {
    append_text(document_fence(document.id, document.title), content);
    int64_t previous_end = -1;
    for (const PromptPassage& passage : document.passages) {
      const bool touches = previous_end < 0 || previous_end == passage.start_char;
      if (!touches) append_text(kGap, content);
      content.insert(content.end(), passage.tokens.begin(), passage.tokens.end());
      previous_end = passage.end_char;
    }
    append_text(kFenceEnd, content);
  }
}

void PromptAssembler::append_text(std::string_view text, std::vector<TokenId>& content) const {
  const std::vector<TokenId> tokens = tokenizer_.encode(text);
  content.insert(content.end(), tokens.begin(), tokens.end());
}

}  // namespace widenet::answer
