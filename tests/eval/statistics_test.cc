// Scores and intervals against values worked out by hand.
#include "eval/statistics.h"

#include <gtest/gtest.h>

namespace widenet::eval {
namespace {

TEST(ShareTest, IntervalIsWilsons) {
  const Share half{.hits = 10, .tries = 20};
  EXPECT_NEAR(half.low(), 0.2993, 1e-4);
  EXPECT_NEAR(half.high(), 0.7007, 1e-4);
  const Share all{.hits = 20, .tries = 20};
  EXPECT_NEAR(all.low(), 0.8389, 1e-4);
  EXPECT_DOUBLE_EQ(all.high(), 1.0);
  const Share none{};
  EXPECT_EQ(none.value(), 0);
  EXPECT_EQ(none.low(), 0);
  EXPECT_EQ(none.high(), 1);
}

TEST(PairedDifferenceTest, IsSureOfWhatIsAlwaysSoAndOfNothingWhereNothingDiffers) {
  const PairedDifference none = paired_difference({0, 0, 0, 0}, 1000, 1);
  EXPECT_EQ(none.mean, 0);
  EXPECT_EQ(none.p, 1);
  const PairedDifference always = paired_difference({1, 1, 1, 1}, 1000, 1);
  EXPECT_EQ(always.low, 1);
  EXPECT_EQ(always.high, 1);
  EXPECT_EQ(always.p, 0);
  // One question of four differs: three of four resamples hold it at least once (1 - 0.75^4 =
  // 0.684), the others are nought, and count against it.
  const PairedDifference once = paired_difference({0, 1, 0, 0}, 10'000, 1);
  EXPECT_NEAR(once.p, 2 * (1 - 0.6836), 0.03);
  EXPECT_EQ(once.low, 0);
  EXPECT_EQ(paired_difference({}, 1000, 1).p, 1);
}

TEST(ScoringTest, CaseArticlesAndPunctuationDoNotCountAndNumbersStayWhole) {
  EXPECT_EQ(normalised("The  Rent, is: EUR 4,200.50!"), "rent is eur 4,200.50");
  EXPECT_TRUE(is_exact("4,200 euros.", {"the 4,200 Euros"}));
  EXPECT_FALSE(is_exact("4,201 euros", {"4,200 euros"}));
  EXPECT_TRUE(is_contained("It is 12.2 per cent, I think", {"nothing", "12.2 per cent"}));
  EXPECT_FALSE(is_contained("It is 112.2 per cent", {"12.2 per cent"}));
  EXPECT_FALSE(is_contained("anything", {"", "the"}));
}

TEST(ScoringTest, F1CountsCommonWords) {
  EXPECT_DOUBLE_EQ(token_f1("red green", {"red blue"}), 0.5);
  EXPECT_DOUBLE_EQ(token_f1("red", {"blue", "red"}), 1.0);
  EXPECT_DOUBLE_EQ(token_f1("red red red", {"red"}), 0.5);
  EXPECT_DOUBLE_EQ(token_f1("", {"red"}), 0.0);
}

}  // namespace
}  // namespace widenet::eval
