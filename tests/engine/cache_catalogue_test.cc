// The catalogue of the prefix cache: what is found, what replaces what, what goes first.
#include "engine/cache_catalogue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "tests/engine/cache_fixture.h"
#include "tests/support/sample_size.h"
#include "tests/support/simulated_disk.h"

namespace widenet::engine {
namespace {

using Ids = std::vector<int64_t>;

const std::filesystem::path kPath = "/catalogue.sqlite";

constexpr auto kNothingKept = [](int64_t) { return false; };

class CacheCatalogueTest : public testing::Test {
 protected:
  // Its id, or 0 if it was refused.  Tells what went in `gone_`.
  int64_t add(CacheFile file) {
    file.id = catalogue_.reserve_id();
    if (file.bytes == 0) file.bytes = 4096;
    const auto gone = catalogue_.add(file);
    gone_ = gone.value_or(Ids{});
    std::sort(gone_.begin(), gone_.end());
    return gone ? file.id : 0;
  }

  int64_t add_rows(const std::string& timeline, int64_t first, int64_t end, int64_t parent = 0) {
    CacheFile file = make_rows(keys_of(timeline, first, end), {end - first}).file;
    file.parent = parent;
    file.first_block = first;
    return add(std::move(file));
  }

  int64_t add_point(const BlockKey& key,
                    std::vector<int32_t> tail,
                    int64_t parent = 0,
                    int64_t first_block = 0) {
    CacheFile file = with_point({}, key, std::move(tail)).file;
    file.parent = parent;
    file.first_block = first_block;
    return add(std::move(file));
  }

  Ids points(const BlockKey& key, const std::vector<int32_t>& next) {
    Ids ids;
    for (const CacheFile& file : catalogue_.find_points(key, next)) ids.push_back(file.id);
    return ids;
  }

