#include <gtest/gtest.h>

#include "base/file.h"
#include "base/hash.h"
#include "store/sqlite.h"
#include "tests/store/fixture.h"

namespace widenet::store {
namespace {

class DeletionTest : public StoreFixture {
 protected:
  // Whether the bytes occur in any file of the data directory.
  bool is_on_disk(const std::string& bytes) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory_.path())) {
      if (entry.is_regular_file() && read_file(entry.path()).find(bytes) != std::string::npos) {
        return true;
      }
    }
    return false;
  }

  CollectionId collection_ = store_->find_or_create_collection("contracts");
};

TEST_F(DeletionTest, ADocumentGoesWithAllThatHangsOnIt) {
  const DocumentId id = ingest(collection_, "a.txt", {"The zyxomma fee. ", "Second."});
  ingest(collection_, "b.txt", {"Another fee."});
  const ConversationId conversation = store_->create_conversation({.title = "x"});
  const AnswerId quoting =
      store_->add_answer({.conversation = conversation, .question = "?", .documents = {id}});
  const AnswerId other = store_->add_answer({.question = "!", .documents = {id + 1}});
  const auto receipt = store_->delete_document(id);
  ASSERT_TRUE(receipt.has_value());
  EXPECT_EQ(receipt->what, "document \"a.txt\" of \"contracts\"");
  EXPECT_EQ(receipt->documents, 1);
  EXPECT_EQ(receipt->chunks, 2);
  EXPECT_EQ(receipt->vectors, 2);
  EXPECT_EQ(receipt->pages, 1);
  EXPECT_EQ(receipt->answers, 1);
  EXPECT_EQ(receipt->originals, std::vector<std::string>{sha256_hex("The zyxomma fee. Second.")});
  EXPECT_GE(receipt->finished_ms, receipt->requested_ms);

  EXPECT_FALSE(store_->document(id).has_value());
  EXPECT_FALSE(store_->text(id).has_value());
  EXPECT_TRUE(store_->tokens(id, 0, 2).empty());
  EXPECT_FALSE(store_->answer(quoting).has_value());
  EXPECT_FALSE(store_->conversation(conversation).has_value());  // nothing is left in it
  EXPECT_TRUE(store_->answer(other).has_value());
  EXPECT_EQ(search(collection_, "fee").size(), 1u);
  EXPECT_EQ(search_like(collection_, "The zyxomma fee. ").front(), "Another fee.");
  EXPECT_FALSE(store_->delete_document(id).has_value());
}

TEST_F(DeletionTest, NothingOfADeletedTextIsLeftOnDisk) {
  ingest(collection_, "a.txt", {"Kept sentence. "});
  const DocumentId id = ingest(collection_, "b.txt", {"Contains qwyzzlefrob twice: qwyzzlefrob."});
  search_like(collection_, "x");
  store_->save_vectors();
  ASSERT_TRUE(is_on_disk("qwyzzlefrob"));
  store_->delete_document(id);
  EXPECT_FALSE(is_on_disk("qwyzzlefrob"));
  EXPECT_FALSE(is_on_disk("zzlefrob"));
  EXPECT_TRUE(is_on_disk("Kept sentence"));
}

TEST_F(DeletionTest, AllVersionsAndChildrenGo) {
  ingest(collection_, "a.zip", {"old"});
  const Added changed = add(collection_, "a.zip", "new bytes");
  std::vector<ProcessedDocument> parts = {make_processed({"one"}), make_processed({"two"})};
  parts[0].member = "1";
  parts[1].member = "2";
  store_->begin_processing(changed.id);
  store_->complete_document(changed.id, parts);
  const auto receipt = store_->delete_document(changed.id);
  EXPECT_EQ(receipt->documents, 4);
  EXPECT_EQ(receipt->originals.size(), 2u);
  EXPECT_TRUE(store_->documents(collection_).empty());
}

TEST_F(DeletionTest, BytesThatAnotherDocumentOrUploadHoldsStay) {
  const DocumentId first = ingest(collection_, "a.txt", {"shared"});
  const DocumentId second = ingest(collection_, "b.txt", {"shared"});
  const std::string sha256 = sha256_hex("shared");
  const FileId file = store_->add_file({.name = "a.txt", .purpose = "", .sha256 = sha256});
  EXPECT_TRUE(store_->delete_document(first)->originals.empty());
  EXPECT_TRUE(store_->delete_document(second)->originals.empty());
  EXPECT_TRUE(store_->original_path(sha256).has_value());
  EXPECT_TRUE(store_->delete_file(file));
  EXPECT_FALSE(store_->original_path(sha256).has_value());
}

TEST_F(DeletionTest, ACollectionGoesWhole) {
  const CollectionId other = store_->find_or_create_collection("other");
  ingest(other, "o.txt", {"Other fee."});
  ingest(collection_, "a.txt", {"One fee."});
  ingest(collection_, "b.txt", {"Two fees qwyzzlefrob."});
  search_like(collection_, "x");
  store_->save_vectors();
  const auto receipt = store_->delete_collection(collection_);
  EXPECT_EQ(receipt->documents, 2);
  EXPECT_EQ(receipt->originals.size(), 2u);
  EXPECT_FALSE(store_->collection("contracts").has_value());
  EXPECT_TRUE(search(collection_, "fee").empty());
  EXPECT_FALSE(is_on_disk("qwyzzlefrob"));
  EXPECT_EQ(search(other, "fee").size(), 1u);
  EXPECT_NE(store_->find_or_create_collection("contracts"), collection_);
  EXPECT_EQ(store_->receipts().size(), 1u);
}

TEST_F(DeletionTest, ADocumentDeletedWhileItIsProcessedStaysDeleted) {
  const Added added = add(collection_, "a.txt", "text");
  store_->begin_processing(added.id);
  store_->delete_document(added.id);
  const auto part = make_processed({"text"});
  EXPECT_TRUE(store_->complete_document(added.id, {&part, 1}).empty());
  EXPECT_TRUE(search(collection_, "text").empty());
}

TEST_F(DeletionTest, AnInterruptedDeletionHidesAtOnceAndIsFinishedAtOpen) {
  const DocumentId id = ingest(collection_, "a.txt", {"Doomed fee."});
  ingest(collection_, "b.txt", {"Kept fee."});
  {  // the state that a crash right after the first transaction leaves
    auto db = Database::open(directory_.path() / "store.sqlite", Database::Access::write);
    db.run(
        "INSERT INTO deletions (what, collection_id, whole_collection, requested_ms) "
        "VALUES ('a.txt', ?1, 0, 1)",
        collection_);
    db.run("UPDATE documents SET deletion_id = ?1 WHERE id = ?2", db.last_insert_id(), id);
  }
  EXPECT_EQ(search(collection_, "fee doomed"), std::vector<std::string>{"Kept fee."});
  EXPECT_EQ(search_like(collection_, "Doomed fee."), std::vector<std::string>{"Kept fee."});
  EXPECT_EQ(store_->documents(collection_).size(), 1u);
  EXPECT_TRUE(store_->receipts().empty());
  reopen();
  ASSERT_EQ(store_->receipts().size(), 1u);
  EXPECT_EQ(store_->receipts()[0].documents, 1);
  EXPECT_FALSE(store_->original_path(sha256_hex("Doomed fee.")).has_value());
}

}  // namespace
}  // namespace widenet::store
