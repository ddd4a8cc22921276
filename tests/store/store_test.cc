#include "store/store.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/file.h"
#include "base/hash.h"
#include "store/sqlite.h"
#include "tests/store/fixture.h"

namespace widenet::store {
namespace {

using Texts = std::vector<std::string>;

class StoreTest : public StoreFixture {
 protected:
  CollectionId collection_ = store_->find_or_create_collection("contracts");
};

TEST_F(StoreTest, ACollectionIsFoundByNameAndById) {
  EXPECT_EQ(store_->find_or_create_collection("contracts"), collection_);
  EXPECT_EQ(store_->collection("contracts")->id, collection_);
  EXPECT_EQ(store_->collection(collection_)->name, "contracts");
  EXPECT_FALSE(store_->collection("invoices").has_value());
}

TEST_F(StoreTest, ACollectionCountsItsReadyDocuments) {
  ingest(collection_, "a.txt", {"One. ", "Two."});
  const Added failed = add(collection_, "b.txt", "bad");
  store_->fail_document(failed.id, "unreadable");
  add(collection_, "c.txt", "waiting");
  const auto counted = store_->collection(collection_);
  EXPECT_EQ(counted->n_ready, 1);
  EXPECT_EQ(counted->n_failed, 1);
  EXPECT_EQ(counted->n_pending, 1);
  EXPECT_EQ(counted->n_chunks, 2);
  EXPECT_EQ(counted->n_tokens, 9);
  EXPECT_EQ(counted->n_chars, 9);
  EXPECT_EQ(counted->original_bytes, 9);
}

TEST_F(StoreTest, ATakenOrImpossibleNameIsRefused) {
  store_->find_or_create_collection("invoices");
  EXPECT_FALSE(store_->rename_collection(collection_, "invoices"));
  EXPECT_TRUE(store_->rename_collection(collection_, "agreements"));
  EXPECT_EQ(store_->collection("agreements")->id, collection_);
  EXPECT_THROW(store_->find_or_create_collection(""), StoreError);
  EXPECT_THROW(store_->find_or_create_collection(std::string(201, 'x')), StoreError);
}

TEST_F(StoreTest, OriginalsAreKeptByTheirHash) {
  const std::string sha256 = store_->put_original("some bytes");
  EXPECT_EQ(sha256, sha256_hex("some bytes"));
  EXPECT_EQ(store_->put_original("some bytes"), sha256);
  EXPECT_EQ(read_file(*store_->original_path(sha256)), "some bytes");
  EXPECT_FALSE(store_->original_path(sha256_hex("others")).has_value());
  EXPECT_THROW(store_->original_path("../../etc/passwd"), StoreError);
}

TEST_F(StoreTest, ADocumentWithoutStoredBytesIsRefused) {
  EXPECT_THROW(
      store_->add_document({.collection = collection_, .key = "a", .sha256 = sha256_hex("none")}),
      StoreError);
}

TEST_F(StoreTest, AProcessedDocumentReadsBackWhole) {
  const DocumentId id = ingest(collection_, "dir/a.txt", {"Größe zählt. ", "Zwei."});
  const auto document = store_->document(id);
  EXPECT_EQ(document->state, DocumentState::ready);
  EXPECT_EQ(document->title, "a.txt");
  EXPECT_EQ(document->n_chars, 18);
  EXPECT_EQ(store_->text(id), "Größe zählt. Zwei.");

  const auto chunks = store_->chunks(id);
  ASSERT_EQ(chunks.size(), 2u);
  EXPECT_EQ(chunks[1].start_char, 13);
  EXPECT_EQ(chunks[1].end_char, 18);
  EXPECT_EQ(chunks[1].page, 1);
  EXPECT_EQ(store_->tokens(id, 1, 1), (std::vector<int32_t>{'Z', 'w', 'e', 'i', '.'}));
  EXPECT_EQ(std::ssize(store_->tokens(id, 0, 2)), document->n_tokens);

  const auto pages = store_->pages(id);
  ASSERT_EQ(pages.size(), 1u);
  EXPECT_EQ(pages[0].width, 595);
  ASSERT_EQ(pages[0].words.size(), 1u);
  EXPECT_EQ(pages[0].words[0].right, 20);
}

TEST_F(StoreTest, TokensOfAnySizeReadBack) {
  const Added added = add(collection_, "a.txt", "ab");
  auto part = make_processed({"a", "b"});
  part.chunks[0].tokens = {0, 65535};
  part.chunks[1].tokens = {1, 129279, 3};
  store_->begin_processing(added.id);
  store_->complete_document(added.id, {&part, 1});
  EXPECT_EQ(store_->tokens(added.id, 0, 9), (std::vector<int32_t>{0, 65535, 1, 129279, 3}));
}

TEST_F(StoreTest, TokensCanBeReplacedByAnotherTokenizers) {
  const DocumentId id = ingest(collection_, "a.txt", {"One. ", "Two."});
  const std::vector<std::vector<int32_t>> tokens = {{1, 2}, {3}};
  store_->replace_tokens(id, "other", tokens);
  EXPECT_EQ(store_->tokens(id, 0, 2), (std::vector<int32_t>{1, 2, 3}));
  EXPECT_EQ(store_->document(id)->tokenizer, "other");
  EXPECT_EQ(store_->document(id)->n_tokens, 3);
  EXPECT_EQ(store_->chunks(id)[0].n_tokens, 2);
}

TEST_F(StoreTest, TheSameBytesUnderTheSameKeyAreUnchanged) {
  const DocumentId id = ingest(collection_, "a.txt", {"One."});
  const Added again = add(collection_, "a.txt", "One.");
  EXPECT_EQ(again.outcome, AddOutcome::unchanged);
  EXPECT_EQ(again.id, id);
  EXPECT_EQ(add(collection_, "copy of a.txt", "One.").outcome, AddOutcome::added);
}

TEST_F(StoreTest, ANewVersionSupersedesTheOldOnlyWhenItIsReady) {
  const DocumentId before = ingest(collection_, "a.txt", {"The fee is 10 euros."});
  const Added changed = add(collection_, "a.txt", "The fee is 12 euros.");
  EXPECT_EQ(changed.outcome, AddOutcome::changed);
  EXPECT_EQ(search(collection_, "fee"), Texts{"The fee is 10 euros."});

  store_->begin_processing(changed.id);
  const auto part = make_processed({"The fee is 12 euros."});
  store_->complete_document(changed.id, {&part, 1});
  EXPECT_EQ(search(collection_, "fee"), Texts{"The fee is 12 euros."});
  EXPECT_EQ(search_like(collection_, "The fee is 10 euros."), Texts{"The fee is 12 euros."});
  EXPECT_EQ(store_->document(before)->state, DocumentState::superseded);
  EXPECT_EQ(store_->text(before), "The fee is 10 euros.");
  EXPECT_EQ(store_->find_document(collection_, "a.txt")->id, changed.id);
  EXPECT_EQ(store_->documents(collection_).size(), 1u);
  EXPECT_EQ(store_->versions(before).size(), 2u);
}

TEST_F(StoreTest, AFailedVersionLeavesTheOldOneStanding) {
  ingest(collection_, "a.txt", {"The fee is 10 euros."});
  const Added broken = add(collection_, "a.txt", "garbage");
  store_->begin_processing(broken.id);
  store_->fail_document(broken.id, "cannot read it");
  EXPECT_EQ(search(collection_, "fee"), Texts{"The fee is 10 euros."});
  EXPECT_EQ(store_->document(broken.id)->error, "cannot read it");

  const Added back = add(collection_, "a.txt", "The fee is 10 euros.");
  EXPECT_EQ(back.outcome, AddOutcome::unchanged);
  EXPECT_EQ(store_->documents(collection_).size(), 1u);  // the failed change is forgotten
}

TEST_F(StoreTest, AddingAFailedDocumentAgainRetriesIt) {
  const Added broken = add(collection_, "a.txt", "bytes");
  store_->begin_processing(broken.id);
  store_->fail_document(broken.id, "out of memory");
  const Added again = add(collection_, "a.txt", "bytes");
  EXPECT_EQ(again.outcome, AddOutcome::retried);
  EXPECT_EQ(again.id, broken.id);
  EXPECT_EQ(store_->document(broken.id)->state, DocumentState::queued);
  EXPECT_EQ(store_->document(broken.id)->error, "");
}

TEST_F(StoreTest, AnOlderVersionThatEndsLastDoesNotWin) {
  const Added older = add(collection_, "a.txt", "old");
  const Added newer = add(collection_, "a.txt", "new");
  for (const Added& added : {newer, older}) {
    store_->begin_processing(added.id);
    const auto part = make_processed({added.id == newer.id ? "new" : "old"});
    store_->complete_document(added.id, {&part, 1});
  }
  EXPECT_EQ(search(collection_, "new old"), Texts{"new"});
}

TEST_F(StoreTest, AFileOfSeveralDocumentsBecomesAParentWithChildren) {
  const Added added = add(collection_, "mail.zip", "zip bytes");
  std::vector<ProcessedDocument> parts = {make_processed({"First letter."}),
                                          make_processed({"Second letter."})};
  parts[0].member = "one.txt";
  parts[1].member = "in/two.txt";
  store_->begin_processing(added.id);
  const auto ids = store_->complete_document(added.id, parts);
  ASSERT_EQ(ids.size(), 2u);
  EXPECT_EQ(store_->document(added.id)->state, DocumentState::ready);
  EXPECT_EQ(store_->document(ids[1])->key, "mail.zip/in/two.txt");
  EXPECT_EQ(store_->document(ids[1])->title, "two.txt");
  EXPECT_EQ(store_->document(ids[1])->parent, added.id);
  EXPECT_EQ(store_->children(added.id).size(), 2u);
  EXPECT_EQ(search(collection_, "second"), Texts{"Second letter."});

  const Added changed = add(collection_, "mail.zip", "other bytes");
  store_->begin_processing(changed.id);
  store_->complete_document(changed.id, {parts.data(), 1});
  EXPECT_TRUE(search(collection_, "second").empty());
  EXPECT_EQ(store_->document(ids[1])->state, DocumentState::superseded);
}

TEST_F(StoreTest, OneWorkerClaimsADocumentOnce) {
  const Added added = add(collection_, "a.txt", "x");
  EXPECT_EQ(store_->queued_documents(10).size(), 1u);
  EXPECT_TRUE(store_->begin_processing(added.id));
  EXPECT_FALSE(store_->begin_processing(added.id));
  EXPECT_TRUE(store_->queued_documents(10).empty());
  EXPECT_EQ(store_->interrupted_documents().size(), 1u);
  store_->requeue_document(added.id);
  EXPECT_EQ(store_->queued_documents(10).size(), 1u);
}

TEST_F(StoreTest, ProgressShowsWhileProcessing) {
  const Added added = add(collection_, "a.txt", "x");
  store_->begin_processing(added.id);
  store_->set_progress(added.id, 0.5);
  EXPECT_EQ(store_->document(added.id)->progress, 0.5);
  store_->fail_document(added.id, "no");
  EXPECT_EQ(store_->document(added.id)->progress, 0);
}

TEST_F(StoreTest, TheWorkerLockIsHeldOnce) {
  auto held = store_->try_lock_worker();
  EXPECT_TRUE(held.has_value());
  EXPECT_FALSE(store_->try_lock_worker().has_value());
  held->reset();
  EXPECT_TRUE(store_->try_lock_worker().has_value());
}

TEST_F(StoreTest, RareWordsWeighMoreThanCommonOnes) {
  ingest(collection_, "a.txt",
         {"The goods arrived. ", "The goods were late. ", "The goods were inspected by Quade."});
  EXPECT_EQ(search(collection_, "the goods of Quade")[0], "The goods were inspected by Quade.");
}

TEST_F(StoreTest, InALargeTableWordsOfEveryRowDoNotCount) {
  std::vector<std::string> sentences;
  for (int i = 0; i < 6000; ++i) sentences.push_back("The row " + std::to_string(i) + ". ");
  const DocumentId id = ingest(collection_, "a.txt", sentences);
  const Scope scope{.collections = {collection_}};
  const auto hits = store_->search_text(scope, "the row 4711");
  ASSERT_EQ(hits.size(), 1u);
  EXPECT_EQ(hits[0].chunk.document, id);
  EXPECT_EQ(hits[0].chunk.ordinal, 4711);
  EXPECT_EQ(store_->search_text(scope, "the").size(), 500u);  // nothing rarer was asked for
}

TEST_F(StoreTest, AQueryIsWordsAndNeverALanguage) {
  ingest(collection_, "a.txt", {"Payment NEAR delivery OR else. "});
  for (const char* query :
       {"\"", "payment AND", "NOT", "title:x", "a* OR (", "NEAR(a b)", "--", "\x01", "{}^:'\"*"}) {
    EXPECT_NO_THROW(search(collection_, query)) << query;
  }
  EXPECT_EQ(search(collection_, "\"payment\" AND (nothing").size(), 1u);
  EXPECT_TRUE(search(collection_, "?!").empty());
}

TEST_F(StoreTest, ASearchStaysInItsCollections) {
  const CollectionId other = store_->find_or_create_collection("other");
  ingest(collection_, "a.txt", {"Secret price."});
  ingest(other, "b.txt", {"Public price."});
  EXPECT_EQ(search(other, "price secret"), Texts{"Public price."});
  EXPECT_EQ(search_like(other, "Secret price."), Texts{"Public price."});
  EXPECT_EQ(store_->search_text({.collections = {collection_, other}}, "price").size(), 2u);
  EXPECT_TRUE(store_->search_text({.collections = {99}}, "price").empty());
}

TEST_F(StoreTest, ATitleIsSearchedWithTheText) {
  ingest(collection_, "Frame agreement Hollin.txt", {"Terms apply."});
  EXPECT_EQ(search(collection_, "hollin").size(), 1u);
}

TEST_F(StoreTest, VectorsFindTheNearestChunk) {
  ingest(collection_, "a.txt", {"One. ", "Two. ", "Three."});
  EXPECT_EQ(search_like(collection_, "Two. "), Texts{"Two. "});
  const auto other_embedder =
      store_->search_vectors({.collections = {collection_}}, "another", test_embedding("Two. "), 5);
  EXPECT_TRUE(other_embedder.empty());
}

TEST_F(StoreTest, VectorsAreThereAfterReopeningHoweverItEnded) {
  ingest(collection_, "a.txt", {"One. ", "Two."});
  search_like(collection_, "Two.");
  reopen();  // saved
  EXPECT_EQ(search_like(collection_, "Two."), Texts{"Two."});
  ingest(collection_, "b.txt", {"Three."});
  reopen();  // saved before b.txt was indexed: caught up
  EXPECT_EQ(search_like(collection_, "Three."), Texts{"Three."});
}

TEST_F(StoreTest, ACorruptOrMissingVectorFileIsRebuilt) {
  ingest(collection_, "a.txt", {"One. ", "Two."});
  search_like(collection_, "Two.");
  store_.reset();
  const auto folder = directory_.path() / "vectors";
  const auto file = std::filesystem::directory_iterator(folder)->path();
  std::string bytes = read_file(file);
  for (const size_t at : {size_t{3}, size_t{20}, bytes.size() / 2, bytes.size() - 1}) {
    std::string corrupt = bytes;
    corrupt[at] = static_cast<char>(corrupt[at] + 1);
    write_file_atomically(file, corrupt);
    reopen();
    EXPECT_EQ(search_like(collection_, "Two."), Texts{"Two."}) << "byte " << at;
    store_.reset();
  }
  std::filesystem::remove_all(folder);
  reopen();
  EXPECT_EQ(search_like(collection_, "Two."), Texts{"Two."});
}

TEST_F(StoreTest, AnotherProcessesWritesAreSeen) {
  ingest(collection_, "a.txt", {"One."});
  search_like(collection_, "One.");
  const auto beside = Store::open(directory_.path());
  const DocumentId id = ingest(collection_, "b.txt", {"Two."});
  const auto hits =
      beside->search_vectors({.collections = {collection_}}, "test", test_embedding("Two."), 1);
  ASSERT_EQ(hits.size(), 1u);
  EXPECT_EQ(hits[0].chunk.document, id);
}

TEST_F(StoreTest, ReadersAndOneWriterRunTogether) {
  ingest(collection_, "0.txt", {"Clause 0."});
  std::vector<std::thread> readers;
  std::atomic<bool> done{false};
  std::atomic<int> failures{0};
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!done) {
        const Scope scope{.collections = {collection_}};
        const auto lexical = store_->search_text(scope, "clause");
        const auto dense = store_->search_vectors(scope, "test", test_embedding("Clause 0."));
        if (lexical.empty() || dense.empty()) ++failures;
      }
    });
  }
  for (int i = 1; i < 20; ++i) {
    const std::string number = std::to_string(i);
    ingest(collection_, number + ".txt", {"Clause " + number + "."});
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(store_->search_text({.collections = {collection_}}, "clause").size(), 20u);
}

