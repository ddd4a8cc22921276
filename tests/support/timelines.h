// Timelines run in one piece, and random walks along them: the same tokens cut, dropped, taken back
// and forked, in company, and compared bit for bit wherever a walk stops.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "engine/session.h"

namespace widenet::test {

using Random = std::mt19937_64;

struct Timeline {
  std::vector<engine::TokenId> tokens;
  std::vector<float> logits;  // after each token, [n_tokens, vocab_size]

  std::span<const engine::TokenId> first(int64_t n) const {
    return std::span(tokens).first(static_cast<size_t>(n));
  }
  // After the first n tokens.
  std::span<const float> logits_after(int64_t n) const;
};

// `count` timelines, each computed in one piece by itself: the first of random tokens, of a
// repeated phrase or of one token alone; the others part from it somewhere.
std::vector<Timeline> make_timelines(engine::Engine& engine,
                                     int64_t count,
                                     int64_t n_tokens,
                                     Random& random);

// Fills in the logits.
void run_in_one_piece(engine::Engine& engine, Timeline& timeline);

bool are_same_bits(std::span<const float> a, std::span<const float> b);

// Which liberties a walk takes besides stopping where it likes.
struct Habits {
  bool strays = false;  // leaves goals, goes along other timelines and comes back, guesses wrongly
  bool forks = false;   // leaves copies of itself that go on by themselves
};

// One session on its way to the first n_tokens tokens of the first timeline.
class Walk {
 public:
  // Engine and timelines outlive the walk.
  Walk(engine::Engine& engine,
       std::span<const Timeline> timelines,
       int64_t n_tokens,
       Habits habits = {});

  bool has_ended() const { return has_ended_; }
  engine::ModelSession& session() { return *session_; }

  // Gives a session that has arrived (and now and then another) its next goal, or ends the walk.
  void set_out(Random& random);
  // Where the session has arrived: whether its tokens and logits are those of the timeline.
  [[nodiscard]] bool is_right();
  // Another walk from here, to somewhere else.
  Walk fork(Random& random) const;
  bool may_fork() const { return habits_.forks; }

  // Where it has been, e.g. "A64 A+2-1 B100": 64 tokens of the first timeline, two guesses right
  // and one wrong, 100 tokens of the second.
  const std::string& story() const { return story_; }

 private:
  void go_to(size_t timeline, int64_t n_tokens);
  void guess(int64_t n_right, int64_t n_wrong, Random& random);
  int64_t next_stop(Random& random) const;

  engine::Engine* engine_;
  std::span<const Timeline> timelines_;
  int64_t n_tokens_;
  Habits habits_;
  std::unique_ptr<engine::ModelSession> session_;
  std::string story_;
  size_t timeline_ = 0;  // the one that the goal is on
  int64_t guessed_from_ = 0;
  int64_t n_right_ = 0;  // of the guesses; 0 unless the goal consists of guesses
  bool has_ended_ = false;
};

// Runs the walks to their ends, in each pass of the model some of them.  Empty, or what went wrong.
std::string run_together(engine::Engine& engine, std::vector<Walk> walks, Random& random);

}  // namespace widenet::test
