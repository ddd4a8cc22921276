// What is derived is made again, what nothing names goes, and nothing else is touched.
#include "library/repair_store.h"

#include <gtest/gtest.h>

#include <chrono>
#include <map>

#include "base/file.h"
#include "library/check_store.h"
#include "store/vector_index.h"
#include "tests/store/fixture.h"

namespace widenet::store {
namespace {

namespace fs = std::filesystem;

class RepairStoreTest : public StoreFixture {
 protected:
  RepairStoreTest() {
    ingest(collection_, "a.txt", {"The harbour rent. ", "Repairs are shared."});
    ingest(collection_, "b.txt", {"A red door."});
    search_like(collection_, "A red door.");
    reopen();  // which saves the vectors
  }

  fs::path vectors() const { return only_file(directory_.path() / "vectors"); }

  static fs::path only_file(const fs::path& directory) {
    fs::path found;
    for (const auto& entry : fs::directory_iterator(directory)) {
      EXPECT_TRUE(found.empty()) << entry.path();
      found = entry.path();
    }
    return found;
  }

  std::map<fs::path, std::string> originals() const {
    std::map<fs::path, std::string> bytes;
    for (const auto& entry : fs::recursive_directory_iterator(directory_.path() / "originals")) {
      if (entry.is_regular_file()) bytes[entry.path()] = read_file(entry.path());
    }
    return bytes;
  }

  static void make_old(const fs::path& file) {
    fs::last_write_time(file, fs::file_time_type::clock::now() - std::chrono::hours(2));
  }

  library::RepairReport repair() { return library::repair_store(*store_); }

  CollectionId collection_ = store_->find_or_create_collection("papers");
};

TEST_F(RepairStoreTest, WhatIsWholeIsLeftAlone) {
  const auto before = originals();
  const std::string index = read_file(vectors());
  const auto report = repair();
  EXPECT_TRUE(report.repaired.empty()) << report.repaired.front();
  EXPECT_TRUE(report.left.empty());
  EXPECT_EQ(originals(), before);
  EXPECT_EQ(read_file(vectors()), index);
}

// Loading refuses a torn file; one that is whole and wrong would be believed.
TEST_F(RepairStoreTest, VectorsAreMadeAgainFromTheDatabase) {
  const fs::path file = vectors();
  const std::string right = read_file(file);
  VectorIndex wrong(kTestDim);
  wrong.add(std::vector<int64_t>{1}, test_embedding("something else"));
  wrong.set_sequence(VectorIndex::load(file, kTestDim)->sequence());
  wrong.save(file);
  for (const std::string& bytes : {read_file(file), right.substr(0, 50), std::string()}) {
    write_file_atomically(file, bytes);
    const auto report = repair();
    ASSERT_EQ(report.repaired.size(), 1U);
    EXPECT_NE(report.repaired[0].find(file.string()), std::string::npos) << report.repaired[0];
    EXPECT_NE(report.repaired[0].find("3 vectors"), std::string::npos) << report.repaired[0];
    EXPECT_EQ(read_file(file), right);
    EXPECT_EQ(search_like(collection_, "A red door."), std::vector<std::string>{"A red door."});
  }
}

TEST_F(RepairStoreTest, AnIndexThatIsBehindIsNotWrong) {
  ingest(collection_, "c.txt", {"Later."});
  const std::string index = read_file(vectors());
  EXPECT_TRUE(repair().repaired.empty());
  EXPECT_EQ(read_file(vectors()), index);
}

TEST_F(RepairStoreTest, AnIndexThatWasNotSavedYetIsNotWrong) {
  fs::remove(vectors());
  EXPECT_TRUE(repair().repaired.empty());
  EXPECT_EQ(search_like(collection_, "A red door."), std::vector<std::string>{"A red door."});
}

TEST_F(RepairStoreTest, IndexesThatNoCollectionHasGo) {
  const fs::path file = directory_.path() / "vectors" / "77-0123456789abcdef.faiss";
  write_file_atomically(file, read_file(vectors()));
  EXPECT_EQ(repair().repaired.size(), 1U);
  EXPECT_FALSE(fs::exists(file));
  EXPECT_TRUE(fs::exists(vectors()));
}

TEST_F(RepairStoreTest, OriginalsThatNothingNamesGoUnlessTheyAreYoung) {
  const auto named = originals();
  for (const auto& [file, bytes] : named) make_old(file);
  const std::string orphan = store_->put_original("nobody names this");
  const fs::path file = *store_->original_path(orphan);
  const fs::path torn = file.parent_path() / (orphan + ".12.0.tmp");
  const fs::path foreign = file.parent_path() / "notes";
  write_file_atomically(torn, "nobody na");
  write_file_atomically(foreign, "not ours");
  EXPECT_TRUE(repair().repaired.empty());  // somebody may be about to
  for (const fs::path& one : {file, torn, foreign}) make_old(one);
  const auto report = repair();
  EXPECT_EQ(report.repaired.size(), 2U);
  auto left = originals();
  EXPECT_EQ(left.erase(foreign), 1U);
  EXPECT_EQ(left, named);
}

TEST_F(RepairStoreTest, UploadsKeepTheirBytes) {
  const std::string sha256 = store_->put_original("an upload that no document has");
  store_->add_file({.name = "upload.txt", .purpose = "user_data", .sha256 = sha256, .bytes = 30});
  make_old(*store_->original_path(sha256));
  EXPECT_TRUE(repair().repaired.empty());
  EXPECT_TRUE(store_->original_path(sha256).has_value());
}

// What is given is not repaired, it is told.
TEST_F(RepairStoreTest, DamagedOriginalsAreNotTouched) {
  const fs::path file = originals().begin()->first;
  write_file_atomically(file, "changed");
  make_old(file);
  EXPECT_TRUE(repair().repaired.empty());
  EXPECT_EQ(read_file(file), "changed");
  EXPECT_EQ(library::check_store(*store_, nullptr).problems.size(), 1U);
}

}  // namespace
}  // namespace widenet::store
