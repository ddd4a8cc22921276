// What goes on from the prefix cache - in memory, on disk, after a restart, in a fork - is bit for
// bit what a cold run gives; and what is damaged, foreign or another's is computed.
#include "engine/prefix_cache.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "base/hash.h"
#include "engine/engine.h"
#include "engine/session.h"
#include "kernels/backend.h"
#include "tests/support/random_model.h"
#include "tests/support/sample_size.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/timelines.h"

namespace widenet::engine {
namespace {

using test::Random;
using test::Timeline;

int64_t between(int64_t first, int64_t last, Random& random) {
  return first + static_cast<int64_t>(random() % static_cast<uint64_t>(last - first + 1));
}

void advance(Engine& engine, Session& session) {
  Session* const one = &session;
  engine.advance({&one, 1});
}

class PrefixCacheTest : public testing::TestWithParam<std::string> {
 protected:
  static std::unique_ptr<Engine> load(const std::filesystem::path& model = WN_GOLDEN_CHECKPOINT) {
    return Engine::load({.model = model, .backend = GetParam(), .threads = 1});
  }

  // As test::sample_size(), less where each case takes a quarter of a minute.
  static int sample_size(int sample, int all) {
    return test::sample_size(sample, GetParam() == "reference" ? all / 5 : all);
  }

  PrefixCacheOptions on_disk(int64_t ram_bytes = int64_t{1} << 30) {
    return {.ram_bytes = ram_bytes,
            .directory = directory_.path() / "cache",
            .on_trouble = [this](const std::string& why) { trouble_ = why; }};
  }

  // Goes to the first n tokens of a timeline; the reuse it began with.  Fails if a bit differs.
  static Reuse visit(Engine& engine,
                     const std::shared_ptr<PrefixCache>& cache,
                     const Timeline& timeline,
                     int64_t n,
                     const PromptNotes& notes = {}) {
    const auto session = engine.make_session(cache, "");
    const Reuse reuse = session->set_goal(timeline.first(n), notes);
    EXPECT_LE(reuse.n_tokens, n);
    while (!session->has_arrived()) advance(engine, *session);
    EXPECT_TRUE(test::are_same_bits(session->logits(), timeline.logits_after(n)))
        << n << " tokens, of which " << reuse.n_tokens << " were known, " << reuse.from_disk
        << " on disk";
    return reuse;
  }

  std::vector<std::filesystem::path> files() const {
    std::vector<std::filesystem::path> all;
    for (const auto& entry :
         std::filesystem::directory_iterator(directory_.path() / "cache" / "files")) {
      all.push_back(entry.path());
    }
    std::sort(all.begin(), all.end());
    return all;
  }

