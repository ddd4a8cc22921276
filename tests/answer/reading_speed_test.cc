// Seconds from operations and one measured rate.
#include "answer/reading_speed.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "engine/engine.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/tiny_model.h"

namespace widenet::answer {
namespace {

class ReadingSpeedTest : public ::testing::Test {
 protected:
  ReadingSpeedTest() {
    test::make_tiny_model(directory_.path());
    config_ = engine::load_model_config(directory_.path());
  }

  test::TemporaryDirectory directory_;
  engine::ModelConfig config_;
};

TEST_F(ReadingSpeedTest, WhatIsKnownIsLeftOutOfTheSum) {
  const ReadingSpeed speed(config_);
  const double whole = speed.seconds(20'000, {});
  const double first = speed.seconds(12'000, {});
  const double rest = speed.seconds(20'000, {.n_tokens = 12'000});
  EXPECT_NEAR(first + rest, whole, 1e-3 * whole);
  EXPECT_EQ(speed.seconds(20'000, {.n_tokens = 20'000}), 0);
  EXPECT_GT(speed.seconds(20'000, {.n_tokens = 20'000, .from_disk = 20'000}), 0);
}

TEST_F(ReadingSpeedTest, LaterTokensTakeLonger) {
  const ReadingSpeed speed(config_);
  EXPECT_GT(speed.seconds(80'000, {}), 2 * speed.seconds(40'000, {}));
  EXPECT_LT(speed.seconds(80'000, {}), 4 * speed.seconds(40'000, {}));
}

TEST_F(ReadingSpeedTest, OnePromptOfOneLengthTeachesAllLengths) {
  const ReadingSpeed guess(config_);
  ReadingSpeed speed(config_);
  speed.learn({.prompt_tokens = 10'000, .computed_tokens = 10'000}, 17 * guess.seconds(10'000, {}));
  EXPECT_NEAR(speed.seconds(90'000, {}) / guess.seconds(90'000, {}), 17, 1e-6);
}

TEST_F(ReadingSpeedTest, TooShortOrUnfinishedPromptsTeachNothing) {
  ReadingSpeed speed(config_);
  const double before = speed.seconds(10'000, {});
  speed.learn({.prompt_tokens = 100, .computed_tokens = 100}, 100);
  speed.learn({.prompt_tokens = 10'000, .computed_tokens = 5'000}, 100);
  EXPECT_EQ(speed.seconds(10'000, {}), before);
}

TEST_F(ReadingSpeedTest, DiskHasItsOwnRate) {
  ReadingSpeed speed(config_);
  speed.learn({.prompt_tokens = 10'000, .cached_tokens = 10'000, .disk_tokens = 10'000}, 0.5);
  EXPECT_NEAR(speed.seconds(20'000, {.n_tokens = 20'000, .from_disk = 20'000}), 1, 1e-6);
  EXPECT_NEAR(speed.seconds(20'000, {.n_tokens = 20'000, .from_disk = 0}), 0, 1e-6);
}

TEST_F(ReadingSpeedTest, WhatWasLearnedSurvivesTheProcessAndItsFileMayBeDamaged) {
  const auto file = directory_.path() / "speed.json";
  const double guess = ReadingSpeed(config_).seconds(10'000, {});
  const auto learn = [&](const char* machine, double seconds) {
    ReadingSpeed speed(config_, file, machine);
    speed.learn({.prompt_tokens = 10'000, .computed_tokens = 10'000}, seconds);
  };
  const auto recalled = [&](const char* machine) {
    return ReadingSpeed(config_, file, machine).seconds(10'000, {});
  };
  learn("a", 100);
  learn("b", 200);
  EXPECT_NEAR(recalled("a"), 100, 1e-6);
  EXPECT_NEAR(recalled("b"), 200, 1e-6);
  EXPECT_EQ(recalled("c"), guess);
  for (const char* damage :
       {"", "{", "7", "{\"a\": 7}", "{\"a\": {\"operations_per_second\": \"x\"}}",
        "{\"a\": {\"operations_per_second\": -1}}"}) {
    write_file_atomically(file, damage);
    EXPECT_EQ(recalled("a"), guess) << damage;
    learn("a", 300);
    EXPECT_NEAR(recalled("a"), 300, 1e-6) << damage;
  }
}

}  // namespace
}  // namespace widenet::answer
