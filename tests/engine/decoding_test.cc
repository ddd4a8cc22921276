// Guesses and dropped tokens change no bit: on nano, which has an MTP block.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "engine/draft_length.h"
#include "engine/engine.h"
#include "engine/model_config.h"
#include "engine/scheduler.h"
#include "tests/support/sample_size.h"

namespace widenet::engine {
namespace {

class DecodingTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    engine_ = Engine::load({.model = WN_SOURCE_DIR "/models/nano", .backend = "", .threads = 2});
  }
  static void TearDownTestSuite() { engine_.reset(); }

  std::vector<TokenId> random_tokens(int64_t n) {
    std::vector<TokenId> ids;
    for (int64_t i = 0; i < n; ++i) {
      ids.push_back(static_cast<TokenId>(8 + random_() % (engine_->config().vocab_size - 8)));
    }
    return ids;
  }

  // Text that repeats itself, so that what follows can be guessed.
  std::vector<TokenId> repetitive_tokens(int64_t n) {
    const std::vector<TokenId> phrase = random_tokens(23);
    std::vector<TokenId> ids;
    while (static_cast<int64_t>(ids.size()) < n) ids.push_back(phrase[ids.size() % phrase.size()]);
    return ids;
  }

  static std::vector<float> logits_after(std::span<const TokenId> timeline) {
    const auto session = engine_->make_session();
    session->sync(timeline);
    return {session->logits().begin(), session->logits().end()};
  }

  static std::unique_ptr<Engine> engine_;
  std::mt19937 random_{7};
};

std::unique_ptr<Engine> DecodingTest::engine_;

// Around the ends of windows and of both compressors' blocks, an extension is partly dropped, and
// the timeline goes on as if the dropped tokens had never been.
TEST_F(DecodingTest, DroppedTokensLeaveNoTrace) {
  for (int i = 0; i < test::sample_size(24, 400); ++i) {
    const int64_t around = std::vector<int64_t>{4, 8, 128, 132, 256, 384}[random_() % 6];
    const int64_t n = std::max<int64_t>(1, around - 5 + static_cast<int64_t>(random_() % 10));
    const auto n_extended = static_cast<int64_t>(1 + random_() % 5);
    const auto n_kept = static_cast<int64_t>(1 + random_() % static_cast<uint64_t>(n_extended));
    std::vector<TokenId> timeline = random_tokens(n);
    const std::vector<TokenId> extension = random_tokens(n_extended);
    const auto session = engine_->make_session();
    session->sync(timeline);
    session->extend(extension);
    Session* const steps[] = {session.get()};
    engine_->advance(steps);
    session->keep_extension(n_kept);

    timeline.insert(timeline.end(), extension.begin(), extension.begin() + n_kept);
    ASSERT_TRUE(std::ranges::equal(session->tokens(), timeline));
    ASSERT_TRUE(std::ranges::equal(session->logits(), logits_after(timeline)))
        << n << " tokens, " << n_kept << " kept of " << n_extended;
    for (const TokenId token : random_tokens(9)) {
      timeline.push_back(token);
      session->extend({&token, 1});
      engine_->advance(steps);
    }
    ASSERT_TRUE(std::ranges::equal(session->logits(), logits_after(timeline)))
        << n << " tokens, " << n_kept << " kept of " << n_extended;
  }
}

TEST_F(DecodingTest, GuessesChangeNoToken) {
  Scheduler scheduler(*engine_);
  int64_t n_guessed = 0;
  int64_t n_right = 0;
  for (int i = 0; i < test::sample_size(8, 80); ++i) {
    GenerationRequest request;
    const auto length = static_cast<int64_t>(1 + random_() % 300);
    request.prompt = i % 2 == 0 ? repetitive_tokens(length) : random_tokens(length);
    request.max_tokens = test::sample_size(80, 700);
    if (i % 4 > 1) request.sampling = {.temperature = 0.8, .top_p = 0.95, .seed = random_()};
    request.may_draft = false;
    const Completion plain = scheduler.generate(request);
    request.may_draft = true;
    const Completion guessed = scheduler.generate(request);
    EXPECT_EQ(guessed.tokens, plain.tokens);
    EXPECT_EQ(guessed.text, plain.text);
    EXPECT_EQ(guessed.finish_reason, plain.finish_reason);
    EXPECT_EQ(plain.usage.guessed_tokens, 0);
    n_guessed += guessed.usage.guessed_tokens;
    n_right += guessed.usage.right_guesses;
  }
  EXPECT_GT(n_right, 0);
  EXPECT_GT(n_guessed, n_right);
}

// Where a timeline resumes, the MTP block may know nothing of what is before, and soon guesses.
TEST_F(DecodingTest, GuessesBeginInTheMiddleOfATimeline) {
  const auto session = engine_->make_session();
  std::vector<TokenId> timeline = repetitive_tokens(1000);
  session->sync(timeline);
  for (const int64_t n_more : {1, 2, 9, 140}) {
    timeline.resize(768);
    for (const TokenId token : random_tokens(n_more)) timeline.push_back(token);
    ASSERT_EQ(session->sync(timeline).reuse.n_tokens, 768);
    Engine::Draft draft{session.get(), 9, 3, {}};
    engine_->draft({&draft, 1});
    EXPECT_EQ(draft.tokens.size(), 3u);
  }
}

TEST(DraftLengthTest, StopsWhenGuessesAreWrongAndAsksAgainLater) {
  ModelConfig config;
  config.n_mtp_layers = 1;
  DraftLength length(config);
  EXPECT_GT(length.next(1), 0);
  EXPECT_EQ(length.next(8), 0);  // where many share a step, a guess costs as much as it brings
  for (int i = 0; i < 100; ++i) length.observe(length.next(1), 0);
  int64_t n_guesses = 0;
  for (int i = 0; i < 200; ++i) {
    const int64_t n = length.next(1);
    n_guesses += n;
    if (n > 0) length.observe(n, 0);
  }
  EXPECT_GT(n_guesses, 0);
  EXPECT_LT(n_guesses, 10);
  for (int i = 0; i < 3000; ++i) {
    const int64_t n = length.next(1);
    length.observe(n, n);
  }
  EXPECT_EQ(length.next(1), length.n_max());
}

}  // namespace
}  // namespace widenet::engine