TEST_F(StoreTest, AStoreOfANewerVersionIsRefused) {
  store_.reset();
  const auto path = directory_.path() / "store.sqlite";
  const auto version =
      Database::open(path, Database::Access::read).find_integer("PRAGMA user_version");
  const auto set_version = [&](int64_t number) {
    Database::open(path, Database::Access::write)
        .run_script("PRAGMA user_version = " + std::to_string(number));
  };
  set_version(1000);
  EXPECT_THROW(Store::open(directory_.path()), StoreError);
  set_version(*version);
  EXPECT_NO_THROW(reopen());
}

TEST_F(StoreTest, AJobCountsTheDocumentsItProcessed) {
  const JobId id = store_->create_job(
      {.kind = "ingest", .collection = collection_, .state = JobState::running, .total = 2});
  for (const char* key : {"a", "b"}) {
    const Added added = store_->add_document(
        {.collection = collection_, .key = key, .sha256 = store_->put_original(key), .job = id});
    store_->begin_processing(added.id);
    const auto part = make_processed({"text"});
    if (key == std::string("a")) store_->complete_document(added.id, {&part, 1});
    if (key == std::string("b")) store_->fail_document(added.id, "bad");
  }
  auto job = store_->job(id);
  EXPECT_EQ(job->done, 1);
  EXPECT_EQ(job->failed, 1);
  EXPECT_EQ(store_->documents_of_job(id).size(), 2u);
  EXPECT_EQ(store_->unfinished_jobs().size(), 1u);
  job->state = JobState::done;
  store_->update_job(*job);
  reopen();
  EXPECT_TRUE(store_->unfinished_jobs().empty());
  EXPECT_EQ(store_->job(id)->total, 2);
}

