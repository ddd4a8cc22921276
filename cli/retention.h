// Retention: which moments of a conversation can be gone on from, and what is computed again where
// one cannot.  Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace widenet::cli {

// Conversations that begin with the same tokens and then go their own ways.  Lengths in tokens.
struct Conversations {
  int64_t prefix = 32768;  // a multiple of a block
  int64_t n_turns = 8;
  int64_t prompt = 1000;  // of a turn
  int64_t answer = 300;

  int64_t own() const { return n_turns * (prompt + answer); }
  int64_t total() const { return prefix + own(); }
  // Where a turn's answer ends, and before that its prompt; turns count from 0.
  int64_t answer_end(int64_t turn) const { return prefix + (turn + 1) * (prompt + answer); }
  int64_t prompt_end(int64_t turn) const { return answer_end(turn) - answer; }
};

enum class WindowState {
  at_stops,     // whole, where one can go on from
  by_position,  // the rows of all positions, each once
  with_inputs,  // as that, and what all positions gave the compressors
};

struct Retention {
  std::string name;
  WindowState window = WindowState::at_stops;
  std::vector<int64_t> stops = {};  // at_stops: positions, in order
  // Behind the prefix, what comes next is known too: logits, and the draft head's streams.
  bool knows_next = false;

  // Tokens that are computed again by what parts from a timeline after n_tokens.
  int64_t recomputed(int64_t n_tokens) const;
  // Of a conversation's own tokens, those that one can ever go on from: the first ones.
  int64_t kept(const Conversations& conversations) const;
};

// From keeping everything to keeping what is likely to be gone on from.
std::vector<Retention> make_retentions(const Conversations& conversations);

// Tokens that are computed again.
struct Recomputed {
  double by_request = 0.0;     // on average: a conversation begins once, and then goes on
  int64_t at_beginning = 0;    // by another conversation on the same prefix
  double anywhere_mean = 0.0;  // by what parts after any token
  int64_t anywhere_max = 0;
};
Recomputed recomputed(const Retention& retention, const Conversations& conversations);

}  // namespace widenet::cli
