#include "engine/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <stdexcept>

namespace widenet::engine {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

std::vector<TokenId> draw(const SamplingOptions& options, const std::vector<float>& logits, int n) {
  Sampler sampler(options);
  std::vector<TokenId> tokens;
  for (int i = 0; i < n; ++i) tokens.push_back(sampler.sample(logits));
  return tokens;
}

TEST(SamplerTest, GreedyTakesTheLargestAndOfEqualsTheFirst) {
  EXPECT_EQ(Sampler::argmax(std::vector<float>{1, 3, 2, 3}), 1);
  EXPECT_EQ(Sampler::argmax(std::vector<float>{kNan, -kInf, kNan}), 1);
  EXPECT_EQ(Sampler::argmax(std::vector<float>{0, kInf, 5}), 1);
  EXPECT_EQ(Sampler({}).sample(std::vector<float>{-2, -1, -1}), 1);
}

TEST(SamplerTest, SameSeedSameTokensOtherSeedOthers) {
  const std::vector<float> logits(100, 0.0f);
  const SamplingOptions options{.temperature = 1, .seed = 42};
  EXPECT_EQ(draw(options, logits, 50), draw(options, logits, 50));
  EXPECT_NE(draw(options, logits, 50), draw({.temperature = 1, .seed = 43}, logits, 50));
}

// Pinned, so that an answer's seed replays it after an upgrade too.
TEST(SamplerTest, SequenceOfASeedIsFixed) {
  const std::vector<float> logits(1000, 0.0f);
  EXPECT_EQ(draw({.temperature = 1, .seed = 0}, logits, 4),
            (std::vector<TokenId>{883, 431, 26, 970}));
}

TEST(SamplerTest, FrequenciesFollowTheProbabilities) {
  const std::vector<float> logits = {std::log(0.5f), std::log(0.3f), std::log(0.2f), -kInf, kNan};
  const int n = 20000;
  for (const double temperature : {1.0, 0.5}) {
    std::vector<double> counts(5);
    for (const TokenId t : draw({.temperature = temperature, .seed = 7}, logits, n)) {
      counts[static_cast<size_t>(t)] += 1;
    }
    double total = 0;
    for (size_t i = 0; i < 3; ++i) total += std::exp(logits[i] / temperature);
    for (size_t i = 0; i < 3; ++i) {
      EXPECT_NEAR(counts[i] / n, std::exp(logits[i] / temperature) / total, 0.015);
    }
    EXPECT_EQ(counts[3] + counts[4], 0);
  }
}

TEST(SamplerTest, TopPKeepsTheSmallestSetThatReachesIt) {
  const std::vector<float> logits = {std::log(0.2f), std::log(0.5f), std::log(0.3f)};
  const auto drawn = [&](double top_p) {
    std::vector<bool> seen(3);
    for (const TokenId t : draw({.temperature = 1, .top_p = top_p, .seed = 1}, logits, 500)) {
      seen[static_cast<size_t>(t)] = true;
    }
    return seen;
  };
  EXPECT_EQ(drawn(0.4), (std::vector<bool>{false, true, false}));
  EXPECT_EQ(drawn(0.7), (std::vector<bool>{false, true, true}));
  EXPECT_EQ(drawn(0.9), (std::vector<bool>{true, true, true}));
  EXPECT_EQ(drawn(1.0), (std::vector<bool>{true, true, true}));
  EXPECT_EQ(drawn(1e-9), (std::vector<bool>{false, true, false}));
}

TEST(SamplerTest, TinyTemperatureIsGreedy) {
  const std::vector<float> logits = {1, 1.001f, 0.5f};
  for (const TokenId t : draw({.temperature = 1e-9, .seed = 3}, logits, 100)) EXPECT_EQ(t, 1);
}

TEST(SamplerTest, SenselessOptionsAreRefused) {
  for (const double temperature : {-1.0, static_cast<double>(kNan), static_cast<double>(kInf)}) {
    EXPECT_THROW(Sampler({.temperature = temperature}), std::invalid_argument);
  }
  for (const double top_p : {0.0, -0.5, 1.5, static_cast<double>(kNan)}) {
    EXPECT_THROW(Sampler({.temperature = 1, .top_p = top_p}), std::invalid_argument);
  }
}

TEST(StopStringsTest, FindsStopsAcrossPieces) {
  StopStrings stops({"END", ""});
  EXPECT_EQ(stops.feed("one E").text, "one ");
  EXPECT_EQ(stops.feed("N").text, "");
  const auto no = stops.feed("d two");  // it was none
  EXPECT_EQ(no.text, "ENd two");
  EXPECT_FALSE(no.stopped);
  EXPECT_EQ(stops.feed(" EN").text, " ");
  const auto yes = stops.feed("D three");
  EXPECT_EQ(yes.text, "");
  EXPECT_TRUE(yes.stopped);
  EXPECT_TRUE(stops.feed("four").stopped);
  EXPECT_EQ(stops.finish(), "");
}

TEST(StopStringsTest, WhatIsHeldBackComesAtTheEnd) {
  StopStrings stops({"\n\n"});
  EXPECT_EQ(stops.feed("a\n").text, "a");
  EXPECT_EQ(stops.finish(), "\n");
}

TEST(StopStringsTest, FirstStopInTheTextWins) {
  StopStrings stops({"bcd", "ab"});
  const auto output = stops.feed("xabcd");
  EXPECT_EQ(output.text, "x");
  EXPECT_TRUE(output.stopped);
}

// However the text is cut, the output is the text before the first stop.
TEST(StopStringsTest, CutsOfTheTextDoNotMatter) {
  std::mt19937 random(5);
  const std::vector<std::string> all = {"aba", "bb", "aab"};
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (auto n = random() % 15; n > 0; --n) text += static_cast<char>('a' + random() % 3);
    size_t first = std::string::npos;
    for (const std::string& stop : all) first = std::min(first, text.find(stop));
    StopStrings stops(all);
    std::string shown;
    bool stopped = false;
    for (size_t at = 0; at < text.size() && !stopped;) {
      const size_t n = random() % 4 + 1;
      const auto output = stops.feed(std::string_view(text).substr(at, n));
      shown += output.text;
      stopped = output.stopped;
      at += n;
    }
    if (!stopped) shown += stops.finish();
    ASSERT_EQ(stopped, first != std::string::npos) << text;
    ASSERT_EQ(shown, text.substr(0, first)) << text;
  }
}

}  // namespace
}  // namespace widenet::engine
