// Prompt encoding: conversations to tokens, as DeepSeek-V4 was trained on them.  The way back is
// OutputParser.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/encoding_texts.h"
#include "engine/json_value.h"
#include "engine/tokenizer.h"
#include "engine/tool_call.h"

namespace widenet::engine {

class PromptBuilder;

// tool: what a call gave.  developer and latest_reminder: the model's makers' own, for
// completeness.
enum class Role { system, user, assistant, tool, developer, latest_reminder };

// none: the answer at once.  Otherwise reasoning first, and where the checkpoint has a paragraph
// for this effort, that before everything.  Stored answers keep the numbers.
enum class Thinking { none = 0, high = 1, max = 2, low = 3 };

// Text is tokenised where it stands; tokens (of text: Tokenizer::encode) are copied, so that what
// is stored is never encoded again.
using Content = std::variant<std::string, std::vector<TokenId>>;

struct Message {
  Role role = Role::user;
  Content content;
  Content reasoning = {};  // assistant only; without </think>

  std::vector<ToolCall> tool_calls = {};  // assistant only
  std::string tool_call_id = {};          // tool only: the call that this is the result of

  // system and developer only: what may be called, each an object with name, description and
  // parameters (OpenAI's tools[].function), and the JSON schema of the answer.
  std::vector<JsonValue> tools = {};
  std::optional<JsonValue> response_format = {};
};

// The tokens of the layout, looked up by content.
struct PromptTokens {
  TokenId bos, eos, user, assistant, think_start, think_end;
  std::optional<TokenId> dsml, latest_reminder;  // for what not every tokenizer can express

  // Throws ModelError naming the one that the tokenizer lacks.
  static PromptTokens of(const Tokenizer& tokenizer);
};

// Immutable; keeps a reference to the tokenizer.
class PromptEncoder {
 public:
  explicit PromptEncoder(const Tokenizer& tokenizer, EncodingTexts texts = {});

  // The prompt up to where the model goes on: BOS, each message, and after a last user message
  // <｜Assistant｜> with </think> (none) or <think>.  A last assistant message is closed by EOS.
  //
  //   - User and tool messages in a row become one of blocks with a blank line between them;
  //     results are put into the order of the calls before them.
  //   - When thinking, reasoning before the last user message is dropped (and so are developer
  //     messages there), unless any message has tools: then all of it stays.
  //   - Tools and response format follow the content of their message.
  //
  // Throws ModelError, saying what is missing, where a message needs a text (tools, response
  // format, Thinking::max) or a token (tools, calls, reminders) that the checkpoint does not have.
  std::vector<TokenId> encode(std::span<const Message> messages, Thinking thinking) const;

  const PromptTokens& tokens() const { return tokens_; }

 private:
  void add_effort(Thinking thinking, PromptBuilder& prompt) const;
  void add_instructions(const Message& message, PromptBuilder& prompt) const;
  void add_template(std::string_view name,
                    std::string_view text,
                    std::string_view json,
                    PromptBuilder& prompt) const;
  void add_tool_calls(std::span<const ToolCall> calls, PromptBuilder& prompt) const;
  TokenId dsml() const;

  const Tokenizer& tokenizer_;
  PromptTokens tokens_;
  EncodingTexts texts_;
};

// For a tokenizer alone: what needs the checkpoint's texts throws.
std::vector<TokenId> encode_messages(const Tokenizer& tokenizer,
                                     std::span<const Message> messages,
                                     Thinking thinking);

}  // namespace widenet::engine
