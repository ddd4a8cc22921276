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
