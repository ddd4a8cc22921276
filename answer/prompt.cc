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
    for (const PromptDocument& document : turn.documents) append_document(document, content);
    append_text(kQuestion, content);
    append_text(turn.question, content);
    messages.push_back({.role = engine::Role::user, .content = std::move(content)});
    if (turn.answer) {
      messages.push_back({.role = engine::Role::assistant, .content = *turn.answer});
    }
  }
  return encoder_.encode(messages, thinking);
}

// No text can yield the token that begins a turn; an answer, which is the model's, can.
std::vector<PromptAssembler::DocumentSpan> PromptAssembler::document_spans(
    std::span<const TokenId> prompt, std::span<const PromptTurn> turns) const {
  const TokenId user = encoder_.tokens().user;
  std::vector<DocumentSpan> spans;
  int64_t n_before = 0;  // of that token
  for (const PromptTurn& turn : turns) {
    auto begin = prompt.begin();
    for (int64_t i = 0; i <= n_before; ++i) {
      begin = std::find(begin, prompt.end(), user);
      WN_CHECK(begin != prompt.end());
      ++begin;
    }
    int64_t position = begin - prompt.begin();
    for (const PromptDocument& document : turn.documents) {
      const int64_t end = position + count_tokens(document);
      spans.push_back({document.id, position, end});
      position = end;
    }
    n_before += 1 + (turn.answer ? std::ranges::count(*turn.answer, user) : 0);
  }
  return spans;
}

int64_t PromptAssembler::count_tokens(const PromptDocument& document) const {
  std::vector<TokenId> content;
  append_document(document, content);
  return static_cast<int64_t>(content.size());
}

void PromptAssembler::append_document(const PromptDocument& document,
                                      std::vector<TokenId>& content) const {
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

void PromptAssembler::append_text(std::string_view text, std::vector<TokenId>& content) const {
  const std::vector<TokenId> tokens = tokenizer_.encode(text);
  content.insert(content.end(), tokens.begin(), tokens.end());
}

}  // namespace widenet::answer
