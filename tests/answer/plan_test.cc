// Which mode is chosen, by counts alone.
#include "answer/plan.h"

#include <gtest/gtest.h>

namespace widenet::answer {
namespace {

Circumstances office() {
  return {.wanted = Mode::automatic,
          .tokens_in_scope = 200'000,
          .tokens_max = 1'000'000,
          .rag_tokens = 4096,
          .hybrid_tokens = 100'000,
          .budget_tokens = 0,
          .tokens_per_second = 1000,
          .seconds_max = 30,
          .asks_about_all = false};
}

TEST(PlanTest, WhatFitsAShortPromptIsReadWhole) {
  Circumstances c = office();
  c.tokens_in_scope = 4096;
  EXPECT_EQ(decide(c).mode, Mode::whole);
  c.tokens_in_scope = 4097;
  EXPECT_NE(decide(c).mode, Mode::whole);
}

TEST(PlanTest, SlowModelsReadFewPassagesAndFastOnesAWideNet) {
  Circumstances c = office();
  EXPECT_EQ(decide(c).mode, Mode::rag);
  EXPECT_EQ(decide(c).budget_tokens, 4096);
  c.tokens_per_second = 20'000;
  EXPECT_EQ(decide(c).mode, Mode::hybrid);
  EXPECT_EQ(decide(c).budget_tokens, 100'000);
}

TEST(PlanTest, QuestionsAboutAllReadAllThatTimeAllows) {
  Circumstances c = office();
  c.asks_about_all = true;
  c.tokens_per_second = 7000;
  EXPECT_EQ(decide(c).mode, Mode::whole);
  c.tokens_per_second = 4000;
  EXPECT_EQ(decide(c).mode, Mode::hybrid);
  c.tokens_per_second = 1000;
  EXPECT_EQ(decide(c).mode, Mode::rag);
  c.tokens_per_second = 7000;
  c.tokens_max = 150'000;
  EXPECT_EQ(decide(c).mode, Mode::hybrid);
}

TEST(PlanTest, WhatIsAskedForIsDoneWithinTheModelsLimit) {
  Circumstances c = office();
  c.wanted = Mode::whole;
  EXPECT_EQ(decide(c).mode, Mode::whole);
  EXPECT_EQ(decide(c).budget_tokens, 1'000'000);
  c.wanted = Mode::hybrid;
  c.tokens_max = 50'000;
  EXPECT_EQ(decide(c).budget_tokens, 50'000);
  c.budget_tokens = 8000;
  EXPECT_EQ(decide(c).budget_tokens, 8000);
}

TEST(PlanTest, ModesHaveTheNamesOfTheCommandLine) {
  for (const Mode mode : {Mode::automatic, Mode::rag, Mode::hybrid, Mode::whole}) {
    EXPECT_EQ(mode_named(name_of(mode)), mode);
  }
  EXPECT_EQ(name_of(Mode::whole), "long");
  EXPECT_FALSE(mode_named("wide"));
}

TEST(PlanTest, KnowsQuestionsAboutAllByTheirWords) {
  for (const char* question : {"How many invoices are open?", "List the suppliers.",
                               "Compare the two leases", "What does EVERY contract say?"}) {
    EXPECT_TRUE(asks_about_all(question)) << question;
  }
  for (const char* question : {"What is the rent?", "Who listed the shed?", "Is that enlisting?"}) {
    EXPECT_FALSE(asks_about_all(question)) << question;
  }
}

}  // namespace
}  // namespace widenet::answer
