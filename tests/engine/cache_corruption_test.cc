// Flips and cuts what the prefix cache has on disk: a miss, never wrong bytes, never a crash.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "tests/engine/cache_fixture.h"
#include "tests/support/sample_size.h"
#include "tests/support/simulated_disk.h"

namespace widenet::engine {
namespace {

const std::filesystem::path kDirectory = "/cache";
const std::filesystem::path kCatalogue = kDirectory / "catalogue.sqlite";
const std::filesystem::path kFirstFile = kDirectory / "files/0000000000000001.kv";

Entry make_entry(const std::string& timeline) {
  const auto keys = keys_of(timeline, 0, 3);
  return with_point(make_rows(keys, {1, 2}, 70), keys[2], {11, 12, 13}, 90);
}

// A closed cache with a few entries, one of them the child of another.
class CacheCorruptionTest : public testing::Test {
 protected:
  CacheCorruptionTest() {
    const auto cache = open_cache(disk_, kDirectory);
    for (const char* timeline : {"a", "b", "c"}) {
      entries_[timeline] = make_entry(timeline);
      files_[timeline] = committed(*cache, entries_[timeline]);
    }
    entries_["child"] = after(files_["a"], 3, make_rows(keys_of("a", 3, 5), {1, 1}));
    files_["child"] = committed(*cache, entries_["child"]);
    disk_with_journal_ = disk_.lose_power();
  }

  // Whatever is found is right.  Returns how many entries were found.
  int check(test::SimulatedDisk& disk) {
    const auto cache = open_cache(disk, kDirectory);
    if (cache == nullptr) return 0;
    int n_found = 0;
    for (const auto& [name, entry] : entries_) {
      const Outcome outcome = look_up_and_read(*cache, entry);
      EXPECT_NE(outcome, Outcome::wrong) << name;
      n_found += outcome == Outcome::whole ? 1 : 0;
      if (!entry.file.point) continue;
      for (const CacheFile& file : cache->find_points(entry.file.point->key, {})) {
        EXPECT_TRUE(file.point->tail.empty()) << name;
      }
    }
    cache->verify();
    const Entry fresh = make_rows(keys_of("fresh", 0, 1), {1});
    committed(*cache, fresh);
    EXPECT_EQ(look_up_and_read(*cache, fresh), Outcome::whole);
    return n_found;
  }

  // Opens the cache on a copy of `disk` in which a byte of `path` is other than it was.
  void flip_byte(const test::SimulatedDisk& disk,
                 const std::filesystem::path& path,
                 size_t position,
                 uint32_t mask) {
    SCOPED_TRACE("byte " + std::to_string(position) + " of " + path.string() + ", mask " +
                 std::to_string(mask));
    std::vector<std::byte> bytes = disk.contents(path);
    bytes[position] ^= static_cast<std::byte>(mask);
    const auto copy = disk.lose_power();
    copy->set_contents(path, std::move(bytes));
    check(*copy);
  }

  void flip_bytes(const test::SimulatedDisk& disk, const std::filesystem::path& path, int n_flips) {
    const size_t n_bytes = disk.contents(path).size();
    std::mt19937 random(20261130);
    for (int i = 0; i < n_flips && !HasFailure(); ++i) {
      const size_t position = random() % n_bytes;
      flip_byte(disk, path, position, static_cast<uint32_t>(1 + random() % 255));
    }
  }

  void cut(const test::SimulatedDisk& disk, const std::filesystem::path& path, size_t step) {
    const std::vector<std::byte> bytes = disk.contents(path);
    for (size_t size = 0; size < bytes.size(); size += step) {
      SCOPED_TRACE(path.string() + " cut to " + std::to_string(size));
      const auto copy = disk.lose_power();
      copy->set_contents(path, {bytes.begin(), bytes.begin() + static_cast<int64_t>(size)});
      check(*copy);
      if (HasFailure()) return;
    }
  }

