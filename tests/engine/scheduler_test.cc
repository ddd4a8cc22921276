// Sessions and the scheduler, on the golden model with a tokenizer of bytes.
#include "engine/scheduler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <future>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "base/file.h"
#include "engine/engine.h"
#include "tests/support/sample_size.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/tiny_tokenizer.h"

namespace widenet::engine {
namespace {

class SchedulerTest : public testing::Test {
 protected:
  SchedulerTest() {
    const std::filesystem::path golden = WN_GOLDEN_CHECKPOINT;
    for (const char* name : {"config.json", "model.safetensors"}) {
      std::filesystem::create_symlink(golden / name, directory_.path() / name);
    }
    write_file_atomically(directory_.path() / "tokenizer.json", test::tiny_tokenizer_json().dump());
    engine_ = load(/*threads=*/2);
  }

  std::unique_ptr<Engine> load(int threads) const {
    return Engine::load({.model = directory_.path(), .backend = "", .threads = threads});
  }

  static std::vector<TokenId> tokens(int64_t n, int32_t salt = 0) {
    std::vector<TokenId> ids;
    for (int32_t i = 0; i < n; ++i) ids.push_back(2 + (i * 37 + salt) % 250);
    return ids;
  }

  static GenerationRequest request(std::vector<TokenId> prompt,
                                   int64_t max_tokens = 4,
                                   std::string scope = "") {
    GenerationRequest r;
    r.prompt = std::move(prompt);
    r.max_tokens = max_tokens;
    r.scope = std::move(scope);
    return r;
  }

  std::vector<float> logits_after(const std::vector<TokenId>& timeline) {
    const auto session = engine_->make_session();
    session->sync(timeline);
    return {session->logits().begin(), session->logits().end()};
  }

