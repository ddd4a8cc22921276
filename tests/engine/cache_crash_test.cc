// Stops the disk after each of its operations, takes the power away, and looks at what is left.
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <set>

#include "tests/engine/cache_fixture.h"
#include "tests/support/sample_size.h"
#include "tests/support/simulated_disk.h"

namespace widenet::engine {
namespace {

const std::filesystem::path kDirectory = "/data/cache";
constexpr int64_t kBlock = 4096;
constexpr int64_t kBytesMax = 8 * kBlock;

// All entries that the workload ever commits, by name.  One disk block each but for "large".
std::map<std::string, Entry> make_entries() {
  const auto keys = keys_of("a", 0, 6);
  std::map<std::string, Entry> entries;
  entries["trunk"] = with_point(make_rows(keys_of("a", 0, 4), {2, 2}), keys[3], {1, 2});
  entries["branch"] = make_rows(keys_of("a", 4, 6), {2});
  entries["answer"] = with_point({}, keys[5], {5, 6, 7});
  entries["fork"] = make_rows(keys_of("b", 2, 4), {1, 1});
  entries["merged"] = make_rows(keys, {6});
  entries["large"] = make_rows(keys_of("large", 0, 2), {1, 1}, 3 * kBlock);
  entries["source"] = make_rows(keys_of("source", 0, 2), {2});
  entries["source"].sources = {17};
  entries["beyond"] = with_point(make_rows(keys_of("source", 2, 3), {1}), keys[3], {3});
  for (const char* name : {"c", "d", "e", "f"}) entries[name] = make_rows(keys_of(name, 0, 1), {1});
  return entries;
}

// The steps of the workload; each has happened when the next begins.  False: it was not done.
class Workload {
 public:
  explicit Workload(test::SimulatedDisk& disk) : disk_(disk) {}

  static constexpr int kSteps = 17;

