#include "cli/retention.h"

#include <algorithm>

#include "engine/block_keys.h"
#include "engine/model_config.h"

namespace widenet::cli {
namespace {

constexpr int64_t kBlock = engine::kBlockTokens;  // and the longest window of a compressor
constexpr int64_t kOverlap = engine::ModelConfig::kOverlappingRatio;
constexpr int64_t kStopEvery = 8192;  // of this engine, in a long prompt

int64_t floor_to(int64_t n, int64_t multiple) {
  return n / multiple * multiple;
}

std::vector<int64_t> every(int64_t n, int64_t end) {
  std::vector<int64_t> stops;
  for (int64_t stop = n; stop <= end; stop += n) stops.push_back(stop);
  return stops;
}

// Where prompts and answers end, or on the last multiple before.
std::vector<int64_t> turn_ends(const Conversations& conversations, int64_t multiple) {
  std::vector<int64_t> stops;
  for (int64_t turn = 0; turn < conversations.n_turns; ++turn) {
    stops.push_back(floor_to(conversations.prompt_end(turn), multiple));
    stops.push_back(floor_to(conversations.answer_end(turn), multiple));
  }
  return stops;
}

// On the last multiples of a block before.
std::vector<int64_t> answer_ends(const Conversations& conversations) {
  std::vector<int64_t> stops;
  for (int64_t turn = 0; turn < conversations.n_turns; ++turn) {
    stops.push_back(floor_to(conversations.answer_end(turn), kBlock));
  }
  return stops;
}

// What this engine keeps of the prefix: a stop every so often, and its end.
std::vector<int64_t> with_prefix(const Conversations& conversations, std::vector<int64_t> stops) {
  std::vector<int64_t> all = every(kStopEvery, conversations.prefix - 1);
  all.push_back(conversations.prefix);
  all.insert(all.end(), stops.begin(), stops.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

}  // namespace

int64_t Retention::recomputed(int64_t n_tokens) const {
  switch (window) {
    case WindowState::with_inputs:
      return 0;
    case WindowState::by_position:
      // What is missing are the tails: of a plain compressor its window's tokens so far, of an
      // overlapping one also the window before.
      return n_tokens - std::max(int64_t{0}, std::min(floor_to(n_tokens, kBlock),
                                                      floor_to(n_tokens, kOverlap) - kOverlap));
    case WindowState::at_stops:
      break;
  }
  const auto after = std::upper_bound(stops.begin(), stops.end(), n_tokens);
  return after == stops.begin() ? n_tokens : n_tokens - *std::prev(after);
}

int64_t Retention::kept(const Conversations& conversations) const {
  if (window != WindowState::at_stops) return conversations.own();
  return stops.empty() ? 0 : std::max(int64_t{0}, stops.back() - conversations.prefix);
}

std::vector<Retention> make_retentions(const Conversations& conversations) {
  const int64_t total = conversations.total();
  return {
      {.name = "every token, with compressor inputs", .window = WindowState::with_inputs},
      {.name = "every token", .window = WindowState::by_position},
      {.name = "every 128 tokens", .stops = every(128, total)},
      {.name = "every 1,024 tokens", .stops = every(1024, total)},
      {.name = "every 2,048 tokens", .stops = every(2048, total)},
      {.name = "every 8,192 tokens", .stops = every(8192, total)},
      {.name = "ends of prompts and answers",
       .stops = turn_ends(conversations, 1),
       .knows_next = true},
      {.name = "this engine",
       .stops = with_prefix(conversations, turn_ends(conversations, 1)),
       .knows_next = true},
      {.name = "this engine, ends on multiples of 128",
       .stops = with_prefix(conversations, turn_ends(conversations, kBlock))},
      {.name = "as that, ends of answers alone",
       .stops = with_prefix(conversations, answer_ends(conversations))},
  };
}

Recomputed recomputed(const Retention& retention, const Conversations& conversations) {
  Recomputed result;
  result.at_beginning = retention.recomputed(conversations.prefix);
  int64_t sum = result.at_beginning;
  for (int64_t turn = 0; turn + 1 < conversations.n_turns; ++turn) {
    sum += retention.recomputed(conversations.answer_end(turn));
  }
  result.by_request = static_cast<double>(sum) / static_cast<double>(conversations.n_turns);
  int64_t sum_anywhere = 0;
  for (int64_t n = 1; n <= conversations.total(); ++n) {
    const int64_t here = retention.recomputed(n);
    sum_anywhere += here;
    result.anywhere_max = std::max(result.anywhere_max, here);
  }
  result.anywhere_mean =
      static_cast<double>(sum_anywhere) / static_cast<double>(conversations.total());
  return result;
}

}  // namespace widenet::cli
