// A token's logits depend on the tokens before it alone, bit for bit: random timelines of every
// length modulo the compressors' blocks and the window are run in random ways, and compared with
// what one piece on one thread gives.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/session.h"
#include "kernels/backend.h"
#include "tests/support/sample_size.h"
#include "tests/support/timelines.h"

namespace widenet::engine {
namespace {

using test::Habits;
using test::Random;
using test::Timeline;
using test::Walk;

// Lengths go well past where an indexer begins to choose: 4 * index_topk tokens.
struct Setting {
  std::string name;
  std::filesystem::path model;
  std::string backend;
  Numerics numerics = Numerics::native;
  int64_t length_max = 0;  // a multiple of 128
  int n_seeds = 0;         // eight have every residue modulo 128
};

void PrintTo(const Setting& setting, std::ostream* out) {
  *out << setting.name;
}

// What is served here is tried most; what is slow, only where all is to be tried.
std::vector<Setting> settings() {
  const std::filesystem::path tiny = WN_GOLDEN_CHECKPOINT;
  const std::filesystem::path nano = WN_SOURCE_DIR "/models/nano";
  constexpr int kFewer = test::kIsSanitized ? 8 : 1;
  std::vector<Setting> all;
  for (const kernels::Backend* backend : kernels::available_backends()) {
    const std::string name = backend->name;
    const auto add = [&](const std::string& prefix, const std::filesystem::path& model,
                         Numerics numerics, int64_t length_max, int n_seeds) {
      n_seeds /= kFewer;
      if (n_seeds > 0) all.push_back({prefix + name, model, name, numerics, length_max, n_seeds});
    };
    if (name == "reference") {
      add("tiny_", tiny, Numerics::native, 384, test::sample_size(0, 1));
    } else if (backend != kernels::available_backends().back()) {
      add("tiny_", tiny, Numerics::native, 384, test::sample_size(1, 16));
      add("nano_", nano, Numerics::native, 640, test::sample_size(0, 8));
    } else {
      add("tiny_", tiny, Numerics::native, 384, test::sample_size(8, 64));
      add("nano_", nano, Numerics::native, 640, test::sample_size(1, 8));
      add("tiny_exact_", tiny, Numerics::exact, 384, test::sample_size(1, 8));
    }
  }
  return all;
}

class DeterminismTest : public testing::TestWithParam<Setting> {
 protected:
  static constexpr int64_t kLengths = 16;  // for each seed

  // Timelines as one piece on one thread gives them, and lengths to run them to.
  struct Sample {
    std::vector<Timeline> timelines;
    std::vector<int64_t> lengths;
  };

  static std::unique_ptr<Engine> load(int threads) {
    const Setting& setting = GetParam();
    return Engine::load({.model = setting.model,
                         .numerics = setting.numerics,
                         .backend = setting.backend,
                         .threads = threads});
  }

  // The lengths of eight seeds in a row have every residue modulo 128, those of one every residue
  // modulo 4.
  static Sample make_sample(Engine& engine, int seed, Random& random) {
    const int64_t length_max = GetParam().length_max;
    Sample sample;
    sample.timelines = test::make_timelines(engine, 3, length_max, random);
    for (int64_t i = seed * kLengths; i < (seed + 1) * kLengths; ++i) {
      const auto block = static_cast<int64_t>(random() % static_cast<uint64_t>(length_max / 128));
      sample.lengths.push_back(block * 128 + i * 37 % 128 + 1);
    }
    return sample;
  }

