// The prefix cache's directory: budget, pins, full and foreign disks, threads.
#include "engine/cache_files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <fstream>
#include <set>
#include <thread>

#include "tests/engine/cache_fixture.h"
#include "tests/support/simulated_disk.h"
#include "tests/support/temporary_directory.h"

namespace widenet::engine {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kBlock = 4096;

// An entry that takes n_blocks blocks of the disk, the header included.
Entry make_sized(const std::string& name, int64_t n_blocks, double seconds = 1) {
  Entry entry = make_rows(keys_of(name, 0, 1), {1}, static_cast<size_t>(n_blocks * kBlock - 256));
  entry.file.seconds = seconds;
  return entry;
}

int64_t allocated_under(const fs::path& directory) {
  int64_t bytes = 0;
  for (const auto& entry : fs::directory_iterator(directory)) {
    struct stat status {};
    EXPECT_EQ(::stat(entry.path().c_str(), &status), 0);
    bytes += int64_t{status.st_blocks} * 512;
  }
  return bytes;
}

int64_t n_entries(const fs::path& directory) {
  return std::distance(fs::directory_iterator(directory), {});
}

// On the operating system's disk.
class CacheFilesTest : public testing::Test {
 protected:
  test::TemporaryDirectory temporary_;
  const fs::path directory_ = temporary_.path() / "deep" / "cache";
  const std::unique_ptr<CacheDisk> disk_ = make_posix_disk();
};

// On a simulated one.
class CacheFilesSimulatedTest : public testing::Test {
 protected:
  test::SimulatedDisk disk_;
  const fs::path directory_ = "/cache";
};

TEST_F(CacheFilesTest, WhatIsCommittedIsReadBackNowAndAfterReopening) {
  const auto keys = keys_of("a", 0, 3);
  const Entry rows = with_point(make_rows(keys, {2, 1}, 300'000), keys[2], {1}, 700'000);
  Entry point = with_point({}, keys[2], {1, 2});
  point.file.point->has_logits = true;
  {
    const auto cache = open_cache(*disk_, directory_);
    point = after(committed(*cache, rows), 3, point);
    committed(*cache, point);
    EXPECT_EQ(look_up_and_read(*cache, rows), Outcome::whole);
    EXPECT_EQ(look_up_and_read(*cache, point), Outcome::whole);
  }
  const auto cache = open_cache(*disk_, directory_);
  EXPECT_EQ(look_up_and_read(*cache, rows), Outcome::whole);
  EXPECT_EQ(look_up_and_read(*cache, point), Outcome::whole);
  const auto verified = cache->verify();
  EXPECT_EQ(verified.n_files, 2);
  EXPECT_EQ(verified.bytes, 3 * 300'000 + 700'000 + 50);
  EXPECT_EQ(verified.n_damaged, 0);
  EXPECT_EQ(cache->statistics().n_reads, 3);
}

TEST_F(CacheFilesTest, OneOfSeveralRecordsCanBeReadByItself) {
  const auto cache = open_cache(*disk_, directory_);
  const Entry entry = make_rows(keys_of("a", 0, 6), {1, 2, 3});
  const CacheFile file = committed(*cache, entry);
  std::vector<std::byte> record(200);
  const std::vector<std::span<std::byte>> target = {record};
  EXPECT_TRUE(cache->read_records(file, 1, target));
  EXPECT_EQ(record, entry.records[1]);
}

TEST_F(CacheFilesTest, EmptyPayloadsAreKept) {
  const auto cache = open_cache(*disk_, directory_);
  const Entry entry = with_point(make_rows(keys_of("a", 0, 1), {1}, 0), key_of("a0"), {}, 0);
  committed(*cache, entry);
  EXPECT_EQ(look_up_and_read(*cache, entry), Outcome::whole);
}

TEST_F(CacheFilesTest, TheBudgetCountsRealBlocksAndHolds) {
  constexpr int64_t kBytesMax = 20 * kBlock;
  const auto cache = open_cache(*disk_, directory_, kBytesMax);
  for (int i = 0; i < 40; ++i) {
    committed(*cache, make_sized(std::to_string(i), 1 + i % 5));
    EXPECT_LE(allocated_under(directory_ / "files"), kBytesMax);
    EXPECT_EQ(allocated_under(directory_ / "files"), cache->statistics().bytes);
  }
  EXPECT_GT(cache->statistics().n_evictions, 20);
  EXPECT_EQ(n_entries(directory_ / "files"), cache->statistics().n_files);
}

TEST_F(CacheFilesTest, ASmallerBudgetEvictsAtOpening) {
  const Entry dear = make_sized("dear", 2, /*seconds=*/100);
  {
    const auto cache = open_cache(*disk_, directory_);
    for (int i = 0; i < 10; ++i) committed(*cache, make_sized(std::to_string(i), 2));
    committed(*cache, dear);
  }
  const auto cache = open_cache(*disk_, directory_, 5 * kBlock);
  EXPECT_LE(allocated_under(directory_ / "files"), 5 * kBlock);
  EXPECT_EQ(look_up_and_read(*cache, dear), Outcome::whole);
}

TEST_F(CacheFilesSimulatedTest, TheBudgetFailsClosed) {
  const auto cache = open_cache(disk_, directory_, 4 * kBlock);
  const Entry pinned = make_sized("pinned", 2);
  const Entry other = make_sized("other", 1);
  const std::vector<int64_t> ids = {committed(*cache, pinned).id};
  ASSERT_TRUE(cache->pin(ids));
  committed(*cache, other);
  const int64_t n_operations = disk_.n_operations();
  const auto refused = commit(*cache, make_sized("large", 3));
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().find("budget"), std::string::npos) << refused.error();
  EXPECT_EQ(disk_.n_operations(), n_operations) << "it wrote before it knew";
  EXPECT_EQ(look_up_and_read(*cache, other), Outcome::whole) << "it evicted in vain";
  EXPECT_EQ(cache->statistics().n_skipped, 1);

  cache->unpin(ids);
  committed(*cache, make_sized("large", 3));
  EXPECT_EQ(look_up_and_read(*cache, pinned), Outcome::miss);
}

TEST_F(CacheFilesSimulatedTest, TheParentOfWhatIsWrittenIsNotEvictedForIt) {
  const auto cache = open_cache(disk_, directory_, 2 * kBlock);
  const CacheFile parent = committed(*cache, make_sized("a", 1));
  const Entry child = after(parent, 1, make_rows(keys_of("a", 1, 2), {1}, 3'000));
  committed(*cache, make_sized("other", 1, /*seconds=*/100));
  committed(*cache, child);
  EXPECT_TRUE(cache->find(parent.id));
  EXPECT_EQ(look_up_and_read(*cache, child), Outcome::whole);
}

TEST_F(CacheFilesSimulatedTest, AFileWhoseParentHasGoneIsNotStored) {
  const auto cache = open_cache(disk_, directory_);
  const CacheFile parent = committed(*cache, make_sized("a", 1));
  EXPECT_TRUE(cache->remove(parent.id));
  EXPECT_FALSE(commit(*cache, after(parent, 1, make_rows(keys_of("a", 1, 2), {1}))).has_value());
  EXPECT_TRUE(disk_.list(directory_ / "files").empty());
}

TEST_F(CacheFilesSimulatedTest, WhatIsReplacedStaysReadableWhileItIsPinned) {
  const auto cache = open_cache(disk_, directory_);
  const Entry old = make_rows(keys_of("a", 0, 2), {2});
  const CacheFile file = committed(*cache, old);
  const std::vector<int64_t> ids = {file.id};
  ASSERT_TRUE(cache->pin(ids));
  ASSERT_TRUE(cache->pin(ids));
  committed(*cache, make_rows(keys_of("a", 0, 4), {2, 2}));
  EXPECT_FALSE(cache->find(file.id));
  EXPECT_FALSE(cache->pin(ids)) << "it can no longer be found";
  EXPECT_EQ(cache->collect_garbage(), 0);
  EXPECT_EQ(cache->statistics().bytes, 2 * kBlock) << "it takes room still";
  cache->unpin(ids);
  EXPECT_EQ(read_back(*cache, file, old), Outcome::whole);
  cache->unpin(ids);
  EXPECT_EQ(read_back(*cache, file, old), Outcome::miss);
  EXPECT_EQ(disk_.list(directory_ / "files").size(), 1u);
  EXPECT_EQ(cache->statistics().bytes, kBlock);
  EXPECT_EQ(cache->statistics().n_reads_damaged, 0);
  EXPECT_EQ(cache->statistics().n_reads_gone, 1);
}

TEST_F(CacheFilesSimulatedTest, RemovalTakesDescendantsFromTheDiskEvenIfPinned) {
  const auto cache = open_cache(disk_, directory_);
  const CacheFile a = committed(*cache, make_rows(keys_of("a", 0, 2), {2}));
  const CacheFile b = committed(*cache, after(a, 2, make_rows(keys_of("a", 2, 3), {1})));
  const std::vector<int64_t> ids = {b.id};
  ASSERT_TRUE(cache->pin(ids));
  EXPECT_TRUE(cache->remove(a.id));
  EXPECT_TRUE(disk_.list(directory_ / "files").empty());
  EXPECT_TRUE(disk_.lose_power()->list(directory_ / "files").empty()) << "it could come back";
  cache->unpin(ids);
}

TEST_F(CacheFilesSimulatedTest, ARemovalThatTheDiskRefusesIsNotForgotten) {
  const auto cache = open_cache(disk_, directory_);
  const CacheFile a = committed(*cache, make_rows(keys_of("a", 0, 2), {2}));
  committed(*cache, after(a, 2, make_rows(keys_of("a", 2, 3), {1})));
  disk_.refuse_removals(true);
  EXPECT_FALSE(cache->remove(a.id));
  EXPECT_FALSE(cache->find(a.id)) << "nothing of it may be served";
  EXPECT_FALSE(cache->remove(a.id));
  disk_.refuse_removals(false);
  EXPECT_TRUE(cache->remove(a.id));
  EXPECT_TRUE(disk_.list(directory_ / "files").empty());
}

TEST_F(CacheFilesSimulatedTest, NothingIsBegunOnADiskThatIsFull) {
  const auto cache = open_cache(disk_, directory_);
  disk_.set_free_bytes(100);
  const int64_t n_operations = disk_.n_operations();
  const auto refused = commit(*cache, make_sized("a", 1));
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().find("full"), std::string::npos) << refused.error();
  EXPECT_EQ(disk_.n_operations(), n_operations);
}

// What is stored is never lost to a full disk, and what did not fit can be stored later.
TEST_F(CacheFilesSimulatedTest, ADiskThatIsFullAtAnyWriteLosesNothing) {
  const auto keys = keys_of("a", 0, 2);
  const Entry first = make_rows(keys, {1, 1}, 3'000);
  const Entry other = with_point(make_rows(keys_of("b", 0, 2), {1, 1}), key_of("b1"), {4});
  const Entry unimportant = make_sized("unimportant", 1, /*seconds=*/0);
  for (int64_t n_writes = 0;; ++n_writes) {
    SCOPED_TRACE("full after write " + std::to_string(n_writes));
    test::SimulatedDisk disk;
    const auto cache = open_cache(disk, directory_, 4 * kBlock);
    const CacheFile stored = committed(*cache, first);
    committed(*cache, unimportant);
    const Entry second = after(
        stored, 2, with_point(make_rows(keys_of("a", 2, 4), {1, 1}), key_of("a3"), {1}, 5'000));
    disk.fill_up_after(n_writes);
    const auto refused = commit(*cache, second);  // has to evict, too
    EXPECT_EQ(look_up_and_read(*cache, first), Outcome::whole);
    if (!refused) {
      EXPECT_NE(refused.error().find("full"), std::string::npos) << refused.error();
      EXPECT_EQ(look_up_and_read(*cache, second), Outcome::miss);
      for (const auto& entry : disk.list(directory_ / "files")) {
        EXPECT_TRUE(entry.name.ends_with(".kv")) << entry.name << " was left";
      }
    }
    disk.make_space();
    committed(*cache, second);
    EXPECT_EQ(look_up_and_read(*cache, first), Outcome::whole);
    EXPECT_EQ(look_up_and_read(*cache, second), Outcome::whole);
    EXPECT_EQ(cache->statistics().n_rebuilt, 0);
    EXPECT_EQ(cache->collect_garbage(), 0);
    if (refused) {
      EXPECT_GT(n_writes, 10);
      break;
    }
    ASSERT_FALSE(HasFailure());
  }
}

TEST_F(CacheFilesSimulatedTest, ADiskThatStopsMakesEverythingAMiss) {
  const auto cache = open_cache(disk_, directory_);
  const Entry entry = make_sized("a", 1);
  const CacheFile file = committed(*cache, entry);
  disk_.stop_after(0);
  EXPECT_FALSE(commit(*cache, make_sized("b", 1)).has_value());
  EXPECT_EQ(read_back(*cache, file, entry), Outcome::miss);
  EXPECT_FALSE(cache->remove(file.id));
  cache->note_hits(std::vector<int64_t>{file.id}, 1);
  cache->verify();
  cache->collect_garbage();
}

TEST_F(CacheFilesSimulatedTest, AReadOnlyDirectoryIsNoCacheAndSaysWhy) {
  disk_.set_read_only();
  const auto cache = CacheFiles::open(disk_, directory_, kBlock);
  ASSERT_FALSE(cache.has_value());
  EXPECT_NE(cache.error().find("cannot write"), std::string::npos) << cache.error();
}

TEST_F(CacheFilesTest, APathThatIsAFileIsNoCacheAndSaysWhy) {
  std::ofstream(temporary_.path() / "deep") << "a file";
  const auto cache = CacheFiles::open(*disk_, directory_, kBlock);
  ASSERT_FALSE(cache.has_value());
  EXPECT_NE(cache.error().find("deep"), std::string::npos) << cache.error();
}

TEST_F(CacheFilesTest, ASecondOpenerIsToldSoUntilTheFirstHasGone) {
  auto first = open_cache(*disk_, directory_);
  const auto other_disk = make_posix_disk();
  const auto second = CacheFiles::open(*other_disk, directory_, kBlock);
  ASSERT_FALSE(second.has_value());
  EXPECT_NE(second.error().find("in use"), std::string::npos) << second.error();
  first.reset();
  EXPECT_NE(open_cache(*disk_, directory_), nullptr);
}

TEST_F(CacheFilesTest, ADirectoryDeletedUnderTheOpenCacheCostsTimeOnly) {
  const Entry entry = make_sized("a", 1);
  {
    const auto cache = open_cache(*disk_, directory_);
    const CacheFile file = committed(*cache, entry);
    fs::remove_all(directory_);
    EXPECT_EQ(read_back(*cache, file, entry), Outcome::miss);
    EXPECT_FALSE(commit(*cache, make_sized("b", 1)).has_value());
    EXPECT_EQ(look_up_and_read(*cache, entry), Outcome::miss);
    cache->collect_garbage();
  }
  const auto cache = open_cache(*disk_, directory_);
  EXPECT_EQ(look_up_and_read(*cache, entry), Outcome::miss);
  committed(*cache, entry);
  EXPECT_EQ(look_up_and_read(*cache, entry), Outcome::whole);
}

TEST_F(CacheFilesTest, ForeignFilesAreSweptButNothingOutsideFiles) {
  const Entry entry = make_sized("a", 1);
  { committed(*open_cache(*disk_, directory_), entry); }
  const fs::path outside = temporary_.path() / "outside";
  fs::create_directories(outside);
  std::ofstream(outside / "precious") << "mine";
  std::ofstream(directory_ / "notes.txt") << "mine";
  const fs::path files = directory_ / "files";
  for (const char* name : {"0000000000000099.kv", "0000000000000001.tmp", "1.kv", "-1.kv", "x"}) {
    std::ofstream(files / name) << "foreign";
  }
  fs::create_symlink(outside / "precious", files / "link.kv");
  fs::create_directory_symlink(outside, files / "directory.kv");
  fs::create_directories(files / "kept");
  std::ofstream(files / "kept" / "inside") << "mine";

  const auto cache = open_cache(*disk_, directory_);
  EXPECT_EQ(cache->statistics().n_swept, 7);
  EXPECT_EQ(n_entries(files), 2) << "the entry and the directory";
  EXPECT_TRUE(fs::exists(files / "kept" / "inside"));
  EXPECT_TRUE(fs::exists(outside / "precious"));
  EXPECT_TRUE(fs::exists(directory_ / "notes.txt"));
  EXPECT_EQ(look_up_and_read(*cache, entry), Outcome::whole);
}

TEST_F(CacheFilesTest, FilesMustNotBeALinkToElsewhere) {
  const fs::path outside = temporary_.path() / "outside";
  fs::create_directories(outside);
  std::ofstream(outside / "precious") << "mine";
  fs::create_directories(directory_);
  fs::create_directory_symlink(outside, directory_ / "files");
  EXPECT_FALSE(CacheFiles::open(*disk_, directory_, kBlock).has_value());
  EXPECT_TRUE(fs::exists(outside / "precious"));
}

TEST_F(CacheFilesTest, IdsAreNotUsedAgainAfterRemovalAndReopening) {
  std::set<int64_t> ids;
  for (int round = 0; round < 3; ++round) {
    const auto cache = open_cache(*disk_, directory_);
    for (int i = 0; i < 3; ++i) {
      const CacheFile file = committed(*cache, make_sized("a", 1));
      EXPECT_TRUE(ids.insert(file.id).second) << file.id;
      EXPECT_TRUE(cache->remove(file.id));
    }
  }
}

TEST_F(CacheFilesTest, ThreadsReadWhileOthersCommitEvictAndRemove) {
  const auto cache = open_cache(*disk_, directory_, 24 * kBlock);
  std::vector<Entry> entries;
  for (int i = 0; i < 24; ++i) entries.push_back(make_sized(std::to_string(i), 1 + i % 4));
  std::atomic<int> n_whole = 0, n_wrong = 0, n_writers = 2;
  const auto write = [&](uint32_t seed) {
    std::mt19937 random(seed);
    for (int i = 0; i < 100; ++i) {
      const Entry& entry = entries[random() % entries.size()];
      const auto file = commit(*cache, entry);
      const bool is_unlucky = random() % 8 == 0;
      EXPECT_TRUE(!file || !is_unlucky || cache->remove(file->id));
      if (random() % 16 == 0) cache->collect_garbage();
    }
    --n_writers;
  };
  const auto read = [&](uint32_t seed) {
    std::mt19937 random(seed);
    while (n_writers > 0) {
      const Entry& entry = entries[random() % entries.size()];
      const auto file = look_up(*cache, entry);
      if (!file) continue;
      const std::vector<int64_t> ids = {file->id};
      if (!cache->pin(ids)) continue;
      const Outcome outcome = read_back(*cache, *file, entry);
      n_whole += outcome == Outcome::whole ? 1 : 0;
      n_wrong += outcome == Outcome::wrong ? 1 : 0;
      cache->note_hits(ids, 1);
      cache->unpin(ids);
    }
  };
  std::vector<std::thread> threads;
  for (uint32_t i = 0; i < 2; ++i) threads.emplace_back(write, i);
  for (uint32_t i = 0; i < 2; ++i) threads.emplace_back(read, 10 + i);
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(n_whole, 0);
  EXPECT_EQ(n_wrong, 0);
  EXPECT_EQ(cache->statistics().n_reads_damaged, 0);
  EXPECT_EQ(cache->verify().n_damaged, 0);
  EXPECT_EQ(cache->statistics().bytes, allocated_under(directory_ / "files"));
  EXPECT_LE(cache->statistics().bytes, 24 * kBlock);
}

}  // namespace
}  // namespace widenet::engine
