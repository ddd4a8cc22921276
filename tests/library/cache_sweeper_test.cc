// What a model made of documents goes from memory and disk when they are deleted, by whomever.
#include "library/cache_sweeper.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "engine/engine.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/tiny_model.h"

namespace widenet::library {
namespace {

class CacheSweeperTest : public ::testing::Test {
 protected:
  CacheSweeperTest() {
    test::make_tiny_model(directory_.path() / "model");
    engine_ = engine::Engine::load({.model = directory_.path() / "model", .backend = {}});
    store_ = store::Store::open(directory_.path() / "data");
    collection_ = store_->find_or_create_collection("papers");
    for (int32_t i = 0; i < 1000; ++i) tokens_.push_back(8 + i * 37 % 250);
  }

  std::shared_ptr<engine::PrefixCache> open_cache(bool on_disk = true) {
    return engine_->make_cache(
        {.directory = on_disk ? cache_directory() : std::filesystem::path()});
  }
  std::filesystem::path cache_directory() const { return store_->directory() / "cache"; }

  store::DocumentId add(const std::string& key) {
    return store_
        ->add_document({.collection = collection_, .key = key, .sha256 = store_->put_original(key)})
        .id;
  }

  // A prompt of two documents: the first 600 tokens are the first one's, and what follows.
  void read(const std::shared_ptr<engine::PrefixCache>& cache,
            store::DocumentId first,
            store::DocumentId second) {
    const auto session = engine_->make_session(cache, "");
    session->set_goal(tokens_, {.marks = {600},
                                .sources = {{.first_token = 10, .id = first},
                                            {.first_token = 600, .id = second}}});
    engine::Session* const one = session.get();
    while (!session->has_arrived()) engine_->advance({&one, 1});
    if (cache->disk() != nullptr) cache->disk()->drain();
  }

  int64_t n_known(const engine::PrefixCache& cache) const {
    return cache.known(tokens_, "").n_tokens;
  }

  test::TemporaryDirectory directory_;
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<store::Store> store_;
  store::CollectionId collection_ = 0;
  std::vector<engine::TokenId> tokens_;
};

TEST_F(CacheSweeperTest, ADeletedDocumentGoesFromItsFirstTokenOn) {
  const auto a = add("a");
  const auto b = add("b");
  const auto cache = open_cache();
  CacheSweeper sweeper(*store_, *cache);
  read(cache, a, b);
  EXPECT_EQ(n_known(*cache), 1000);
  const auto receipt = store_->delete_document(b);
  EXPECT_FALSE(receipt->cache_files.has_value() && *receipt->cache_files > 0);
  sweeper.sweep();
  EXPECT_EQ(n_known(*cache), 512);
  EXPECT_GT(store_->receipt(receipt->id)->cache_files, 0);
  EXPECT_FALSE(store_->cached_deletions(0).front().is_on_disk);
  store_->delete_document(a);
  sweeper.sweep();
  EXPECT_EQ(n_known(*cache), 0);
  EXPECT_EQ(cache->statistics().disk.n_files, 0);
}

TEST_F(CacheSweeperTest, AnotherProcessMayDelete) {
  const auto a = add("a");
  const auto b = add("b");
  const auto cache = open_cache();
  const CacheSweeper sweeper(*store_, *cache);
  read(cache, a, b);
  const auto theirs = store::Store::open(store_->directory());
  theirs->delete_document(b);
  EXPECT_FALSE(sweep_cache_files(*theirs, cache_directory()));  // ours is open
  while (n_known(*cache) != 512) std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

TEST_F(CacheSweeperTest, WithoutAnOpenCacheItsFilesGo) {
  const auto a = add("a");
  const auto b = add("b");
  read(open_cache(), a, b);
  const auto receipt = store_->delete_document(b);
  EXPECT_TRUE(sweep_cache_files(*store_, cache_directory()));
  EXPECT_GT(store_->receipt(receipt->id)->cache_files, 0);
  EXPECT_EQ(n_known(*open_cache()), 512);
}

TEST_F(CacheSweeperTest, WhatWasDeletedWhileNobodyLookedGoesAtTheNextStart) {
  const auto a = add("a");
  const auto b = add("b");
  read(open_cache(), a, b);
  store_->delete_collection(collection_);
  EXPECT_EQ(store_->cached_deletions(store_->last_deletion()).size(), 1U);
  const auto cache = open_cache();
  const CacheSweeper sweeper(*store_, *cache);
  EXPECT_EQ(n_known(*cache), 0);
  EXPECT_TRUE(store_->cached_deletions(store_->last_deletion()).empty());
}

// It knows in memory what it does not keep on disk, and there may be files of an earlier process.
TEST_F(CacheSweeperTest, ACacheInMemoryForgetsToo) {
  const auto a = add("a");
  const auto b = add("b");
  read(open_cache(), a, b);
  const auto cache = open_cache(/*on_disk=*/false);
  CacheSweeper sweeper(*store_, *cache);
  read(cache, a, b);
  const auto receipt = store_->delete_document(b);
  sweeper.sweep();
  EXPECT_EQ(n_known(*cache), 512);
  EXPECT_GT(store_->receipt(receipt->id)->cache_files, 0);
  EXPECT_EQ(n_known(*open_cache()), 512);
}

TEST_F(CacheSweeperTest, AnotherProcessMayHaveRemovedTheFilesFirst) {
  const auto a = add("a");
  const auto b = add("b");
  const auto cache = open_cache(/*on_disk=*/false);
  CacheSweeper sweeper(*store_, *cache);
  read(cache, a, b);
  const auto theirs = store::Store::open(store_->directory());
  theirs->delete_document(b);
  EXPECT_TRUE(sweep_cache_files(*theirs, cache_directory()));
  sweeper.sweep();
  EXPECT_EQ(n_known(*cache), 512);
}

TEST_F(CacheSweeperTest, WithoutACacheThereIsNothingToForget) {
  const auto receipt = store_->delete_document(add("a"));
  EXPECT_TRUE(sweep_cache_files(*store_, cache_directory()));
  EXPECT_EQ(store_->receipt(receipt->id)->cache_files, 0);
  EXPECT_FALSE(std::filesystem::exists(cache_directory()));
}

}  // namespace
}  // namespace widenet::library