  bool step(int i) {
    switch (i) {
      case 0: {
        auto opened = CacheFiles::open(disk_, kDirectory, kBytesMax);
        if (opened) cache_ = std::move(*opened);
        return cache_ != nullptr;
      }
      case 1:
        return store("trunk", 0, "");
      case 2:
        return store("branch", 4, "trunk");
      case 3:
        return store("answer", 6, "branch");
      case 4: {
        const std::vector<int64_t> ids = {files_["trunk"].id, files_["branch"].id};
        cache_->note_hits(ids, 1'000);
        return !disk_.has_stopped();
      }
      case 5:
        return store("fork", 2, "trunk");
      case 6:
        return cache_->remove(files_["fork"].id);
      case 7:
        return store("merged", 0, "");  // replaces trunk and branch; takes answer over
      case 8:
        return store("c", 0, "");
      case 9:
        return store("d", 0, "");
      case 10:
        return store("large", 0, "");  // evicts
      case 11:
        cache_->remember_weight_hash({.device = 1, .inode = 2, .size = 3, .mtime_ns = 4},
                                     key_of("weights"));
        return !disk_.has_stopped();
      case 12:
        return store("e", 0, "");
      case 13:
        return store("source", 0, "");
      case 14:
        return store("beyond", 2, "source");
      case 15: {
        const std::vector<int64_t> sources = {17};
        return cache_->remove_sources(sources).is_complete;
      }
      case 16:
        return store("f", 0, "");
    }
    return false;
  }

  // Names of entries that can be looked up.
  std::set<std::string> present() {
    std::set<std::string> names;
    for (const auto& [name, entry] : entries_) {
      const auto found = look_up(*cache_, entry);
      if (found && found->keys == entry.file.keys) names.insert(name);
    }
    return names;
  }

  int64_t last_id() const { return last_id_; }
  CacheStatistics statistics() const { return cache_->statistics(); }

 private:
  bool store(const std::string& name, int64_t first_block, const std::string& parent) {
    Entry entry = entries_.at(name);
    if (!parent.empty()) entry = after(files_.at(parent), first_block, entry);
    entry.file.last_used_ms = static_cast<int64_t>(files_.size());
    const auto stored = commit(*cache_, entry);
    if (!stored) return false;
    last_id_ = stored->id;
    files_[name] = *stored;
    return true;
  }

  test::SimulatedDisk& disk_;
  const std::map<std::string, Entry> entries_ = make_entries();
  std::unique_ptr<CacheFiles> cache_;
  std::map<std::string, CacheFile> files_;
  int64_t last_id_ = 0;
};

// The entries that there are after each step of an undisturbed run.
std::vector<std::set<std::string>> undisturbed() {
  test::SimulatedDisk disk;
  Workload workload(disk);
  std::vector<std::set<std::string>> present;
  for (int step = 0; step < Workload::kSteps; ++step) {
    EXPECT_TRUE(workload.step(step)) << "step " << step;
    present.push_back(workload.present());
  }
  EXPECT_EQ(workload.statistics().n_skipped, 0);
  EXPECT_GT(workload.statistics().n_evictions, 0);
  return present;
}

// How a run ended.
struct Interrupted {
  bool has_stopped = false;
  int n_steps = 0;  // that were acknowledged
  int64_t last_id = 0;
};

Interrupted run_until_stopped(test::SimulatedDisk& disk) {
  Interrupted run;
  {
    Workload workload(disk);
    while (run.n_steps < Workload::kSteps && workload.step(run.n_steps)) ++run.n_steps;
    run.last_id = workload.last_id();
  }  // closing writes too
  run.has_stopped = disk.has_stopped();
  return run;
}

std::set<std::string> names_in_files(CacheDisk& disk) {
  std::set<std::string> names;
  for (const auto& entry : disk.list(kDirectory / "files")) names.insert(entry.name);
  return names;
}

// What must hold of a cache that is opened after the power was lost.
void check(test::SimulatedDisk& disk,
           const Interrupted& run,
           const std::vector<std::set<std::string>>& present) {
  const auto cache = open_cache(disk, kDirectory, kBytesMax);
  ASSERT_NE(cache, nullptr);

  // Everything that was there before the step and is there after it; nothing that is in neither.
  const auto last = static_cast<size_t>(run.n_steps);
  const std::set<std::string> none;
  const std::set<std::string>& before = last == 0 ? none : present[last - 1];
  const std::set<std::string>& then = last == present.size() ? before : present[last];
  for (const auto& [name, entry] : make_entries()) {
    auto found = look_up(*cache, entry);
    if (found && found->keys != entry.file.keys) found.reset();  // "trunk" finds "merged"
    if (found) {
      EXPECT_TRUE(before.contains(name) || then.contains(name)) << name << " is back";
      EXPECT_EQ(read_back(*cache, *found, entry), Outcome::whole) << name;
    } else {
      EXPECT_FALSE(before.contains(name) && then.contains(name)) << name << " is lost";
    }
  }

  std::set<std::string> expected_names;
  int64_t bytes = 0;
  cache->for_each([&](const CacheFile& file) {
    EXPECT_TRUE(file.parent == 0 || cache->find(file.parent)) << file.id << " has no parent";
    std::string digits = to_hex(std::vector<uint8_t>(7)) +
                         to_hex(std::vector<uint8_t>{static_cast<uint8_t>(file.id)});
    expected_names.insert(digits + ".kv");
    bytes += file.bytes;
  });
  EXPECT_EQ(names_in_files(disk), expected_names);
  EXPECT_LE(bytes, kBytesMax);
  EXPECT_EQ(cache->statistics().bytes, bytes);
  EXPECT_EQ(cache->statistics().n_reads_damaged, 0);
  EXPECT_EQ(cache->statistics().n_rebuilt, 0);
  if (run.n_steps > 0) {
    EXPECT_EQ(cache->thrown_away(), "");
  }
  if (run.n_steps > 11) {
    EXPECT_EQ(cache->find_weight_hash({.device = 1, .inode = 2, .size = 3, .mtime_ns = 4}),
              key_of("weights"));
  }

  // And it works.
  const Entry entry = make_rows(keys_of("new", 0, 2), {2});
  const CacheFile file = committed(*cache, entry);
  EXPECT_GT(file.id, run.last_id) << "an id was used twice";
  EXPECT_EQ(look_up_and_read(*cache, entry), Outcome::whole);
  EXPECT_EQ(cache->verify().n_damaged, 0);
}

using PowerLoss = std::function<std::unique_ptr<test::SimulatedDisk>(const test::SimulatedDisk&)>;

// Returns at how many operations the workload was stopped.
int64_t stop_at_every_operation(const PowerLoss& lose_power) {
  const auto present = undisturbed();
  for (int64_t n_operations = 0;; ++n_operations) {
    SCOPED_TRACE("stopped after operation " + std::to_string(n_operations));
    test::SimulatedDisk disk;
    disk.stop_after(n_operations);
    const Interrupted run = run_until_stopped(disk);
    check(*lose_power(disk), run, present);
    if (!run.has_stopped || testing::Test::HasFailure()) return n_operations;
  }
}

TEST(CacheCrashTest, WhatWasSyncedIsWholeAndNothingElseIsThere) {
  const int64_t n_operations =
      stop_at_every_operation([](const auto& disk) { return disk.lose_power(); });
  RecordProperty("operations", static_cast<int>(n_operations));
  EXPECT_GT(n_operations, 200);
}

TEST(CacheCrashTest, TornAndReorderedWritesChangeNothing) {
  for (int seed = 0; seed < test::sample_size(2, 20); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    stop_at_every_operation(
        [&](const auto& disk) { return disk.lose_power(static_cast<uint32_t>(seed)); });
    if (HasFailure()) return;
  }
}

// The process dies and the machine goes on: nothing is lost, not even what was not synced.
TEST(CacheCrashTest, AKilledProcessLosesNothingThatItAcknowledged) {
  const auto present = undisturbed();
  for (int64_t n_operations = 0;; ++n_operations) {
    SCOPED_TRACE("killed after operation " + std::to_string(n_operations));
    test::SimulatedDisk disk;
    disk.stop_after(n_operations);
    const Interrupted run = run_until_stopped(disk);
    disk.restart();
    check(disk, run, present);
    if (!run.has_stopped || HasFailure()) break;
  }
}

}  // namespace
}  // namespace widenet::engine