TEST_F(StoreTest, AConversationKeepsItsAnswersInOrder) {
  const ConversationId conversation =
      store_->create_conversation({.title = "Fees", .collections = {collection_, 7}});
  const AnswerId first = store_->add_answer({.conversation = conversation,
                                             .question = "How much?",
                                             .answer_json = "{}",
                                             .documents = {3, 2}});
  store_->add_answer({.conversation = conversation, .question = "And then?"});
  const auto answers = store_->answers_of(conversation);
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[0].id, first);
  EXPECT_EQ(answers[0].documents, (std::vector<DocumentId>{2, 3}));
  EXPECT_EQ(store_->conversation(conversation)->collections,
            (std::vector<CollectionId>{collection_, 7}));
  EXPECT_TRUE(store_->delete_conversation(conversation));
  EXPECT_FALSE(store_->answer(first).has_value());
}

TEST_F(StoreTest, ExpiredAnswersGoWithTheNextAnswer) {
  const AnswerId old = store_->add_answer({.question = "old", .expires_ms = now_ms() - 1000});
  EXPECT_TRUE(store_->answer(old).has_value());
  const AnswerId kept = store_->add_answer({.question = "new", .expires_ms = now_ms() + 3'600'000});
  const AnswerId forever = store_->add_answer({.question = "for good"});
  EXPECT_FALSE(store_->answer(old).has_value());
  EXPECT_TRUE(store_->answer(kept).has_value());
  EXPECT_TRUE(store_->answer(forever).has_value());
}

TEST_F(StoreTest, AnEvaluationItemIsReplacedByItsKey) {
  const EvaluationId id = store_->create_evaluation({.kind = "niah", .state = "running"});
  store_->put_evaluation_item(id, {.key = "4096/50/1", .item_json = "{\"score\":0}"});
  store_->put_evaluation_item(id, {.key = "4096/50/1", .item_json = "{\"score\":1}"});
  ASSERT_EQ(store_->evaluation_items(id).size(), 1u);
  EXPECT_EQ(store_->evaluation_items(id)[0].item_json, "{\"score\":1}");
  auto evaluation = store_->evaluation(id);
  evaluation->state = "done";
  store_->update_evaluation(*evaluation);
  EXPECT_EQ(store_->evaluations()[0].state, "done");
  EXPECT_TRUE(store_->delete_evaluation(id));
  EXPECT_TRUE(store_->evaluation_items(id).empty());
}

}  // namespace
}  // namespace widenet::store
