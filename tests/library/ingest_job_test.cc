// From files to documents that can be searched, with the real extractor in its sandbox.
#include "library/ingest_job.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "base/file.h"
#include "base/utf8.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/tiny_model.h"

namespace widenet::library {
namespace {

class IngestJobTest : public ::testing::Test {
 protected:
  IngestJobTest() {
    test::make_tiny_model(directory_.path() / "model");
    model_ = TextModel::load(directory_.path() / "model");
    store_ = store::Store::open(directory_.path() / "data");
    collection_ = store_->find_or_create_collection("papers");
    options_.extractor = WN_BINARY_DIR "/widenet";
    options_.chunk_tokens = 64;
  }

  store::Added add(const std::string& name, const std::string& contents) {
    const auto path = directory_.path() / name;
    write_file_atomically(path, contents);
    return add_file(*store_, collection_, {path, name});
  }

  IngestSummary process() {
    const auto summary = process_queued(*store_, *model_, options_);
    EXPECT_TRUE(summary);
    return summary.value_or(IngestSummary{});
  }

  test::TemporaryDirectory directory_;
  std::shared_ptr<const TextModel> model_;
  std::unique_ptr<store::Store> store_;
  store::CollectionId collection_ = 0;
  IngestOptions options_;
};

TEST_F(IngestJobTest, ChunksCoverTheTextAndCarryItsTokens) {
  std::string text;
  for (int i = 0; i < 30; ++i) text += "Caf\xC3\xA9 number " + std::to_string(i) + " is open. ";
  const auto added = add("a.txt", text);
  EXPECT_EQ(process().done, 1);
  const auto document = store_->document(added.id);
  ASSERT_EQ(document->state, store::DocumentState::ready);
  EXPECT_EQ(document->tokenizer, model_->tokenizer_sha256());
  const auto canonical = store_->text(added.id);
  const auto chunks = store_->chunks(added.id);
  ASSERT_GT(chunks.size(), 2U);
  int64_t end = 0;
  for (const auto& chunk : chunks) {
    EXPECT_EQ(chunk.start_char, end);
    end = chunk.end_char;
    const auto tokens = store_->tokens(added.id, chunk.ordinal, 1);
    EXPECT_EQ(model_->tokenizer().decode(tokens),
              slice_chars(*canonical, chunk.start_char, chunk.end_char));
  }
  EXPECT_EQ(end, count_chars(*canonical));
  EXPECT_FALSE(store_->search_text({.collections = {collection_}}, "cafe open").empty());
}

TEST_F(IngestJobTest, ABadFileFailsByItselfWithItsReason) {
  const auto good = add("good.txt", "All is well. ");
  const auto empty = add("empty.txt", "");
  const auto broken = add("broken.pdf", "%PDF-1.7\nnothing follows");
  const auto binary = add("noise.txt", std::string("\0\1\2\3\xFF\xFE\0\0\0\0", 10));
  int64_t calls = 0;
  options_.on_progress = [&](const IngestProgress&) { ++calls; };
  const IngestSummary summary = process();
  EXPECT_EQ(summary.done + summary.failed, 4);
  EXPECT_EQ(calls, 8);
  EXPECT_EQ(store_->document(good.id)->state, store::DocumentState::ready);
  for (const auto id : {empty.id, broken.id}) {
    EXPECT_EQ(store_->document(id)->state, store::DocumentState::failed);
    EXPECT_FALSE(store_->document(id)->error.empty());
  }
  EXPECT_NE(store_->document(binary.id)->state, store::DocumentState::queued);
}

TEST_F(IngestJobTest, AnArchivesMembersAreFoundUnderTheirPaths) {
  add("papers.zip", read_file(std::filesystem::path(WN_TESTS_DIR) / "golden/ingest/papers.zip"));
  EXPECT_EQ(process().done, 1);
  const auto hits = store_->search_text({.collections = {collection_}}, "trains before planes");
  ASSERT_FALSE(hits.empty());
  const auto document = store_->document(hits[0].chunk.document);
  ASSERT_TRUE(document);
  EXPECT_EQ(document->key, "papers.zip/policies/travel.md");
  EXPECT_EQ(document->title, "Travel");
}

TEST_F(IngestJobTest, ALongDocumentTellsHowFarItIs) {
  std::string text;
  for (int i = 0; i < 2000; ++i) text += "Line " + std::to_string(i) + " of a long paper. ";
  const auto added = add("long.txt", text);
  std::vector<double> told;
  options_.on_progress = [&](const IngestProgress& progress) {
    if (progress.document.state != store::DocumentState::processing) return;
    told.push_back(progress.document.progress);
    EXPECT_EQ(store_->document(added.id)->progress, told.back());
  };
  EXPECT_EQ(process().done, 1);
  EXPECT_GT(told.size(), 10U);
  EXPECT_TRUE(std::is_sorted(told.begin(), told.end()));
  EXPECT_GT(told.back(), 0.8);
  EXPECT_LT(told.back(), 1.0);
  EXPECT_EQ(store_->document(added.id)->progress, 0.0);  // ready
}

TEST_F(IngestJobTest, SameBytesAreUnchangedAndNewBytesSupersede) {
  const auto first = add("a.txt", "Old words. ");
  process();
  EXPECT_EQ(add("a.txt", "Old words. ").outcome, store::AddOutcome::unchanged);
  const auto second = add("a.txt", "New words. ");
  EXPECT_EQ(second.outcome, store::AddOutcome::changed);
  process();
  EXPECT_EQ(store_->document(first.id)->state, store::DocumentState::superseded);
  EXPECT_EQ(store_->find_document(collection_, "a.txt")->id, second.id);
  EXPECT_TRUE(store_->search_text({.collections = {collection_}}, "old").empty());
}

TEST_F(IngestJobTest, WhatAnInterruptedRunLeftIsTakenUp) {
  const auto added = add("a.txt", "Some words. ");
  ASSERT_TRUE(store_->begin_processing(added.id));  // and then the process died
  EXPECT_EQ(process().done, 1);
  EXPECT_EQ(store_->document(added.id)->state, store::DocumentState::ready);
}

TEST_F(IngestJobTest, OneProcessWorksAtATime) {
  add("a.txt", "Some words. ");
  {
    const auto lock = store_->try_lock_worker();
    ASSERT_TRUE(lock);
    EXPECT_FALSE(process_queued(*store_, *model_, options_));
  }
  EXPECT_EQ(process().done, 1);
}

TEST_F(IngestJobTest, AJobCountsItsOwnDocuments) {
  add("before.txt", "Not of the job. ");
  const auto job = store_->create_job({.kind = "ingest", .collection = collection_, .total = 1});
  const auto path = directory_.path() / "of-the-job.txt";
  write_file_atomically(path, "Of the job. ");
  add_file(*store_, collection_, {path, "of-the-job.txt"}, job);
  EXPECT_EQ(run_ingest_job(*store_, *model_, job, options_).done, 1);
  EXPECT_EQ(store_->job(job)->state, store::JobState::done);
  EXPECT_EQ(store_->find_document(collection_, "before.txt")->state, store::DocumentState::ready);
}

TEST_F(IngestJobTest, TokensAreMadeAnewForAnotherModel) {
  const auto added = add("a.txt", "Some words. ");
  process();
  std::vector<std::vector<int32_t>> foreign(store_->chunks(added.id).size(), {9, 9});
  store_->replace_tokens(added.id, "another tokenizer", foreign);
  EXPECT_EQ(refresh_tokens(*store_, collection_, *model_), 1);
  EXPECT_EQ(model_->tokenizer().decode(store_->tokens(added.id, 0, 1)), "Some words.");
  EXPECT_EQ(refresh_tokens(*store_, collection_, *model_), 0);
}

}  // namespace
}  // namespace widenet::library
