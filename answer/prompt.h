// The canonical prompt: what the model reads, byte for byte, so that equal documents make equal
// prefixes.
//
//   system    kSystemText
//   user      <document D17 "Title">
//             text of a passage
//             [...]
//             text of a passage that does not touch it
//             </document>
//             (late documents, if any: a label may come again, with other passages)
//
//             Question: what was asked
//   assistant Evidence: exact words from one document
//             Answer: few words
//
// A label is D and the document version's id, for ever.  A follow-up is a further user turn, with
// the passages that it brings (late passages) before its question.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/prompt_encoding.h"
#include "store/records.h"

namespace widenet::answer {

using engine::TokenId;

inline constexpr std::string_view kSystemText =
    "Answer from the documents only. First copy the evidence: one line for each piece, "
    "\"Evidence: \" and the exact words. Then write \"Answer: \" and the answer in few words. If "
    "the documents do not say, write only \"Answer: Not in the documents.\"";

// A stretch of one document's canonical text.
struct PromptPassage {
  int64_t start_char = 0;
  int64_t end_char = 0;
  std::string text;             // characters [start_char, end_char)
  std::vector<TokenId> tokens;  // of the text, as text
};

struct PromptDocument {
  store::DocumentId id = 0;
  std::string title;
  std::vector<PromptPassage> passages;  // in text order, not overlapping
};

// One user turn and, where it has been answered, the assistant's.
struct PromptTurn {
  // In (collection, document) order; behind them late ones (answer/sticky_net.h), ordered likewise.
  std::vector<PromptDocument> documents;
  std::string question;
  std::optional<std::vector<TokenId>> answer;  // content as generated, without EOS
};

// `<document D17 "Title">` and a newline; newlines and double quotes of the title become spaces.
std::string document_fence(store::DocumentId id, std::string_view title);

// Assembles prompts.  Passages' tokens are copied; everything else is tokenised as text, so that no
// document, title or question can yield a special token.  Keeps a reference to the tokenizer;
// otherwise immutable, and safe from any number of threads.
class PromptAssembler {
 public:
  explicit PromptAssembler(const engine::Tokenizer& tokenizer, engine::EncodingTexts texts = {});

  // All turns but the last are answered.  Throws ModelError as PromptEncoder::encode does.
  std::vector<TokenId> assemble(std::span<const PromptTurn> turns, engine::Thinking thinking) const;

  // Where in the prompt that assemble() made of `turns` their documents stand, fences included; in
  // order.
  struct DocumentSpan {
    store::DocumentId document = 0;
    int64_t first_token = 0;
    int64_t end_token = 0;
  };
  std::vector<DocumentSpan> document_spans(std::span<const TokenId> prompt,
                                           std::span<const PromptTurn> turns) const;

  // Of one document, fences included.
  int64_t count_tokens(const PromptDocument& document) const;

  const engine::PromptEncoder& encoder() const { return encoder_; }

 private:
  void append_document(const PromptDocument& document, std::vector<TokenId>& content) const;
  void append_text(std::string_view text, std::vector<TokenId>& content) const;

  const engine::Tokenizer& tokenizer_;
  engine::PromptEncoder encoder_;
  std::vector<TokenId> system_;
};

}  // namespace widenet::answer