  test::TemporaryDirectory directory_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(SchedulerTest, SessionReusesExtendsAndTakesBackWithoutChangingABit) {
  const auto session = engine_->make_session();
  const std::vector<TokenId> prompt = tokens(600);
  EXPECT_EQ(session->sync(prompt).computed, 600);

  const SyncResult again = session->sync(prompt);
  EXPECT_EQ(again.reuse.n_tokens, 600);
  EXPECT_EQ(again.computed, 0);

  std::vector<TokenId> longer = prompt;
  longer.push_back(7);
  EXPECT_EQ(session->sync(longer).computed, 1);

  std::vector<TokenId> other = prompt;  // parts from the timeline near its end
  other.resize(590);
  for (const TokenId token : tokens(50, 5)) other.push_back(token);
  const SyncResult parted = session->sync(other);
  EXPECT_GE(parted.reuse.n_tokens, 256);
  EXPECT_LE(parted.reuse.n_tokens, 590);
  const std::vector<float> expected = logits_after(other);
  EXPECT_EQ(std::vector<float>(session->logits().begin(), session->logits().end()), expected);

  const std::vector<TokenId> unrelated = tokens(40, 99);
  EXPECT_EQ(session->sync(unrelated).reuse.n_tokens, 0);
  EXPECT_EQ(std::vector<float>(session->logits().begin(), session->logits().end()),
            logits_after(unrelated));
}

TEST_F(SchedulerTest, CancelledSyncResumesWhereItStopped) {
  const auto session = engine_->make_session();
  const std::vector<TokenId> prompt = tokens(1200);
  SyncOptions options;
  options.keep_going = [](int64_t done, int64_t) { return done < 512; };
  EXPECT_TRUE(session->sync(prompt, options).cancelled);
  EXPECT_TRUE(session->logits().empty());
  EXPECT_EQ(session->sync(prompt).reuse.n_tokens, 512);
  EXPECT_EQ(std::vector<float>(session->logits().begin(), session->logits().end()),
            logits_after(prompt));
}

TEST_F(SchedulerTest, SessionRefusesWhatTheModelCannotTake) {
  const auto session = engine_->make_session();
  EXPECT_THROW(session->sync(std::vector<TokenId>{}), EngineError);
  EXPECT_THROW(session->sync(std::vector<TokenId>{1, 512}), EngineError);
  EXPECT_THROW(session->sync(std::vector<TokenId>{-1}), EngineError);
}

TEST_F(SchedulerTest, FollowUpComputesOnlyWhatIsNew) {
  Scheduler scheduler(*engine_);
  std::vector<TokenId> prompt = tokens(300);
  const Completion first = scheduler.generate(request(prompt, 5));
  EXPECT_EQ(first.usage.computed_tokens, 300);
  EXPECT_LE(first.usage.completion_tokens, 5);

  prompt.insert(prompt.end(), first.tokens.begin(), first.tokens.end());
  for (const TokenId token : tokens(20, 3)) prompt.push_back(token);
  EXPECT_GE(scheduler.known(prompt, "").n_tokens, 304);
  const Completion second = scheduler.generate(request(prompt, 5));
  EXPECT_GE(second.usage.cached_tokens, 304);
  EXPECT_EQ(scheduler.known(prompt, "others").n_tokens, 0);
  const Completion fresh = scheduler.generate(request(prompt, 5, "others"));
  EXPECT_EQ(fresh.usage.cached_tokens, 0);
  EXPECT_EQ(fresh.tokens, second.tokens);
}

TEST_F(SchedulerTest, ReportsPrefillAndStreamsWhatItReturns) {
  Scheduler scheduler(*engine_);
  std::vector<int64_t> done;
  std::string streamed;
  GenerationCallbacks callbacks;
  callbacks.on_prefill = [&](int64_t n, int64_t total) {
    EXPECT_EQ(total, 600);
    done.push_back(n);
  };
  callbacks.on_text = [&](std::string_view text) { streamed += text; };
  const Completion completion = scheduler.generate(request(tokens(600), 8), callbacks);
  EXPECT_EQ(streamed, completion.text);
  EXPECT_EQ(done.front(), 0);
  EXPECT_EQ(done.back(), 600);
  EXPECT_GE(done.size(), 3u);
}

TEST_F(SchedulerTest, CancelStopsAtTheNextChunk) {
  Scheduler scheduler(*engine_);
  int n_chunks = 0;
  GenerationCallbacks callbacks;
  callbacks.on_prefill = [&](int64_t, int64_t) { ++n_chunks; };
  callbacks.is_cancelled = [&] { return n_chunks >= 2; };
  const Completion completion = scheduler.generate(request(tokens(2000)), callbacks);
  EXPECT_EQ(completion.finish_reason, FinishReason::cancelled);
  EXPECT_EQ(completion.usage.computed_tokens, 512);
}

TEST_F(SchedulerTest, FullQueueIsRefusedAndOthersAreServedInOrder) {
  Scheduler scheduler(*engine_, {.queue_max = 1});
  std::promise<void> started;
  std::promise<void> release;
  auto released = release.get_future().share();
  std::atomic<bool> has_started = false;
  GenerationCallbacks blocking;
  blocking.on_prefill = [&](int64_t, int64_t) {
    if (!has_started.exchange(true)) started.set_value();
    released.wait();
  };
  auto first = std::async(std::launch::async,
                          [&] { return scheduler.generate(request(tokens(10)), blocking); });
  started.get_future().wait();
  auto second =
      std::async(std::launch::async, [&] { return scheduler.generate(request(tokens(10))); });
  while (scheduler.n_pending() < 2) std::this_thread::yield();
  EXPECT_THROW(scheduler.generate(request(tokens(10))), QueueFull);
  release.set_value();
  EXPECT_EQ(first.get().tokens, second.get().tokens);
}

// Sampled at a high temperature: a single bit of the logits would show sooner or later.
TEST_F(SchedulerTest, CompanyAndThreadsChangeNoToken) {
  Scheduler one(*engine_);
  for (const int threads : {1, 2, 3, 7}) {
    const std::unique_ptr<Engine> engine = load(threads);
    Scheduler scheduler(*engine);
    std::mt19937 random(static_cast<uint32_t>(threads));
    for (int i = 0; i < test::sample_size(1, 10); ++i) {
      std::vector<GenerationRequest> requests;
      for (int k = 0; k < 8; ++k) {
        const auto salt = static_cast<int32_t>(random() % 250);
        requests.push_back(request(tokens(1 + random() % 160, salt), 1 + random() % 20));
        requests.back().sampling = {.temperature = 1.5, .top_p = 1.0, .seed = random()};
      }
      std::vector<std::future<Completion>> together;
      for (const GenerationRequest& r : requests) {
        together.push_back(
            std::async(std::launch::async, [&scheduler, &r] { return scheduler.generate(r); }));
      }
      for (size_t k = 0; k < requests.size(); ++k) {
        EXPECT_EQ(together[k].get().tokens, one.generate(requests[k]).tokens)
            << "seed " << threads << ", round " << i << ", request " << k;
      }
    }
  }
}

// Prompts that begin alike, one of them given up on while it reads for all.
TEST_F(SchedulerTest, RequestsThatArriveTogetherShareOnePrefill) {
  constexpr int64_t kShared = 2560;
  constexpr size_t kRequests = 5;
  std::vector<GenerationRequest> requests;
  for (int32_t k = 0; k < static_cast<int32_t>(kRequests); ++k) {
    std::vector<TokenId> prompt = tokens(kShared);
    for (const TokenId token : tokens(30 + k, 50 + k)) prompt.push_back(token);
    requests.push_back(request(std::move(prompt)));
  }
  Scheduler one(*engine_);
  for (const bool is_cancelled : {false, true}) {
    Scheduler scheduler(*engine_);
    std::promise<void> started;
    std::promise<void> release;
    auto released = release.get_future().share();
    bool has_started = false;
    std::atomic<int64_t> n_read = 0;
    GenerationCallbacks of_first;
    of_first.on_prefill = [&](int64_t done, int64_t) {
      n_read = done;
      if (std::exchange(has_started, true)) return;
      started.set_value();
      released.wait();
    };
    of_first.is_cancelled = [&] { return is_cancelled && n_read >= kShared / 2; };
    std::vector<std::future<Completion>> all;
    all.push_back(std::async(std::launch::async,
                             [&] { return scheduler.generate(requests.front(), of_first); }));
    started.get_future().wait();
    for (size_t k = 1; k < kRequests; ++k) {
      all.push_back(
          std::async(std::launch::async, [&, k] { return scheduler.generate(requests[k]); }));
    }
    while (scheduler.n_pending() < static_cast<int64_t>(kRequests)) std::this_thread::yield();
    release.set_value();
    int64_t n_computed = 0;
    std::vector<Completion> completions;
    for (auto& completion : all) {
      completions.push_back(completion.get());
      n_computed += completions.back().usage.computed_tokens;
    }
    for (size_t k = 0; k < kRequests; ++k) {  // not before all are done: one engine computes once
      if (is_cancelled && k == 0) {
        EXPECT_EQ(completions[k].finish_reason, FinishReason::cancelled);
      } else {
        EXPECT_EQ(completions[k].tokens, one.generate(requests[k]).tokens);
      }
    }
    EXPECT_LE(n_computed, kShared + static_cast<int64_t>(kRequests) * 50);
  }
}

// Greedy and drawn, with guesses and without: what is refused is not written, and the rest is told.
TEST_F(SchedulerTest, WhatAConstraintRefusesIsNotWritten) {
  class EvenTokens final : public TokenConstraint {
   public:
    bool allows(TokenId token) const override { return token % 2 == 0; }
    void take(TokenId token) override { taken.push_back(token); }
    std::vector<TokenId> taken;
  };
  Scheduler scheduler(*engine_);
  for (const double temperature : {0.0, 1.0}) {
    GenerationRequest free = request(tokens(50), 40);
    free.sampling.temperature = temperature;
    const Completion unbound = scheduler.generate(free);
    EXPECT_TRUE(std::ranges::any_of(unbound.tokens, [](TokenId token) { return token % 2 != 0; }));
    GenerationRequest bound = free;
    const auto constraint = std::make_shared<EvenTokens>();
    bound.constraint = constraint;
    const Completion completion = scheduler.generate(bound);
    EXPECT_EQ(constraint->taken, completion.tokens);
    EXPECT_TRUE(
        std::ranges::all_of(completion.tokens, [](TokenId token) { return token % 2 == 0; }));
  }
}

TEST_F(SchedulerTest, WhatNobodyWaitsForIsReadLast) {
  Scheduler scheduler(*engine_);
  std::promise<void> started;
  std::promise<void> release;
  auto released = release.get_future().share();
  std::atomic<int64_t> n_read = 0;
  GenerationRequest background = request(tokens(4000));
  background.is_background = true;
  GenerationCallbacks of_background;
  of_background.on_prefill = [&](int64_t done, int64_t) {
    if (n_read.exchange(done) > 0 || done == 0) return;
    started.set_value();
    released.wait();
  };
  auto first =
      std::async(std::launch::async, [&] { return scheduler.generate(background, of_background); });
  started.get_future().wait();
  const int64_t n_before = n_read;
  int64_t n_at_end = 0;
  GenerationCallbacks of_other;
  of_other.on_prefill = [&](int64_t done, int64_t total) {
    if (done == total) n_at_end = n_read;
  };
  auto other = std::async(std::launch::async,
                          [&] { return scheduler.generate(request(tokens(2500, 9)), of_other); });
  while (scheduler.n_pending() < 2) std::this_thread::yield();
  release.set_value();
  other.get();
  EXPECT_LE(n_at_end, n_before + 512);
  const Completion completion = first.get();
  EXPECT_EQ(completion.usage.computed_tokens, 4000);
}

TEST_F(SchedulerTest, ALongPromptHoldsUpNoAnswerForLongerThanAChunk) {
  constexpr int kStreams = 8;
  Scheduler scheduler(*engine_, {.running_max = kStreams + 1});
  const GenerationRequest long_request =
      request(tokens(test::sample_size(10'000, 131'072)), /*max_tokens=*/1);
  std::atomic<int64_t> n_chunks = 0;  // of the long prompt
  std::atomic<bool> have_streams_ended = false;
  GenerationCallbacks of_long_one;
  of_long_one.on_prefill = [&](int64_t, int64_t) { ++n_chunks; };
  of_long_one.is_cancelled = [&] { return have_streams_ended.load(); };
  auto long_one =
      std::async(std::launch::async, [&] { return scheduler.generate(long_request, of_long_one); });
  while (n_chunks < 2) std::this_thread::yield();

  std::vector<std::future<int64_t>> streams;
  for (int i = 0; i < kStreams; ++i) {
    streams.push_back(std::async(std::launch::async, [&scheduler, &n_chunks, i] {
      int64_t last = -1;
      int64_t most = 0;  // chunks of the long prompt between two steps of this answer
      GenerationCallbacks callbacks;
      callbacks.is_cancelled = [&] {  // asked before each step
        if (last >= 0) most = std::max(most, n_chunks - last);
        last = n_chunks;
        return false;
      };
      scheduler.generate(request(tokens(20, i), 12), callbacks);
      return most;
    }));
  }
  for (auto& stream : streams) EXPECT_LE(stream.get(), 1);
  have_streams_ended = true;
  EXPECT_EQ(long_one.get().finish_reason, FinishReason::cancelled)
      << "the answers ended after the long prompt: nothing was shown";
}

TEST_F(SchedulerTest, ACallbacksExceptionReachesItsCallerAndNoOneElse) {
  Scheduler scheduler(*engine_);
  GenerationCallbacks callbacks;
  callbacks.on_prefill = [](int64_t, int64_t) { throw std::runtime_error("client is gone"); };
  EXPECT_THROW(scheduler.generate(request(tokens(10)), callbacks), std::runtime_error);
  EXPECT_THROW(scheduler.generate(request({})), EngineError);
  EXPECT_EQ(scheduler.generate(request(tokens(10))).usage.prompt_tokens, 10);
}

}  // namespace
}  // namespace widenet::engine
