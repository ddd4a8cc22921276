// OutputParser: from generated tokens to reasoning, content and tool calls, as they come.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/prompt_encoding.h"
#include "engine/tokenizer.h"
#include "engine/tool_call.h"

namespace widenet::engine {

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

// How many of a reply's tokens are reasoning, the markers not counted.
int64_t count_reasoning_tokens(const PromptTokens& tokens,
                               Thinking thinking,
                               std::span<const TokenId> reply);

// The whole of it: what OutputSplitter tells apart as text, and the calls of a <｜DSML｜tool_calls>
// block (engine/tool_call.h) as calls.
//
//   - A call comes out when its </｜DSML｜invoke> does; its id is empty, its arguments a JSON
//   object.
//   - A block may begin where the model forgot </think>.  The blank line before it is dropped.
//   - What might be the beginning of a block is held back until that is known, and what turns out
//     not to be one (a wrong tag, a value that is not JSON, a block cut short) is text again, from
//     the last whole call on: nothing that was generated is lost, and nothing given is taken back.
//   - Only the special token makes a tag: a model that quotes one from a document calls nothing.
class OutputParser {
 public:
  // Keeps a reference to the tokenizer.  Where no tools were offered, blocks are text.
  OutputParser(const Tokenizer& tokenizer, Thinking thinking, bool has_tools);

  struct Output {  // what became certain
    std::string reasoning;
    std::string content;
    std::vector<ToolCall> tool_calls;
  };

  // After EOS nothing more comes out.
  Output feed(TokenId token);
  // What was held back, at the end of the generation.
  Output finish();

 private:
  using Part = OutputSplitter::Part;

  void add_text(std::string_view text, Output& output);
  void show(std::string_view text, Output& output);
  void read_block(Output& output);
  void leave_block(Output& output);

  const PromptTokens tokens_;
  const bool has_tools_;
  OutputSplitter splitter_;
  StreamDecoder decoder_;
  std::string held_;             // what a block may begin with: newlines and "<"
  bool is_after_block_ = false;  // blanks there are dropped

  // The block that the stream is in, from the special token of its opening tag on, each such token
  // written as one byte that is no text.
  bool is_in_block_ = false;
  std::string block_;
  bool has_calls_ = false;
  size_t n_read_ = 0;      // up to the end of the last whole call
  size_t n_searched_ = 0;  // the end of the next call does not begin before
};

}  // namespace widenet::engine