  test::SimulatedDisk disk_;
  CacheCatalogue catalogue_{disk_, kPath};
  Ids gone_;
};

TEST_F(CacheCatalogueTest, WhatIsAddedIsFoundAsItWas) {
  CacheFile file = with_point(make_rows(keys_of("a", 0, 5), {2, 3}), key_of("a4"), {7, -8}).file;
  file.records[1].offset = 640;
  file.records[1].bytes = 300;
  file.records[1].crc = 0xfedcba98;
  file.point->offset = 1024;
  file.point->bytes = 50;
  file.point->crc = 0x89abcdef;
  file.point->has_logits = true;
  file.bytes = 8192;
  file.seconds = 1.5;
  file.n_hits = 3;
  file.last_used_ms = 1'700'000'000'000;
  file.id = add(file);
  for (const auto& found :
       {catalogue_.find(file.id), catalogue_.find_rows(key_of("a0")),
        std::optional(catalogue_.find_points(key_of("a4"), file.point->tail).at(0))}) {
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->id, file.id);
    EXPECT_EQ(found->keys, file.keys);
    ASSERT_EQ(found->records.size(), 2u);
    EXPECT_EQ(found->records[1].n_blocks, 3);
    EXPECT_EQ(found->records[1].offset, 640);
    EXPECT_EQ(found->records[1].bytes, 300);
    EXPECT_EQ(found->records[1].crc, 0xfedcba98);
    ASSERT_TRUE(found->point.has_value());
    EXPECT_EQ(found->point->tail, file.point->tail);
    EXPECT_EQ(found->point->n_tokens, 7);
    EXPECT_TRUE(found->point->has_logits);
    EXPECT_EQ(found->point->offset, 1024);
    EXPECT_EQ(found->point->crc, 0x89abcdef);
    EXPECT_EQ(found->bytes, 8192);
    EXPECT_EQ(found->seconds, 1.5);
    EXPECT_EQ(found->n_hits, 3);
    EXPECT_EQ(found->last_used_ms, 1'700'000'000'000);
  }
  EXPECT_FALSE(catalogue_.find_rows(key_of("a1")));
  EXPECT_FALSE(catalogue_.find(file.id + 1));
}

TEST_F(CacheCatalogueTest, PointsAreThoseWhoseTailBeginsThePromptLongestFirst) {
  const BlockKey root = key_of("root");
  const int64_t none = add_point(root, {});
  const int64_t one = add_point(root, {5});
  const int64_t three = add_point(root, {5, 6, 300});
  add_point(root, {5, 6, 299});  // parts from the prompt
  add_point(root, {5, 6, 300, 1});
  add_point(root, {256});  // in the order of bytes right before {5}
  add_point(key_of("other"), {5});
  EXPECT_EQ(points(root, {5, 6, 300, 2, 9}), (Ids{three, one, none}));
  EXPECT_EQ(points(root, {5, 6, 300}), (Ids{three, one, none}));
  EXPECT_EQ(points(root, {5, 6}), (Ids{one, none}));
  EXPECT_EQ(points(root, {6}), (Ids{none}));
  EXPECT_EQ(points(root, {}), (Ids{none}));
  EXPECT_EQ(points(key_of("unknown"), {5}), Ids{});
}

TEST_F(CacheCatalogueTest, PointsAreFoundAsByLookingAtAll) {
  std::mt19937 random(7);
  const auto random_tail = [&] {
    std::vector<int32_t> tail(random() % 6);
    for (int32_t& token : tail) token = static_cast<int32_t>(random() % 3) * 129;
    return tail;
  };
  const BlockKey key = key_of("root");
  std::map<std::vector<int32_t>, int64_t> tails;
  for (int i = 0; i < 100; ++i) {
    const auto tail = random_tail();
    tails[tail] = add_point(key, tail);
  }
  for (int i = 0; i < 300; ++i) {
    const auto next = random_tail();
    Ids expected;
    for (size_t n = next.size() + 1; n-- > 0;) {
      const auto found = tails.find({next.begin(), next.begin() + static_cast<int64_t>(n)});
      if (found != tails.end()) expected.push_back(found->second);
    }
    EXPECT_EQ(points(key, next), expected);
  }
}

TEST_F(CacheCatalogueTest, AFileNeedsItsParent) {
  const int64_t a = add_rows("a", 0, 4);
  EXPECT_NE(add_rows("b", 2, 4, a), 0) << "it continues block 1";
  EXPECT_NE(add_rows("a", 4, 6, a), 0) << "it continues the last block";
  EXPECT_EQ(add_rows("c", 5, 6, a), 0) << "block 4 is not in it";
  EXPECT_EQ(add_rows("d", 4, 6, 99), 0) << "it is not there";
  EXPECT_EQ(catalogue_.n_files(), 3);
  EXPECT_EQ(catalogue_.total_bytes(), 3 * 4096);
  EXPECT_EQ(catalogue_.orphans(), Ids{});
}

TEST_F(CacheCatalogueTest, RemovingTakesDescendantsAlong) {
  const int64_t a = add_rows("a", 0, 4);
  const int64_t b = add_rows("a", 4, 6, a);
  const int64_t c = add_point(key_of("a5"), {1}, b, 6);
  const int64_t other = add_rows("other", 0, 1);
  Ids gone = catalogue_.remove(Ids{b, 77});
  std::sort(gone.begin(), gone.end());
  EXPECT_EQ(gone, (Ids{b, c}));
  EXPECT_TRUE(catalogue_.find(a));
  EXPECT_TRUE(catalogue_.find(other));
  EXPECT_EQ(points(key_of("a5"), {1}), Ids{});
  EXPECT_EQ(catalogue_.n_files(), 2);
  EXPECT_EQ(catalogue_.total_bytes(), 2 * 4096);
}

TEST_F(CacheCatalogueTest, AMergedFileReplacesItsPartsAndTakesTheirChildrenOver) {
  const int64_t a = add_rows("a", 0, 4);
  const int64_t b = add_rows("a", 4, 6, a);
  const int64_t continues_b = add_rows("a", 6, 8, b);
  const int64_t fork = add_rows("fork", 2, 3, a);
  const int64_t point = add_point(key_of("a5"), {1}, b, 6);
  const int64_t merged = add_rows("a", 0, 6);
  EXPECT_EQ(gone_, (Ids{a, b}));
  EXPECT_EQ(catalogue_.find_rows(key_of("a0"))->id, merged);
  for (const int64_t child : {continues_b, fork, point}) {
    EXPECT_EQ(catalogue_.find(child)->parent, merged);
  }
  EXPECT_EQ(catalogue_.orphans(), Ids{});
  EXPECT_EQ(catalogue_.n_files(), 4);
}

TEST_F(CacheCatalogueTest, ChildrenThatTheReplacementDoesNotReachGoWithTheReplaced) {
  const int64_t a = add_rows("a", 0, 4);
  const int64_t b = add_rows("a", 4, 6, a);
  const int64_t c = add_rows("a", 6, 7, b);
  const int64_t kept = add_rows("fork", 2, 3, a);
  const int64_t shorter = add_rows("a", 0, 2);
  EXPECT_EQ(gone_, (Ids{a, b, c}));
  EXPECT_EQ(catalogue_.find(kept)->parent, shorter);
  EXPECT_EQ(catalogue_.orphans(), Ids{});
}

TEST_F(CacheCatalogueTest, ThePointIsReplacedUnlessItsFileHasRowsOfItsOwn) {
  const int64_t a = add_rows("a", 0, 4);
  const int64_t first = add_point(key_of("a3"), {1, 2}, a, 4);
  const int64_t other = add_point(key_of("a3"), {1}, a, 4);
  const int64_t second = add_point(key_of("a3"), {1, 2}, a, 4);
  EXPECT_EQ(gone_, Ids{first});
  EXPECT_EQ(points(key_of("a3"), {1, 2}), (Ids{second, other}));

  const int64_t b = add(with_point(make_rows(keys_of("b", 0, 1), {1}), key_of("b0"), {}).file);
  add_point(key_of("b0"), {}, b, 1);
  EXPECT_EQ(gone_, Ids{}) << "the rows would be lost";
  EXPECT_TRUE(catalogue_.find_rows(key_of("b0")));
}

TEST_F(CacheCatalogueTest, VictimsAreLeavesInOrderOfTheirValue) {
  const auto add_valued = [&](const std::string& name, double seconds, int64_t bytes,
                              int64_t n_hits, int64_t last_used_ms) {
    CacheFile file = make_rows(keys_of(name, 0, 1), {1}).file;
    file.seconds = seconds, file.bytes = bytes;
    file.n_hits = n_hits, file.last_used_ms = last_used_ms;
    return add(std::move(file));
  };
  constexpr int64_t kHours = 3'600'000;
  const int64_t usual = add_valued("usual", 10, 4096, 0, 24 * kHours);
  const int64_t older = add_valued("older", 10, 4096, 0, 17 * kHours);
  const int64_t older_but_used = add_valued("used", 10, 4096, 2, 17 * kHours);  // 3 * 2^(-7/6) > 1
  const int64_t larger = add_valued("larger", 10, 4 * 4096, 0, 24 * kHours);
  const int64_t dearer = add_valued("dearer", 80, 4096, 0, 24 * kHours);
  const int64_t worthless = add_valued("worthless", 0, 4096, 9, 24 * kHours);
  EXPECT_EQ(catalogue_.victims(1 << 20, kNothingKept).ids,
            (Ids{worthless, larger, older, usual, older_but_used, dearer}));
  const auto two = catalogue_.victims(4096 + 1, kNothingKept);
  EXPECT_EQ(two.ids, (Ids{worthless, larger}));
  EXPECT_EQ(two.bytes, 5 * 4096);
  EXPECT_EQ(catalogue_.victims(4096, [&](int64_t id) { return id == worthless; }).ids, Ids{larger});
}

TEST_F(CacheCatalogueTest, AParentIsAVictimOnlyAfterItsLastChild) {
  const int64_t a = add_rows("a", 0, 4);
  const int64_t b = add_rows("a", 4, 6, a);
  CacheFile file = make_rows(keys_of("fork", 4, 5), {1}).file;
  file.parent = a, file.first_block = 4, file.seconds = 1'000;
  const int64_t dear = add(file);
  EXPECT_EQ(catalogue_.victims(1 << 20, kNothingKept).ids, (Ids{b, dear, a}));
  EXPECT_EQ(catalogue_.victims(1 << 20, [&](int64_t id) { return id == b; }).ids, (Ids{dear}));
}

TEST_F(CacheCatalogueTest, HitsCount) {
  const int64_t a = add_rows("a", 0, 1);
  catalogue_.note_hits(Ids{a, 99}, 5'000);
  catalogue_.note_hits(Ids{a}, 4'000);
  EXPECT_EQ(catalogue_.find(a)->n_hits, 2);
  EXPECT_EQ(catalogue_.find(a)->last_used_ms, 5'000);
}

TEST_F(CacheCatalogueTest, WeightHashesHoldWhileTheFileIsTheSame) {
  const WeightFile file{.device = 1, .inode = 2, .size = 3, .mtime_ns = 4};
  EXPECT_FALSE(catalogue_.find_weight_hash(file));
  catalogue_.remember_weight_hash(file, key_of("first"));
  EXPECT_EQ(catalogue_.find_weight_hash(file), key_of("first"));
  const WeightFile changed{.device = 1, .inode = 2, .size = 3, .mtime_ns = 5};
  EXPECT_FALSE(catalogue_.find_weight_hash(changed));
  catalogue_.remember_weight_hash(changed, key_of("second"));
  EXPECT_EQ(catalogue_.find_weight_hash(changed), key_of("second"));
  EXPECT_FALSE(catalogue_.find_weight_hash(file));
}

TEST_F(CacheCatalogueTest, IdsAreNeverUsedTwice) {
  const int64_t first = add_rows("a", 0, 1);
  const int64_t second = add_rows("b", 0, 1);
  catalogue_.remove(Ids{first, second});
  EXPECT_GT(add_rows("c", 0, 1), second);
  const int64_t last = catalogue_.reserve_id();
  catalogue_.begin_anew();
  EXPECT_EQ(catalogue_.n_files(), 0);
  EXPECT_GT(catalogue_.reserve_id(), last);
}

TEST(CacheCatalogueReopenTest, TotalsAndIdsAreAsTheyWere) {
  test::SimulatedDisk disk;
  int64_t last_id = 0;
  {
    CacheCatalogue catalogue(disk, kPath);
    for (int i = 0; i < 3; ++i) {
      CacheFile file = make_rows(keys_of("t" + std::to_string(i), 0, 1), {1}).file;
      file.id = last_id = catalogue.reserve_id();
      file.bytes = 4096 << i;
      catalogue.add(file);
    }
    catalogue.remove(Ids{last_id});
  }
  CacheCatalogue catalogue(disk, kPath);
  EXPECT_EQ(catalogue.thrown_away(), "");
  EXPECT_EQ(catalogue.n_files(), 2);
  EXPECT_EQ(catalogue.total_bytes(), 3 * 4096);
  EXPECT_GT(catalogue.reserve_id(), last_id);
}

TEST(CacheCatalogueReopenTest, AnotherVersionIsThrownAwayAndSaidSo) {
  test::SimulatedDisk disk;
  {
    CacheDatabase database(disk, kPath);
    database.run_script("CREATE TABLE files (id INTEGER); PRAGMA user_version = 99;");
  }
  CacheCatalogue catalogue(disk, kPath);
  EXPECT_NE(catalogue.thrown_away().find("version 99"), std::string::npos)
      << catalogue.thrown_away();
  EXPECT_EQ(catalogue.n_files(), 0);
  CacheFile file = make_rows(keys_of("a", 0, 1), {1}).file;
  file.id = catalogue.reserve_id();
  file.bytes = 4096;
  EXPECT_TRUE(catalogue.add(file).has_value());
}

// The work of one lookup, change or removal in a catalogue of n_files, in SQLite's steps.
std::vector<int64_t> steps_of_operations(int64_t n_files) {
  test::SimulatedDisk disk;
  CacheCatalogue catalogue(disk, kPath);
  const auto add = [&](int64_t i) {
    CacheFile file = make_rows({key_of("k" + std::to_string(i))}, {1}).file;
    file.point =
        CacheFile::Point{.key = key_of("p" + std::to_string(i % 2)),
                         .tail = {static_cast<int32_t>(i / 100), static_cast<int32_t>(i % 100), 5}};
    file.id = catalogue.reserve_id();
    file.bytes = 4096;
    catalogue.add(file);
    return file.id;
  };
  for (int64_t i = 0; i < n_files; ++i) add(i);
  std::vector<int64_t> steps;
  const auto measure = [&](const auto& operation) {
    const int64_t before = catalogue.n_steps();
    operation();
    steps.push_back(catalogue.n_steps() - before);
  };
  measure([&] { EXPECT_TRUE(catalogue.find_rows(key_of("k4"))); });
  measure([&] { EXPECT_FALSE(catalogue.find_rows(key_of("unknown"))); });
  measure([&] {
    EXPECT_EQ(catalogue.find_points(key_of("p0"), std::vector<int32_t>{0, 4, 5, 6}).size(), 1u);
  });
  measure([&] {
    EXPECT_TRUE(catalogue.find_points(key_of("p0"), std::vector<int32_t>{-1, -1}).empty());
  });
  measure([&] { catalogue.note_hits(Ids{5}, 1); });
  measure([&] { EXPECT_EQ(catalogue.remove(Ids{5}).size(), 1u); });
  measure([&] { add(1'000'000); });
  return steps;
}

// A step may descend a tree, whose depth is a logarithm; the number of steps does not depend on n.
TEST(CacheCatalogueCostTest, OperationsTakeAsManyStepsAmongTenFilesAsAmongAHundredThousand) {
  EXPECT_EQ(steps_of_operations(10), steps_of_operations(test::sample_size(20'000, 100'000)));
}

}  // namespace
}  // namespace widenet::engine