  // Walks to those lengths, n_together at a time.  Empty, or what went wrong.
  static std::string run(Engine& engine,
                         std::span<const Timeline> timelines,
                         std::span<const int64_t> lengths,
                         size_t n_together,
                         Habits habits,
                         Random& random) {
    while (!lengths.empty()) {
      const std::span group = lengths.first(std::min(n_together, lengths.size()));
      lengths = lengths.subspan(group.size());
      std::vector<Walk> walks;
      for (const int64_t n : group) walks.emplace_back(engine, timelines, n, habits);
      const std::string trouble = test::run_together(engine, std::move(walks), random);
      if (!trouble.empty()) return trouble;
    }
    return "";
  }
};

INSTANTIATE_TEST_SUITE_P(Settings,
                         DeterminismTest,
                         testing::ValuesIn(settings()),
                         [](const auto& tested) { return tested.param.name; });

TEST_P(DeterminismTest, EveryLengthGivesTheRowOfALongerPrompt) {
  const std::unique_ptr<Engine> engine = load(/*threads=*/1);
  for (int seed = 0; seed < GetParam().n_seeds; ++seed) {
    Random random(static_cast<uint64_t>(seed));
    const Sample sample = make_sample(*engine, seed, random);
    for (const int64_t n : sample.lengths) {
      const Timeline& timeline = sample.timelines[random() % sample.timelines.size()];
      SyncOptions options;
      options.chunk_tokens = std::vector<int64_t>{
          0, n, 1 + static_cast<int64_t>(random() % static_cast<uint64_t>(n))}[random() % 3];
      const std::unique_ptr<Session> session = engine->make_session();
      session->sync(timeline.first(n), options);
      ASSERT_TRUE(test::are_same_bits(session->logits(), timeline.logits_after(n)))
          << "seed " << seed << ", " << n << " tokens in chunks of " << options.chunk_tokens;
    }
  }
}

TEST_P(DeterminismTest, PiecesChangeNoBit) {
  const std::unique_ptr<Engine> engine = load(/*threads=*/1);
  for (int seed = 0; seed < GetParam().n_seeds; ++seed) {
    Random random(static_cast<uint64_t>(seed));
    const Sample sample = make_sample(*engine, seed, random);
    ASSERT_EQ(run(*engine, sample.timelines, sample.lengths, 1, {}, random), "") << "seed " << seed;
  }
}

TEST_P(DeterminismTest, CompanyChangesNoBit) {
  const std::unique_ptr<Engine> engine = load(/*threads=*/1);
  for (int seed = 0; seed < GetParam().n_seeds; ++seed) {
    Random random(static_cast<uint64_t>(seed));
    const Sample sample = make_sample(*engine, seed, random);
    ASSERT_EQ(run(*engine, sample.timelines, sample.lengths, 6, {}, random), "") << "seed " << seed;
  }
}

TEST_P(DeterminismTest, ForksWrongGuessesAndGoalsLeftLeaveNoTrace) {
  const std::unique_ptr<Engine> engine = load(/*threads=*/1);
  for (int seed = 0; seed < GetParam().n_seeds; ++seed) {
    Random random(static_cast<uint64_t>(seed));
    const Sample sample = make_sample(*engine, seed, random);
    ASSERT_EQ(
        run(*engine, sample.timelines, sample.lengths, 2, {.strays = true, .forks = true}, random),
        "")
        << "seed " << seed;
  }
}

TEST_P(DeterminismTest, ThreadsChangeNoBit) {
  const std::unique_ptr<Engine> one = load(/*threads=*/1);
  const std::vector<int> n_threads = {2, 3, 7};
  std::vector<std::unique_ptr<Engine>> engines;
  for (const int n : n_threads) engines.push_back(load(n));
  for (int seed = 0; seed < (GetParam().n_seeds + 3) / 4; ++seed) {
    Random random(static_cast<uint64_t>(seed));
    const Sample sample = make_sample(*one, seed, random);
    for (size_t i = 0; i < engines.size(); ++i) {
      Timeline whole = sample.timelines[i];
      test::run_in_one_piece(*engines[i], whole);
      ASSERT_TRUE(test::are_same_bits(whole.logits, sample.timelines[i].logits))
          << "seed " << seed << ", " << n_threads[i] << " threads";
      const size_t n_lengths = sample.lengths.size() / engines.size();
      ASSERT_EQ(run(*engines[i], sample.timelines,
                    std::span(sample.lengths).subspan(i * n_lengths, n_lengths), 4,
                    {.strays = true, .forks = true}, random),
                "")
          << "seed " << seed << ", " << n_threads[i] << " threads";
    }
  }
}

// So long that moments are remembered on the way, and that keys outnumber what a token can keep.
TEST(LongTimelineTest, PiecesAndPartingsChangeNoBit) {
  const std::unique_ptr<Engine> engine =
      Engine::load({.model = WN_GOLDEN_CHECKPOINT, .backend = ""});
  const int64_t n_min = test::sample_size(test::kIsSanitized ? 5'000 : 10'000, 16'000);
  for (int seed = 0; seed < test::sample_size(1, 4); ++seed) {
    Random random(static_cast<uint64_t>(seed));
    const int64_t n = n_min + static_cast<int64_t>(random() % 128);
    const std::vector<Timeline> timelines = test::make_timelines(*engine, 2, n, random);
    const std::unique_ptr<Session> session = engine->make_session();
    for (const size_t i : {0, 1, 0}) {
      session->sync(timelines[i].tokens);
      ASSERT_TRUE(test::are_same_bits(session->logits(), timelines[i].logits_after(n)))
          << "seed " << seed << ", " << n << " tokens of timeline " << i;
    }
  }
}

}  // namespace
}  // namespace widenet::engine
