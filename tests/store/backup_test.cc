// Backups: taken while documents come and go, put back, and refused where they are not whole.
#include "store/backup.h"

#include <atomic>
#include <fstream>
#include <thread>

#include "base/file.h"
#include "store/sqlite.h"
#include "tests/store/fixture.h"

namespace widenet::store {
namespace {

namespace fs = std::filesystem;

class BackupTest : public StoreFixture {
 protected:
  std::string problem_of_restoring() {
    try {
      restore(backup_, restored_);
    } catch (const StoreError& error) {
      EXPECT_FALSE(fs::exists(restored_));
      return error.what();
    }
    return "none";
  }

  fs::path an_original() const {
    for (const auto& entry : fs::recursive_directory_iterator(backup_ / "originals")) {
      if (entry.is_regular_file()) return entry.path();
    }
    return {};
  }

  test::TemporaryDirectory place_;
  const fs::path backup_ = place_.path() / "backup", restored_ = place_.path() / "restored";
  CollectionId collection_ = store_->find_or_create_collection("papers");
};

TEST_F(BackupTest, WhatIsRestoredIsFoundAndReadAsBefore) {
  const DocumentId id = ingest(collection_, "a.txt", {"The harbour rent. ", "Repairs are shared."});
  const DocumentId gone = ingest(collection_, "b.txt", {"A canary named Zebulon."});
  set_readers(id, {"board"});
  store_->delete_document(gone);
  const auto saved = back_up(directory_.path(), backup_);
  EXPECT_EQ(saved.n_documents, 1);
  EXPECT_EQ(saved.n_originals, 1);
  EXPECT_GT(saved.bytes, 0);
  for (const auto& entry : fs::recursive_directory_iterator(backup_)) {
    if (!entry.is_regular_file()) continue;
    EXPECT_EQ(read_file(entry.path()).find("Zebulon"), std::string::npos) << entry.path();
  }

  EXPECT_EQ(restore(backup_, restored_).n_documents, 1);
  const auto again = Store::open(restored_);
  EXPECT_EQ(again->text(id), store_->text(id));
  EXPECT_EQ(again->document(id)->readers, store_->document(id)->readers);
  const Scope scope{.collections = {collection_}};
  EXPECT_EQ(found_texts(again->search_text(scope, "harbour")), search(collection_, "harbour"));
  EXPECT_EQ(again->search_vectors(scope, "test", test_embedding("Repairs are shared."), 1)[0]
                .chunk.ordinal,
            1);
  EXPECT_TRUE(again->original_path(again->document(id)->sha256).has_value());
  EXPECT_EQ(fs::status(restored_).permissions(), fs::perms::owner_all);
}

TEST_F(BackupTest, TakenWhileDocumentsComeAndGoItIsWhole) {
  std::atomic<bool> is_done{false};
  std::jthread writer([&] {
    for (int i = 0; !is_done; ++i) {
      const DocumentId id =
          ingest(collection_, std::to_string(i) + ".txt", {"Clause " + std::to_string(i) + "."});
      if (i % 3 == 0) store_->delete_document(id);
    }
  });
  const struct Stop {
    std::atomic<bool>& is_done;
    ~Stop() { is_done = true; }
  } stop{is_done};
  for (int round = 0; round < 5; ++round) {
    const fs::path backup = place_.path() / std::to_string(round);
    const fs::path restored = place_.path() / (std::to_string(round) + "-again");
    back_up(directory_.path(), backup);
    restore(backup, restored);
    const auto again = Store::open(restored);
    for (const auto& document : again->documents(collection_)) {
      EXPECT_TRUE(again->original_path(document.sha256).has_value()) << document.key;
      if (document.state != DocumentState::ready) continue;
      EXPECT_EQ(again->text(document.id)->substr(0, 6), "Clause") << document.key;
    }
  }
}

TEST_F(BackupTest, NothingIsWrittenOver) {
  ingest(collection_, "a.txt", {"One."});
  write_file_atomically(place_.path() / "note", "mine");
  fs::create_directories(backup_);  // empty: fine
  back_up(directory_.path(), backup_);
  EXPECT_THROW(back_up(directory_.path(), backup_), StoreError);
  EXPECT_THROW(back_up(directory_.path(), place_.path() / "note"), StoreError);
  EXPECT_THROW(restore(backup_, directory_.path()), StoreError);
  EXPECT_THROW(back_up(place_.path() / "nowhere", place_.path() / "x"), StoreError);
  EXPECT_EQ(read_file(place_.path() / "note"), "mine");
}

// What an interrupted one leaves is no backup, and in nobody's way.
TEST_F(BackupTest, WhatWasInterruptedIsNoBackup) {
  ingest(collection_, "a.txt", {"One."});
  fs::path partial = backup_;
  partial += ".partial";
  fs::create_directories(partial / "originals/ab");
  write_file_atomically(partial / "store.sqlite", "half of it");
  EXPECT_NE(problem_of_restoring().find("there is no backup"), std::string::npos);
  back_up(directory_.path(), backup_);
  EXPECT_FALSE(fs::exists(partial));
  EXPECT_EQ(problem_of_restoring(), "none");
}

TEST_F(BackupTest, WhatIsSomebodysOwnIsNotClearedAway) {
  ingest(collection_, "a.txt", {"One."});
  const fs::path own = place_.path() / "backup.partial" / "thesis.txt";
  fs::create_directories(own.parent_path());
  write_file_atomically(own, "mine");
  try {
    back_up(directory_.path(), backup_);
    ADD_FAILURE() << "not refused";
  } catch (const StoreError& error) {
    EXPECT_NE(std::string(error.what()).find("thesis.txt"), std::string::npos) << error.what();
  }
  EXPECT_EQ(read_file(own), "mine");
  EXPECT_FALSE(fs::exists(backup_));
}

TEST_F(BackupTest, DamageIsNamed) {
  ingest(collection_, "a.txt", {"One. ", "Two."});
  back_up(directory_.path(), backup_);
  const fs::path original = an_original();
  const std::string bytes = read_file(original);
  std::string flipped = bytes;
  flipped[0] = static_cast<char>(flipped[0] ^ 1);
  write_file_atomically(original, flipped);
  EXPECT_NE(problem_of_restoring().find(original.filename().string()), std::string::npos);
  fs::remove(original);
  EXPECT_NE(problem_of_restoring().find("missing from the backup"), std::string::npos);
  write_file_atomically(original, bytes);
  EXPECT_EQ(problem_of_restoring(), "none");
  fs::remove_all(restored_);

  const fs::path database = backup_ / "store.sqlite";
  const std::string pages = read_file(database);
  for (const size_t at : {size_t{0}, size_t{30}, pages.size() / 2}) {
    std::string damaged = pages;
    for (size_t i = at; i < std::min(at + 2000, damaged.size()); ++i) damaged[i] = 'x';
    write_file_atomically(database, damaged);
    EXPECT_NE(problem_of_restoring().find("it is damaged"), std::string::npos) << "byte " << at;
  }
  write_file_atomically(database, pages);
  Database::open(database, Database::Access::write).run_script("PRAGMA user_version = 99");
  EXPECT_NE(problem_of_restoring().find("newer widenet"), std::string::npos);
}

}  // namespace
}  // namespace widenet::store
