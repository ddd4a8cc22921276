// Random walks along timelines.
#include "tests/support/timelines.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/model_config.h"

namespace widenet::test {

using engine::Engine;
using engine::ModelSession;
using engine::Session;
using engine::TokenId;

namespace {

constexpr size_t kWalksMax = 8;

// In [first, last].
int64_t between(int64_t first, int64_t last, Random& random) {
  return first + static_cast<int64_t>(random() % static_cast<uint64_t>(last - first + 1));
}

TokenId random_token(const Engine& engine, Random& random) {
  return static_cast<TokenId>(between(0, engine.config().vocab_size - 1, random));
}

std::vector<TokenId> random_tokens(const Engine& engine, int64_t n, Random& random) {
  const int64_t period = std::vector<int64_t>{n, n, between(2, 40, random), 1}[random() % 4];
  std::vector<TokenId> tokens;
  for (int64_t i = 0; i < n; ++i) {
    tokens.push_back(i < period ? random_token(engine, random)
                                : tokens[static_cast<size_t>(i - period)]);
  }
  return tokens;
}

}  // namespace

std::span<const float> Timeline::logits_after(int64_t n) const {
  const size_t size = logits.size() / tokens.size();
  return std::span(logits).subspan(static_cast<size_t>(n - 1) * size, size);
}

std::vector<Timeline> make_timelines(Engine& engine,
                                     int64_t count,
                                     int64_t n_tokens,
                                     Random& random) {
  std::vector<Timeline> timelines(static_cast<size_t>(count));
  for (Timeline& timeline : timelines) {
    timeline.tokens = random_tokens(engine, n_tokens, random);
    if (&timeline != timelines.data()) {
      const Timeline& trunk = timelines.front();
      std::copy_n(trunk.tokens.begin(), between(0, n_tokens - 1, random), timeline.tokens.begin());
    }
    run_in_one_piece(engine, timeline);
  }
  return timelines;
}

void run_in_one_piece(Engine& engine, Timeline& timeline) {
  timeline.logits.clear();
  engine::SyncOptions options;
  options.chunk_tokens = static_cast<int64_t>(timeline.tokens.size());
  options.on_logits = [&](int64_t, std::span<const float> row) {
    timeline.logits.insert(timeline.logits.end(), row.begin(), row.end());
  };
  engine.make_session()->sync(timeline.tokens, options);
}

bool are_same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

Walk::Walk(Engine& engine, std::span<const Timeline> timelines, int64_t n_tokens, Habits habits)
    : engine_(&engine), timelines_(timelines), n_tokens_(n_tokens), habits_(habits) {
  std::unique_ptr<Session> session = engine.make_session();
  session_.reset(&dynamic_cast<ModelSession&>(*session.release()));
}

Walk Walk::fork(Random& random) const {
  const auto longest = static_cast<int64_t>(timelines_.front().tokens.size());
  Walk copy(*engine_, timelines_, between(1, longest, random), habits_);
  copy.session_ = std::make_unique<ModelSession>(*session_);
  copy.story_ = story_ + " (fork)";
  copy.timeline_ = timeline_;
  return copy;
}

void Walk::set_out(Random& random) {
  const int64_t here = session_->n_tokens();
  const bool may_stray = habits_.strays && n_right_ == 0;
  if (!session_->has_arrived()) {
    if (!may_stray || random() % 12 != 0) return;
  } else if (timeline_ == 0 && here == n_tokens_) {
    has_ended_ = true;
    return;
  } else if (engine_->can_draft() && here > 0 && random() % 4 == 0) {  // leaves no trace
    Engine::Draft draft{session_.get(), random_token(*engine_, random), between(1, 4, random), {}};
    engine_->draft({&draft, 1});
  }
  if (may_stray && random() % 12 == 0) {
    go_to(random() % timelines_.size(), between(1, n_tokens_, random));
  } else if (session_->has_arrived() && timeline_ == 0 && 0 < here && here < n_tokens_ &&
             random() % 3 == 0) {
    const int64_t n_right = between(1, std::min<int64_t>(4, n_tokens_ - here), random);
    guess(n_right, may_stray ? between(0, 3, random) : 0, random);
  } else {
    go_to(0, next_stop(random));
  }
}

// Half of the stops are around the ends of windows and of compressors' blocks, half anywhere.
int64_t Walk::next_stop(Random& random) const {
  const int64_t n = session_->n_tokens();
  const int64_t here = timeline_ == 0 && n < n_tokens_ ? n : 0;
  const int64_t block_end = (here / 64 + between(1, 2, random)) * 64;
  const double octaves = static_cast<double>(between(0, 512, random)) / 64;
  const int64_t stop = random() % 2 == 0
                           ? block_end + between(-3, 3, random)
                           : here + static_cast<int64_t>(std::lround(std::exp2(octaves)));
  return std::min(std::max(stop, here + 1), n_tokens_);
}

void Walk::go_to(size_t timeline, int64_t n_tokens) {
  timeline_ = timeline;
  n_right_ = 0;
  story_ += ' ' + std::string(1, static_cast<char>('A' + timeline)) + std::to_string(n_tokens);
  session_->set_goal(timelines_[timeline].first(n_tokens));
}

void Walk::guess(int64_t n_right, int64_t n_wrong, Random& random) {
  const auto right = timelines_[timeline_]
                         .first(session_->n_tokens() + n_right)
                         .last(static_cast<size_t>(n_right));
  std::vector<TokenId> tokens(right.begin(), right.end());
  for (int64_t i = 0; i < n_wrong; ++i) tokens.push_back(random_token(*engine_, random));
  n_right_ = n_right;
  story_ += " A+" + std::to_string(n_right) + "-" + std::to_string(n_wrong);
  guessed_from_ = session_->n_tokens();
  session_->extend(tokens);
}

bool Walk::is_right() {
  const Timeline& timeline = timelines_[timeline_];
  for (int64_t i = 0; i < n_right_; ++i) {
    if (!are_same_bits(session_->logits(i), timeline.logits_after(guessed_from_ + i + 1))) {
      return false;
    }
  }
  if (n_right_ > 0) session_->keep_extension(n_right_);
  n_right_ = 0;
  const int64_t here = session_->n_tokens();
  return std::ranges::equal(session_->tokens(), timeline.first(here)) &&
         are_same_bits(session_->logits(), timeline.logits_after(here));
}

std::string run_together(Engine& engine, std::vector<Walk> walks, Random& random) {
  const auto went_wrong = [&](const Walk& walk) {
    return "one of " + std::to_string(walks.size()) + " walks went wrong at the end of" +
           walk.story();
  };
  while (true) {
    std::vector<Walk*> ready;
    for (Walk& walk : walks) {
      while (!walk.has_ended()) {
        walk.set_out(random);
        if (!walk.session().has_arrived()) break;
        if (!walk.is_right()) return went_wrong(walk);
      }
      if (!walk.has_ended()) ready.push_back(&walk);
    }
    if (ready.empty()) return "";

    std::shuffle(ready.begin(), ready.end(), random);
    ready.resize(static_cast<size_t>(between(1, static_cast<int64_t>(ready.size()), random)));
    std::vector<Session*> sessions;
    for (Walk* walk : ready) sessions.push_back(&walk->session());
    engine.advance(sessions);
    std::vector<Walk> forks;
    for (Walk* walk : ready) {
      if (!walk->session().has_arrived()) continue;
      if (!walk->is_right()) return went_wrong(*walk);
      if (walk->may_fork() && walks.size() + forks.size() < kWalksMax && random() % 16 == 0) {
        forks.push_back(walk->fork(random));
      }
    }
    for (Walk& fork : forks) walks.push_back(std::move(fork));
  }
}

}  // namespace widenet::test
