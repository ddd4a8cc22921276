#include "engine/prompt_encoding.h"

#include <algorithm>
#include <map>
#include <utility>

#include "engine/prompt_builder.h"
#include "engine/python_constants.h"

namespace widenet::engine {
namespace {

constexpr std::string_view kBlankLine = "\n\n";
constexpr std::string_view kDsml = "｜DSML｜";

// A message as it is rendered: of user and tool messages in a row, all of them.
struct Turn {
  const Message& message() const { return *blocks.front(); }
  Role role = Role::user;
  std::vector<const Message*> blocks;
};

bool has_tools(const Message& message) {
  return !message.tools.empty();
}

bool is_question(const Turn& turn) {
  return turn.role == Role::user || turn.role == Role::developer;
}

// The index of the last user or developer turn; 0 if there is none.
size_t last_question(const std::vector<Turn>& turns) {
  const auto at = std::find_if(turns.rbegin(), turns.rend(), is_question);
  return at == turns.rend() ? 0 : static_cast<size_t>(turns.rend() - at) - 1;
}

// Puts the results among the blocks into the order of the calls; results of no such call come
// first.
void sort_results(std::span<const ToolCall> calls, std::vector<const Message*>& blocks) {
  std::map<std::string_view, size_t> order;
  for (size_t i = 0; i < calls.size(); ++i) {
    if (!calls[i].id.empty()) order[calls[i].id] = i;
  }
  const auto rank = [&](const Message* result) {
    const auto at = order.find(result->tool_call_id);
    return at == order.end() ? 0 : at->second;
  };
  std::vector<const Message*> results;
  for (const Message* block : blocks) {
    if (block->role == Role::tool) results.push_back(block);
  }
  std::stable_sort(results.begin(), results.end(),
                   [&](const Message* a, const Message* b) { return rank(a) < rank(b); });
  auto next = results.begin();
  for (const Message*& block : blocks) {
    if (block->role == Role::tool) block = *next++;
  }
}

std::vector<Turn> turns_of(std::span<const Message> messages) {
  std::vector<Turn> turns;
  for (const Message& message : messages) {
    const bool is_block = message.role == Role::user || message.role == Role::tool;
    if (is_block && !turns.empty() && turns.back().role == Role::user) {
      turns.back().blocks.push_back(&message);
    } else {
      turns.push_back({is_block ? Role::user : message.role, {&message}});
    }
  }
  std::span<const ToolCall> calls;
  for (Turn& turn : turns) {
    if (turn.role == Role::user) sort_results(calls, turn.blocks);
    if (!turn.message().tool_calls.empty()) calls = turn.message().tool_calls;
  }
  return turns;
}

void add_content(const Content& content, PromptBuilder& prompt) {
  if (const auto* text = std::get_if<std::string>(&content)) {
    prompt.add_text(*text);
  } else {
    prompt.add_tokens(std::get<std::vector<TokenId>>(content));
  }
}

void add_blocks(const Turn& turn, PromptBuilder& prompt) {
  for (const Message* block : turn.blocks) {
    if (block != turn.blocks.front()) prompt.add_text(kBlankLine);
    const bool is_result = block->role == Role::tool;
    if (is_result) prompt.add_text("<tool_result>");
    add_content(block->content, prompt);
    if (is_result) prompt.add_text("</tool_result>");
  }
}

[[noreturn]] void no_text(const std::string& what, std::string_view name) {
  throw ModelError("cannot encode " + what + ": the checkpoint has no encoding/encoding_dsv4.py " +
                   "with " + std::string(name));
}

}  // namespace

PromptTokens PromptTokens::of(const Tokenizer& tokenizer) {
  const auto find = [&](std::string_view content) {
    const std::optional<TokenId> token = tokenizer.special_token(content);
    if (!token) {
      throw ModelError("cannot encode prompts: the tokenizer has no special token \"" +
                       std::string(content) + "\" (is this a DeepSeek-V4 tokenizer.json?)");
    }
    return *token;
  };
  return {.bos = find("<｜begin▁of▁sentence｜>"),
          .eos = find("<｜end▁of▁sentence｜>"),
          .user = find("<｜User｜>"),
          .assistant = find("<｜Assistant｜>"),
          .think_start = find("<think>"),
          .think_end = find("</think>"),
          .dsml = tokenizer.special_token(kDsml),
          .latest_reminder = tokenizer.special_token("<｜latest_reminder｜>")};
}

PromptEncoder::PromptEncoder(const Tokenizer& tokenizer, EncodingTexts texts)
    : tokenizer_(tokenizer), tokens_(PromptTokens::of(tokenizer)), texts_(std::move(texts)) {}

std::vector<TokenId> PromptEncoder::encode(std::span<const Message> messages,
                                           Thinking thinking) const {
  const bool is_thinking = thinking != Thinking::none;
  const bool keeps_reasoning =
      is_thinking && std::any_of(messages.begin(), messages.end(), has_tools);
  std::vector<Turn> turns = turns_of(messages);
  if (is_thinking && !keeps_reasoning) {
    const auto last = turns.begin() + static_cast<std::ptrdiff_t>(last_question(turns));
    turns.erase(std::remove_if(turns.begin(), last,
                               [](const Turn& turn) { return turn.role == Role::developer; }),
                last);
  }
  const size_t last = last_question(turns);

  PromptBuilder prompt(tokenizer_);
  prompt.add_token(tokens_.bos);
  add_effort(thinking, prompt);
  for (size_t i = 0; i < turns.size(); ++i) {
    const Turn& turn = turns[i];
    const Message& message = turn.message();
    const bool thinks_here = keeps_reasoning || (is_thinking && i >= last);
    switch (turn.role) {
      case Role::system:
        add_content(message.content, prompt);
        add_instructions(message, prompt);
        break;
      case Role::developer:
        prompt.add_token(tokens_.user);
        add_content(message.content, prompt);
        add_instructions(message, prompt);
        break;
      case Role::user:
      case Role::tool:
        prompt.add_token(tokens_.user);
        add_blocks(turn, prompt);
        break;
      case Role::latest_reminder:
        if (!tokens_.latest_reminder) {
          throw ModelError("cannot encode a reminder: the tokenizer has no <｜latest_reminder｜>");
        }
        prompt.add_token(*tokens_.latest_reminder);
        add_content(message.content, prompt);
        break;
      case Role::assistant:
        if (thinks_here) {
          add_content(message.reasoning, prompt);
          prompt.add_token(tokens_.think_end);
        }
        add_content(message.content, prompt);
        add_tool_calls(message.tool_calls, prompt);
        prompt.add_token(tokens_.eos);
        break;
    }
    const bool is_answered = i + 1 == turns.size() || turns[i + 1].role == Role::assistant ||
                             turns[i + 1].role == Role::latest_reminder;
    if (is_question(turn) && is_answered) {
      prompt.add_token(tokens_.assistant);
      prompt.add_token(thinks_here ? tokens_.think_start : tokens_.think_end);
    }
  }
  return prompt.take();
}

void PromptEncoder::add_effort(Thinking thinking, PromptBuilder& prompt) const {
  switch (thinking) {
    case Thinking::none:
      break;
    case Thinking::low:
      prompt.add_text(texts_.effort_low.value_or(""));
      break;
    case Thinking::high:
      prompt.add_text(texts_.effort_high.value_or(""));
      break;
    case Thinking::max:
      if (!texts_.effort_max) {
        no_text("the effort \"max\" (use \"high\")",
                "REASONING_EFFORT_MAX or REASONING_EFFORT_PROMPTS");
      }
      prompt.add_text(*texts_.effort_max);
  }
}

void PromptEncoder::add_instructions(const Message& message, PromptBuilder& prompt) const {
  if (has_tools(message)) {
    if (!texts_.tools) no_text("tools", "TOOLS_TEMPLATE");
    std::string schemas;
    for (const JsonValue& tool : message.tools) {
      schemas += (schemas.empty() ? "" : "\n") + tool.dump();
    }
    prompt.add_text(kBlankLine);
    add_template("TOOLS_TEMPLATE", *texts_.tools, schemas, prompt);
  }
  if (message.response_format) {
    if (!texts_.response_format) no_text("a response format", "response_format_template");
    prompt.add_text(kBlankLine);
    add_template("response_format_template", *texts_.response_format,
                 message.response_format->dump(), prompt);
  }
}

// Placeholders of the layout's marks become special tokens; the one for JSON takes `json`, as text.
void PromptEncoder::add_template(std::string_view name,
                                 std::string_view text,
                                 std::string_view json,
                                 PromptBuilder& prompt) const {
  const auto refuse = [&](const std::string& why) {
    throw ModelError("cannot use " + std::string(name) +
                     " of the checkpoint's encoding/encoding_dsv4.py: " + why);
  };
  const auto on_text = [&](std::string_view part) { prompt.add_text(part); };
  const auto on_placeholder = [&](std::string_view placeholder) {
    if (placeholder == "tool_schemas" || placeholder == "schema") {
      prompt.add_text(json);
    } else if (placeholder == "dsml_token") {
      prompt.add_token(dsml());
    } else if (placeholder == "thinking_start_token") {
      prompt.add_token(tokens_.think_start);
    } else if (placeholder == "thinking_end_token") {
      prompt.add_token(tokens_.think_end);
    } else {
      refuse("the placeholder {" + std::string(placeholder) + "} is not known here");
    }
  };
  if (!format_like_python(text, on_text, on_placeholder)) refuse("a brace is left alone");
}

void PromptEncoder::add_tool_calls(std::span<const ToolCall> calls, PromptBuilder& prompt) const {
  if (calls.empty()) return;
  const auto add_mark = [&](std::string_view before, std::string_view after) {
    prompt.add_text(before);
    prompt.add_token(dsml());
    prompt.add_text(after);
  };
  const auto add_parameter = [&](std::string_view name, bool is_string, std::string_view value) {
    add_mark("<", "parameter name=\"");
    prompt.add_text(name);
    prompt.add_text(is_string ? "\" string=\"true\">" : "\" string=\"false\">");
    prompt.add_text(value);
    add_mark("</", "parameter>");
  };
  prompt.add_text(kBlankLine);
  add_mark("<", "tool_calls>\n");
  for (const ToolCall& call : calls) {
    add_mark("<", "invoke name=\"");
    prompt.add_text(call.name);
    prompt.add_text("\">\n");
    const auto arguments = JsonValue::parse(call.arguments);
    if (!arguments || arguments->kind() != JsonValue::Kind::object) {
      add_parameter("arguments", true, call.arguments);
    } else {
      for (size_t i = 0; i < arguments->items().size(); ++i) {
        const JsonValue& value = arguments->items()[i];
        if (i > 0) prompt.add_text("\n");
        add_parameter(arguments->names()[i], value.kind() == JsonValue::Kind::string, value.text());
      }
    }
    add_mark("\n</", "invoke>\n");
  }
  add_mark("</", "tool_calls>");
}

TokenId PromptEncoder::dsml() const {
  if (!tokens_.dsml) {
    throw ModelError("cannot encode tools: the tokenizer has no special token \"" +
                     std::string(kDsml) + "\", so this model cannot call any");
  }
  return *tokens_.dsml;
}

std::vector<TokenId> encode_messages(const Tokenizer& tokenizer,
                                     std::span<const Message> messages,
                                     Thinking thinking) {
  return PromptEncoder(tokenizer).encode(messages, thinking);
}

}  // namespace widenet::engine
