// Prompt encoding: conversations to tokens and back, as DeepSeek-V4 was trained on them.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/tokenizer.h"

namespace widenet::engine {

enum class Role { system, user, assistant };

// none: the answer at once.  high: reasoning first.  max: reasoning first, and the checkpoint's own
// paragraph asking for all of it.
enum class Thinking { none, high, max };

// Content is tokenised as text (Tokenizer::encode), so stored tokens are copied, never re-encoded.
struct Message {
  Role role = Role::user;
  std::vector<TokenId> content;
  std::vector<TokenId> reasoning;  // assistant only; without </think>
};

// The tokens of the layout, looked up by content.
struct PromptTokens {
  TokenId bos, eos, user, assistant, think_start, think_end;

  // Throws ModelError naming the one that the tokenizer lacks.
  static PromptTokens of(const Tokenizer& tokenizer);
};

class PromptEncoder {
 public:
  // `effort_max` is the text of read_effort_max_text, if the checkpoint has one.
  explicit PromptEncoder(const Tokenizer& tokenizer,
                         const std::optional<std::string>& effort_max = {});

  // The prompt up to where the model goes on: BOS, each message, and after a last user message
  // <｜Assistant｜> with </think> (none) or <think> (high, max).  A last assistant message is
  // closed by EOS.  In thinking modes the reasoning of turns before the last user message is
  // dropped.  Throws ModelError for `max` without its text.
  std::vector<TokenId> encode(std::span<const Message> messages, Thinking thinking) const;

  const PromptTokens& tokens() const { return tokens_; }

 private:
  PromptTokens tokens_;
  std::optional<std::vector<TokenId>> effort_max_;
};

// For a tokenizer alone: `max` throws.
std::vector<TokenId> encode_messages(const Tokenizer& tokenizer,
                                     std::span<const Message> messages,
                                     Thinking thinking);

// The paragraph of Thinking::max from the checkpoint's encoding/encoding_dsv4.py, which is read as
// text and never run.  Nothing if the file or the paragraph is not there.
std::optional<std::string> read_effort_max_text(const std::filesystem::path& model_dir);

// Splits the stream of generated tokens: reasoning until </think>, then content until EOS.
class OutputSplitter {
 public:
  enum class Part { reasoning, content, end };

  OutputSplitter(const PromptTokens& tokens, Thinking thinking)
      : tokens_(tokens), part_(thinking == Thinking::none ? Part::content : Part::reasoning) {}

  // Which part the token belongs to, or nothing if it is only a marker between parts.  Everything
  // from EOS on is `end`.
  std::optional<Part> feed(TokenId token);

  Part part() const { return part_; }

 private:
  PromptTokens tokens_;
  Part part_;
};

}  // namespace widenet::engine