  test::TemporaryDirectory directory_;
  std::string trouble_;  // read after drain()
};

std::vector<std::string> backends() {
  std::vector<std::string> names;
  for (const kernels::Backend* backend : kernels::available_backends()) {
    const bool is_slow = test::kIsSanitized ? backend != kernels::available_backends().back()
                                            : std::string(backend->name) == "reference";
    if (!is_slow || test::sample_size(0, 1) > 0) names.emplace_back(backend->name);
  }
  return names;
}

INSTANTIATE_TEST_SUITE_P(Backends,
                         PrefixCacheTest,
                         testing::ValuesIn(backends()),
                         [](const auto& tested) { return tested.param; });

// Timelines that share beginnings are visited at random lengths, left on the way, and gone on from
// by guessing; now and then the process ends, or has room for next to nothing in memory.
TEST_P(PrefixCacheTest, HitsChangeNoBit) {
  const auto engine = load();
  Reuse found;  // of all seeds: one may have had no room in any of its lives
  for (int seed = 0; seed < sample_size(test::kIsSanitized ? 1 : 2, 24); ++seed) {
    Random random(static_cast<uint64_t>(seed));
    const std::filesystem::path directory = directory_.path() / std::to_string(seed);
    const int64_t length = between(1000, 2600, random);
    const auto timelines = test::make_timelines(*engine, 4, length, random);
    for (int life = 0; life < 4; ++life) {
      const int64_t ram_bytes = random() % 2 == 0 ? 100'000 : 50'000'000;
      const auto cache = engine->make_cache({.ram_bytes = ram_bytes, .directory = directory});
      ASSERT_NE(cache->disk(), nullptr);
      for (int i = 0; i < 12; ++i) {
        const Timeline& timeline = timelines[random() % timelines.size()];
        const int64_t n = between(1, length - 10, random);
        std::vector<int64_t> marks;
        for (int64_t mark = between(1, 500, random); mark < n; mark += between(1, 900, random)) {
          marks.push_back(mark);
        }
        const auto session = engine->make_session(cache, "");
        const Reuse reuse = session->set_goal(timeline.first(n), {.marks = marks});
        found.n_tokens += reuse.n_tokens;
        found.from_disk += reuse.from_disk;
        if (random() % 4 == 0) session->remember_at(between(1, n, random));
        while (!session->has_arrived() && random() % 12 != 0) advance(*engine, *session);
        if (!session->has_arrived()) {  // given up
          session->remember();
          continue;
        }
        ASSERT_TRUE(test::are_same_bits(session->logits(), timeline.logits_after(n)))
            << "seed " << seed << ", life " << life << ", " << n << " tokens of which "
            << reuse.n_tokens << " were known, " << reuse.from_disk << " on disk";
        const int64_t n_right = between(1, 4, random);
        const auto right = timeline.first(n + n_right).last(static_cast<size_t>(n_right));
        std::vector<TokenId> guesses(right.begin(), right.end());
        guesses.push_back(static_cast<TokenId>(between(0, 200, random)));
        session->extend(guesses);
        advance(*engine, *session);
        session->keep_extension(n_right);
        ASSERT_TRUE(test::are_same_bits(session->logits(), timeline.logits_after(n + n_right)));
        session->remember();
        if (ram_bytes > 1'000'000) {
          EXPECT_LE(cache->statistics().ram_bytes, ram_bytes);
        }
      }
    }
  }
  EXPECT_GT(found.from_disk, 0);
  EXPECT_GT(found.n_tokens, found.from_disk);
}

TEST_P(PrefixCacheTest, AnExactRepeatComputesNothingAlsoAfterARestart) {
  const auto engine = load();
  Random random(7);
  const auto timelines = test::make_timelines(*engine, 2, 2200, random);
  const Timeline& timeline = timelines.front();
  {
    const auto cache = engine->make_cache(on_disk());
    EXPECT_EQ(visit(*engine, cache, timeline, 2150).n_tokens, 0);
    EXPECT_EQ(visit(*engine, cache, timeline, 2150).n_tokens, 2150);
  }
  const auto cache = engine->make_cache(on_disk());
  const Reuse reuse = visit(*engine, cache, timeline, 2150);
  EXPECT_EQ(reuse.n_tokens, 2150);
  EXPECT_EQ(reuse.from_disk, 2150);
  EXPECT_EQ(visit(*engine, cache, timeline, 2150).from_disk, 0);
}

// What a question leaves, and what the next one about the same documents begins with.
TEST_P(PrefixCacheTest, TheNextQuestionGoesOnWhereTheDocumentsEnd) {
  const auto engine = load();
  Random random(8);
  auto timelines = test::make_timelines(*engine, 2, 1500, random);
  std::copy_n(timelines[0].tokens.begin(), 1400, timelines[1].tokens.begin());
  test::run_in_one_piece(*engine, timelines[1]);
  const PromptNotes notes{.marks = {700, 1400}};
  for (const bool is_restarted : {false, true}) {
    auto cache = engine->make_cache(on_disk());
    EXPECT_EQ(visit(*engine, cache, timelines[0], 1500, notes).n_tokens, is_restarted ? 1500 : 0);
    if (is_restarted) continue;
    EXPECT_EQ(visit(*engine, cache, timelines[1], 1500, notes).n_tokens, 1400 / 128 * 128);
  }
}

TEST_P(PrefixCacheTest, ScopesNeverMeet) {
  const auto engine = load();
  Random random(9);
  const auto timelines = test::make_timelines(*engine, 1, 600, random);
  const auto cache = engine->make_cache(on_disk());
  visit(*engine, cache, timelines[0], 600);
  cache->disk()->drain();
  EXPECT_EQ(cache->known(timelines[0].tokens, "").n_tokens, 600);
  EXPECT_EQ(cache->known(timelines[0].tokens, "another").n_tokens, 0);
  EXPECT_EQ(engine->make_session(cache, "another")->set_goal(timelines[0].tokens).n_tokens, 0);
}

// In memory and on disk, saved or about to be; not what another source alone has led to; and who
// is reading it still does not bring it back.
TEST_P(PrefixCacheTest, WhatCameFromAForgottenSourceIsGone) {
  const auto engine = load();
  Random random(12);
  auto timelines = test::make_timelines(*engine, 2, 1500, random);
  std::copy_n(timelines[0].tokens.begin(), 700, timelines[1].tokens.begin());
  test::run_in_one_piece(*engine, timelines[1]);
  const PromptNotes notes[] = {{.marks = {700, 1400}, .sources = {{20, 1}, {700, 2}, {1100, 3}}},
                               {.marks = {700}, .sources = {{20, 1}, {700, 4}}}};
  for (const bool is_drained : {true, false}) {
    std::filesystem::remove_all(directory_.path() / "cache");
    const auto cache = engine->make_cache(on_disk());
    for (const size_t i : {1, 0}) visit(*engine, cache, timelines[i], 1500, notes[i]);
    const auto reading = engine->make_session(cache, "");
    reading->set_goal(timelines[0].first(1499), notes[0]);
    if (is_drained) cache->disk()->drain();
    const std::vector<int64_t> sources = {2};
    const auto forgotten = cache->forget(sources);
    EXPECT_TRUE(forgotten.is_complete);
    EXPECT_GT(forgotten.n_points, 0);
    if (is_drained) {
      EXPECT_GT(forgotten.n_files, 0);
    }
    while (!reading->has_arrived()) advance(*engine, *reading);
    reading->remember();
    cache->disk()->drain();
    EXPECT_EQ(cache->known(timelines[0].tokens, "").n_tokens, 700 / 128 * 128);
    EXPECT_EQ(cache->known(timelines[1].tokens, "").n_tokens, 1500);
    EXPECT_EQ(visit(*engine, cache, timelines[0], 1500, notes[0]).n_tokens, 700 / 128 * 128);
    cache->disk()->drain();
  }
  const auto cache = engine->make_cache(on_disk());
  EXPECT_EQ(cache->known(timelines[0].tokens, "").n_tokens, 700 / 128 * 128);
  EXPECT_EQ(cache->known(timelines[1].tokens, "").n_tokens, 1500);
}

TEST_P(PrefixCacheTest, AModelOfTheSameShapeDoesNotMeetTheOther) {
  const std::filesystem::path golden = WN_GOLDEN_CHECKPOINT;
  std::ifstream config(golden / "config.json");
  const std::string json{std::istreambuf_iterator<char>(config), {}};
  for (const uint64_t seed : {1, 2}) {
    const auto folder = directory_.path() / "model";
    std::filesystem::create_directories(folder);
    test::write_random_model(folder, json, test::Storage::published, {.seed = seed});
    const auto engine = load(folder);
    Random random(3);
    const auto timelines = test::make_timelines(*engine, 1, 500, random);
    const auto cache = engine->make_cache(on_disk());
    EXPECT_EQ(visit(*engine, cache, timelines[0], 500).n_tokens, 0);
    EXPECT_EQ(visit(*engine, cache, timelines[0], 500).n_tokens, 500);
  }
}

TEST_P(PrefixCacheTest, AnotherArithmeticDoesNotMeetTheOther) {
  Random random(3);
  const auto mine = load();
  const auto timelines = test::make_timelines(*mine, 1, 500, random);
  {
    const auto cache = mine->make_cache(on_disk());
    visit(*mine, cache, timelines[0], 500);
  }
  for (const kernels::Backend* backend : kernels::available_backends()) {
    const auto theirs =
        Engine::load({.model = WN_GOLDEN_CHECKPOINT, .backend = backend->name, .threads = 1});
    const auto cache = theirs->make_cache(on_disk());
    EXPECT_EQ(cache->known(timelines[0].tokens, "").n_tokens,
              backend->name == GetParam() ? 500 : 0);
  }
}

// If this fails the backend computes other bits than it did: raise kernels::kArithmeticRevision,
// lest rows that are on people's disks meet new ones, and write the new hashes here.
TEST_P(PrefixCacheTest, TheArithmeticIsThatOfItsRevision) {
  const std::map<std::string, std::string> hashes = {
      {"reference", "1abead796e234855eee82746631370a402b2398fc878b19f2e5ac260e26ea739"},
      {"avx2", "29f0c4a8bfaf85bd9a613354d5d6aa9fb6c3a0546811c9ebb5f014161ddecee2"},
      {"avx512", "3dc922f91440562f4e12a06b9093c3287176b9786b1c0f550416a42c6b0d931e"}};
  ASSERT_EQ(kernels::kArithmeticRevision, 1);
  const auto engine = load();
  std::vector<TokenId> tokens;
  for (TokenId i = 0; i < 700; ++i) tokens.push_back(2 + i * 37 % 250);
  const auto session = engine->make_session();
  session->sync(tokens);
  auto& state = dynamic_cast<ModelSession&>(*session).state();
  const KvLayouts layouts(engine->config(), /*is_native=*/true);
  std::vector<uint8_t> rows(static_cast<size_t>(layouts.pages.bytes(700)));
  state.rows.copy_out(0, 700, rows);
  const std::vector<uint8_t> point = pack_point({state, {}}, engine->config(), layouts);
  Sha256 hash;
  hash.update(std::as_bytes(std::span(rows))).update(std::as_bytes(std::span(point)));
  EXPECT_EQ(to_hex(hash.finish()), hashes.at(GetParam()));
}

// A fork shares all rows, and what parts from others copies one page of them.
TEST_P(PrefixCacheTest, ForksShareTheirRows) {
  const auto engine = load();
  Random random(11);
  auto timelines = test::make_timelines(*engine, 2, 2300, random);
  std::copy_n(timelines[0].tokens.begin(), 2200, timelines[1].tokens.begin());
  test::run_in_one_piece(*engine, timelines[1]);
  const auto cache = engine->make_cache({});
  visit(*engine, cache, timelines[0], 2200);
  std::vector<std::unique_ptr<Session>> forks;
  const auto page = [&](size_t fork, size_t i) {
    return dynamic_cast<ModelSession&>(*forks[fork]).state().rows.pages()[i].get();
  };
  for (const size_t i : {0, 0, 1}) {
    const int64_t n = forks.empty() ? 2200 : 2300;
    forks.push_back(engine->make_session(cache, ""));
    EXPECT_EQ(forks.back()->set_goal(timelines[i].first(n)).n_tokens, 2200);
    while (!forks.back()->has_arrived()) advance(*engine, *forks.back());
    EXPECT_TRUE(test::are_same_bits(forks.back()->logits(), timelines[i].logits_after(n)));
    EXPECT_EQ(page(forks.size() - 1, 0), page(0, 0));
    EXPECT_EQ(page(forks.size() - 1, 1), page(0, 1));
  }
  EXPECT_EQ(page(1, 2), page(0, 2));  // the first to go on does so in place
  EXPECT_NE(page(2, 2), page(0, 2));
}

TEST_P(PrefixCacheTest, RowsAreSavedOnce) {
  const auto engine = load();
  Random random(4);
  auto timelines = test::make_timelines(*engine, 6, 2600, random);
  const auto cache = engine->make_cache(on_disk());
  const int64_t row_bytes = KvLayouts(engine->config(), true).pages.bytes(2560);
  std::vector<int64_t> written;
  for (Timeline& timeline : timelines) {
    std::copy_n(timelines[0].tokens.begin(), 2570, timeline.tokens.begin());
    test::run_in_one_piece(*engine, timeline);
    visit(*engine, cache, timeline, 2600, {.marks = {2565}});
    cache->disk()->drain();
    written.push_back(cache->statistics().saves.bytes_written);
  }
  EXPECT_GT(written.front(), row_bytes);
  // Behind the mark there is no whole block: each further question adds one resume point.
  const int64_t point_bytes = (written.back() - written.front()) / 5;
  EXPECT_LT(point_bytes, written.front() - row_bytes);
  EXPECT_EQ(cache->statistics().saves.n_skipped, 0);
}

// The rows that a session meets on disk may reach further than the point it begins at: what it
// remembers between the two goes on from the file that ends there, not from the last.
TEST_P(PrefixCacheTest, APointBehindKnownRowsIsSaved) {
  const auto engine = load();
  Random random(11);
  auto timelines = test::make_timelines(*engine, 2, 2400, random);
  std::copy_n(timelines[0].tokens.begin(), 1980, timelines[1].tokens.begin());
  test::run_in_one_piece(*engine, timelines[1]);
  {
    const auto cache = engine->make_cache(on_disk());
    const auto first = engine->make_session(cache, "");
    first->set_goal(timelines[0].first(2300));
    for (const int64_t stop : {1400, 1700, 1990}) first->remember_at(stop);
    while (!first->has_arrived()) advance(*engine, *first);
    cache->disk()->drain();
    const auto second = engine->make_session(cache, "");
    EXPECT_EQ(second->set_goal(timelines[1].first(2300)).n_tokens, 1700);
    second->remember_at(1780);
    while (!second->has_arrived()) advance(*engine, *second);
    cache->disk()->drain();
    EXPECT_EQ(trouble_, "");
    EXPECT_EQ(cache->statistics().saves.n_skipped, 0);
  }
  const auto cache = engine->make_cache(on_disk());
  EXPECT_EQ(visit(*engine, cache, timelines[1], 1800).from_disk, 1780);
}

TEST_P(PrefixCacheTest, ADamagedFileIsAMiss) {
  const auto engine = load();
  Random random(5);
  const auto timelines = test::make_timelines(*engine, 1, 2300, random);
  for (int i = 0; i < sample_size(4, 40); ++i) {
    {
      const auto cache = engine->make_cache(on_disk());
      visit(*engine, cache, timelines[0], 2300, {.marks = {1100}});
    }
    const auto all = files();
    ASSERT_FALSE(all.empty());
    const auto& file = all[random() % all.size()];
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    const auto size = static_cast<int64_t>(std::filesystem::file_size(file));
    const int64_t place = between(0, size - 1, random);
    stream.seekg(place);
    const int byte = stream.get();
    stream.seekp(place);
    stream.put(static_cast<char>(byte ^ (1 << random() % 8)));
    stream.close();
    const auto cache = engine->make_cache(on_disk());
    visit(*engine, cache, timelines[0], 2300);
  }
}

TEST_P(PrefixCacheTest, TwoProcessesOneDirectory) {
  const auto engine = load();
  Random random(6);
  const auto timelines = test::make_timelines(*engine, 1, 400, random);
  const auto first = engine->make_cache(on_disk());
  EXPECT_EQ(trouble_, "");
  const auto second = engine->make_cache(on_disk());
  EXPECT_NE(trouble_.find("another"), std::string::npos) << trouble_;
  EXPECT_EQ(second->disk(), nullptr);
  visit(*engine, second, timelines[0], 400);
  EXPECT_EQ(visit(*engine, second, timelines[0], 400).n_tokens, 400);
}

TEST_P(PrefixCacheTest, TheDirectoryMayGoAtAnyTime) {
  const auto engine = load();
  Random random(6);
  const auto timelines = test::make_timelines(*engine, 2, 1500, random);
  const auto cache = engine->make_cache(on_disk(/*ram_bytes=*/0));
  visit(*engine, cache, timelines[0], 700);
  cache->disk()->drain();
  std::filesystem::remove_all(directory_.path() / "cache");
  visit(*engine, cache, timelines[0], 1400);
  visit(*engine, cache, timelines[1], 1400);
  cache->disk()->drain();
  EXPECT_NE(trouble_, "");
  visit(*engine, cache, timelines[0], 1500);
}

}  // namespace
}  // namespace widenet::engine