  test::SimulatedDisk disk_;
  std::unique_ptr<test::SimulatedDisk> disk_with_journal_;  // as a crash would leave it
  std::map<std::string, Entry> entries_;
  std::map<std::string, CacheFile> files_;
};

TEST_F(CacheCorruptionTest, NothingIsLostToBeginWith) {
  EXPECT_EQ(check(*disk_.lose_power()), 4);
  EXPECT_EQ(check(*disk_with_journal_->lose_power()), 4);
}

// The bytes between the header, the records and the point are nobody's; all others matter.
TEST_F(CacheCorruptionTest, EveryFlippedByteOfAFileIsAMissAndRemovesIt) {
  const Entry& entry = entries_["a"];
  const CacheFile& file = files_["a"];
  const std::vector<std::byte> bytes = disk_.contents(kFirstFile);
  const auto is_padding = [&](int64_t position) {
    const auto is_in = [&](const auto& part) {
      return position >= part.offset && position < part.offset + part.bytes;
    };
    return position >= file.records.front().offset && !is_in(*file.point) &&
           std::none_of(file.records.begin(), file.records.end(), is_in);
  };
  for (int64_t position = 0; position < std::ssize(bytes); ++position) {
    SCOPED_TRACE("byte " + std::to_string(position));
    std::vector<std::byte> flipped = bytes;
    flipped[static_cast<size_t>(position)] ^= std::byte{0x10};
    const auto disk = disk_.lose_power();
    disk->set_contents(kFirstFile, std::move(flipped));
    const auto cache = open_cache(*disk, kDirectory);
    if (is_padding(position)) {
      EXPECT_EQ(look_up_and_read(*cache, entry), Outcome::whole);
      continue;
    }
    EXPECT_EQ(look_up_and_read(*cache, entry), Outcome::miss);
    EXPECT_FALSE(look_up(*cache, entry)) << "it would be tried again";
    EXPECT_FALSE(look_up(*cache, entries_["child"])) << "a child without its parent";
    EXPECT_FALSE(disk->exists(kFirstFile));
    EXPECT_EQ(cache->statistics().n_reads_damaged, 1);
    EXPECT_EQ(look_up_and_read(*cache, entries_["b"]), Outcome::whole);
  }
}

TEST_F(CacheCorruptionTest, VerifyFindsEveryFlippedPayloadByte) {
  const CacheFile& file = files_["a"];
  const std::vector<std::byte> bytes = disk_.contents(kFirstFile);
  for (const CacheFile::Record& record : file.records) {
    for (int64_t i = 0; i < record.bytes; ++i) {
      std::vector<std::byte> flipped = bytes;
      flipped[static_cast<size_t>(record.offset + i)] ^= std::byte{1};
      const auto disk = disk_.lose_power();
      disk->set_contents(kFirstFile, std::move(flipped));
      const auto cache = open_cache(*disk, kDirectory);
      const auto verified = cache->verify();
      EXPECT_EQ(verified.n_damaged, 1);
      EXPECT_EQ(verified.removed, (std::vector{file.id, files_["child"].id}));
      EXPECT_EQ(cache->verify().n_damaged, 0);
    }
  }
}

TEST_F(CacheCorruptionTest, AFileOfAnyOtherLengthIsAMiss) {
  const std::vector<std::byte> bytes = disk_.contents(kFirstFile);
  for (size_t size = 0; size < bytes.size() + 100; ++size) {
    if (size == bytes.size()) continue;
    std::vector<std::byte> cut = bytes;
    cut.resize(size);
    const auto disk = disk_.lose_power();
    disk->set_contents(kFirstFile, std::move(cut));
    const auto cache = open_cache(*disk, kDirectory);
    EXPECT_EQ(look_up_and_read(*cache, entries_["a"]), Outcome::miss) << size << " bytes";
    EXPECT_FALSE(look_up(*cache, entries_["a"])) << size << " bytes";
  }
}

TEST_F(CacheCorruptionTest, AFileUnderAnothersNameIsAMiss) {
  disk_.set_contents(kFirstFile, disk_.contents(kDirectory / "files/0000000000000002.kv"));
  const auto cache = open_cache(disk_, kDirectory);
  EXPECT_EQ(look_up_and_read(*cache, entries_["a"]), Outcome::miss);
  EXPECT_EQ(look_up_and_read(*cache, entries_["b"]), Outcome::whole);
}

TEST_F(CacheCorruptionTest, AMissingFileIsAMissAlsoWhileTheCacheIsOpen) {
  const auto cache = open_cache(disk_, kDirectory);
  disk_.remove(kFirstFile);
  EXPECT_EQ(look_up_and_read(*cache, entries_["a"]), Outcome::miss);
  EXPECT_FALSE(look_up(*cache, entries_["child"]));
  EXPECT_EQ(look_up_and_read(*cache, entries_["b"]), Outcome::whole);
}

// All bytes of SQLite's header in turn, then of the rest some.
TEST_F(CacheCorruptionTest, ACatalogueWithFlippedBytesServesNoWrongBytes) {
  for (size_t position = 0; position < 100; ++position) flip_byte(disk_, kCatalogue, position, 37);
  flip_bytes(disk_, kCatalogue, test::sample_size(1'000, 20'000));
}

TEST_F(CacheCorruptionTest, AJournalWithFlippedBytesServesNoWrongBytes) {
  flip_bytes(*disk_with_journal_, kCatalogue.string() + "-wal", test::sample_size(300, 5'000));
}

TEST_F(CacheCorruptionTest, ACatalogueOfAnyLengthOpens) {
  cut(disk_, kCatalogue, static_cast<size_t>(test::sample_size(199, 13)));
  cut(*disk_with_journal_, kCatalogue.string() + "-wal",
      static_cast<size_t>(test::sample_size(199, 13)));
}

TEST_F(CacheCorruptionTest, WhatIsNoDatabaseIsThrownAwayAndSaidSo) {
  disk_.set_contents(kCatalogue, bytes_of("noise", 10'000));
  const auto cache = open_cache(disk_, kDirectory);
  EXPECT_NE(cache->thrown_away(), "");
  EXPECT_EQ(cache->statistics().n_files, 0);
  EXPECT_EQ(disk_.list(kDirectory / "files").size(), 0u);
}

// An index that leads to the wrong row, which no check at opening looks for: the running cache
// begins anew when it is led there.
TEST_F(CacheCorruptionTest, DamageThatShowsLateIsAMissAndIdsGoOn) {
  std::vector<std::byte> bytes = disk_.contents(kCatalogue);
  const BlockKey key = entries_["b"].file.keys.front();
  std::vector<std::byte> indexed(key.size() + 1, std::byte{2});  // the key, then the id of its row
  std::memcpy(indexed.data(), key.data(), key.size());
  const auto found = std::search(bytes.begin(), bytes.end(), indexed.begin(), indexed.end());
  ASSERT_NE(found, bytes.end());
  found[static_cast<int64_t>(key.size())] = std::byte{3};
  disk_.set_contents(kCatalogue, std::move(bytes));

  const auto cache = open_cache(disk_, kDirectory);
  EXPECT_EQ(look_up_and_read(*cache, entries_["c"]), Outcome::whole);
  EXPECT_EQ(look_up_and_read(*cache, entries_["b"]), Outcome::miss);
  EXPECT_EQ(cache->statistics().n_rebuilt, 1);
  EXPECT_EQ(cache->statistics().n_files, 0);
  EXPECT_TRUE(disk_.list(kDirectory / "files").empty());
  const CacheFile file = committed(*cache, entries_["b"]);
  EXPECT_GT(file.id, files_["child"].id);
  EXPECT_EQ(look_up_and_read(*cache, entries_["b"]), Outcome::whole);
}

}  // namespace
}  // namespace widenet::engine
