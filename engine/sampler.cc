#include "engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "base/check.h"

namespace widenet::engine {

Sampler::Sampler(const SamplingOptions& options) : options_(options), state_(options.seed) {
  if (!(options.temperature >= 0) || !std::isfinite(options.temperature)) {
    throw std::invalid_argument("cannot sample: temperature must be 0 or more");
  }
  if (!(options.top_p > 0 && options.top_p <= 1)) {
    throw std::invalid_argument("cannot sample: top_p must be above 0 and at most 1");
  }
}

TokenId Sampler::argmax(std::span<const float> logits) {
  size_t best = logits.size();
  for (size_t i = 0; i < logits.size(); ++i) {
    if (std::isnan(logits[i])) continue;
    if (best == logits.size() || logits[i] > logits[best]) best = i;
  }
  WN_CHECK(best < logits.size());
  return static_cast<TokenId>(best);
}

// SplitMix64 (Steele, Lea and Flood, 2014): small, and the same on every machine.
double Sampler::next_uniform() {
  state_ += 0x9e3779b97f4a7c15u;
  uint64_t z = state_;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  z ^= z >> 31;
  return static_cast<double>(z >> 11) * 0x1.0p-53;
}

TokenId Sampler::sample(std::span<const float> logits, const TokenConstraint* constraint) {
  const TokenId first = draw(logits);
  if (constraint == nullptr || constraint->allows(first)) return first;
  left_.assign(logits.begin(), logits.end());
  for (TokenId token = first;;) {
    left_[static_cast<size_t>(token)] = -std::numeric_limits<float>::infinity();
    token = draw(left_);
    if (std::isinf(left_[static_cast<size_t>(token)])) return first;
    if (constraint->allows(token)) return token;
  }
}

TokenId Sampler::draw(std::span<const float> logits) {
  const TokenId greedy = argmax(logits);
  const double largest = logits[static_cast<size_t>(greedy)];
  if (options_.temperature == 0 || std::isinf(largest)) return greedy;

  weigh(logits, largest);
  double total = 0;
  for (const Candidate& candidate : candidates_) total += candidate.weight;
  const double wanted = next_uniform() * total;
  double sum = 0;
  for (const Candidate& candidate : candidates_) {
    sum += candidate.weight;
    if (sum > wanted) return candidate.token;
  }
  return greedy;  // unreachable but for rounding in the last sum
}

// Fills candidates_ with the tokens that may be drawn: all in the order of their ids, or the
// likeliest first until they have top_p of the probability.
void Sampler::weigh(std::span<const float> logits, double largest) {
  candidates_.clear();
  double total = 0;
  for (size_t i = 0; i < logits.size(); ++i) {
    const double weight = std::exp((logits[i] - largest) / options_.temperature);
    if (!(weight > 0)) continue;  // also NaN
    candidates_.push_back({weight, static_cast<TokenId>(i)});
    total += weight;
  }
  if (options_.top_p == 1) return;

  // A heap, because the nucleus is a few of very many tokens.
  const auto is_less = [](const Candidate& a, const Candidate& b) {
    return a.weight != b.weight ? a.weight < b.weight : a.token > b.token;
  };
  std::make_heap(candidates_.begin(), candidates_.end(), is_less);
  double sum = 0;
  auto rest = candidates_.end();
  while (rest != candidates_.begin() && sum < options_.top_p * total) {
    std::pop_heap(candidates_.begin(), rest, is_less);
    --rest;
    sum += rest->weight;
  }
  candidates_.erase(candidates_.begin(), rest);
  std::reverse(candidates_.begin(), candidates_.end());
}

StopStrings::StopStrings(std::vector<std::string> stops) : stops_(std::move(stops)) {
  std::erase(stops_, "");
}

StopStrings::Output StopStrings::feed(std::string_view text) {
  if (stopped_) return {.text = "", .stopped = true};
  held_ += text;
  size_t first = std::string::npos;
  for (const std::string& stop : stops_) first = std::min(first, held_.find(stop));
  stopped_ = first != std::string::npos;
  Output output{.text = held_.substr(0, stopped_ ? first : held_.size() - unsure_bytes()),
                .stopped = stopped_};
  held_.erase(0, stopped_ ? held_.size() : output.text.size());
  return output;
}

// The length of the longest end of held_ that a stop string begins with.
size_t StopStrings::unsure_bytes() const {
  size_t longest = 0;
  for (const std::string& stop : stops_) {
    for (size_t n = std::min(stop.size() - 1, held_.size()); n > longest; --n) {
      if (held_.compare(held_.size() - n, n, stop, 0, n) == 0) longest = n;
    }
  }
  return longest;
}

std::string StopStrings::finish() {
  return std::exchange(held_, "");
}

}  // namespace widenet::engine
