#include "retrieval/search.h"

#include <gtest/gtest.h>

#include "tests/store/fixture.h"

namespace widenet::retrieval {
namespace {

store::SearchHit hit(store::ChunkId chunk, float score) {
  return {.chunk = {.id = chunk, .document = chunk / 100, .ordinal = chunk % 100}, .score = score};
}

TEST(FuseTest, AScoreIsTheSumOfSharesOfTheBest) {
  const auto fused = fuse({hit(101, 8), hit(102, 6)},
                          {hit(102, 0.5f), hit(103, 0.375f), hit(104, 0.25f)}, {.dense_weight = 1});
  ASSERT_EQ(fused.size(), 4u);
  EXPECT_EQ(fused[0].chunk.id, 102);
  EXPECT_DOUBLE_EQ(fused[0].score, 0.75 + 1);
  EXPECT_EQ(fused[0].lexical_rank, 2);
  EXPECT_EQ(fused[0].dense_rank, 1);
  EXPECT_EQ(fused[0].lexical_score, 6);
  EXPECT_EQ(fused[0].dense_score, 0.5f);
  EXPECT_DOUBLE_EQ(fused[1].score, 1);
  EXPECT_FALSE(fused[1].dense_rank.has_value());
  EXPECT_DOUBLE_EQ(fused[2].score, 0.5);  // halfway from the list's worst to its best
  EXPECT_DOUBLE_EQ(fused[3].score, 0);
}

TEST(FuseTest, EqualScoresComeInTextOrder) {
  const auto fused = fuse({hit(205, 3)}, {hit(103, 1)}, {.dense_weight = 1});
  EXPECT_EQ(fused[0].chunk.id, 103);
  EXPECT_EQ(fused[1].chunk.id, 205);
}

TEST(FuseTest, WeightsTiltTheFusion) {
  const SearchOptions lexical_first{.dense_weight = 0.5};
  EXPECT_EQ(fuse({hit(205, 3)}, {hit(103, 1)}, lexical_first)[0].chunk.id, 205);
}

TEST(FuseTest, NothingFoundIsNothingFused) {
  EXPECT_TRUE(fuse({}, {}, {}).empty());
}

class SearchTest : public store::StoreFixture {
 protected:
  store::CollectionId collection_ = store_->find_or_create_collection("papers");
};

TEST_F(SearchTest, ListsAreFusedWhereAnEmbedderIsGiven) {
  ingest(collection_, "a.txt", {"Rent is due monthly. ", "Repairs are shared."});
  // The query's words favour the first chunk, its vector the second.
  const QueryEmbedder embedder{.fingerprint = "test", .embed = [](std::string_view) {
                                 return store::test_embedding("Repairs are shared.");
                               }};
  const auto found = retrieval::search(*store_, {.collections = {collection_}}, "rent", embedder);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].chunk.ordinal, 0);
  EXPECT_EQ(found[0].lexical_rank, 1);
  EXPECT_EQ(found[0].dense_rank, 2);
  EXPECT_EQ(found[1].dense_rank, 1);
}

TEST_F(SearchTest, WithoutAnEmbedderItIsLexicalAlone) {
  ingest(collection_, "a.txt", {"Rent is due monthly. ", "Repairs are shared."});
  const auto found = retrieval::search(*store_, {.collections = {collection_}}, "rent", {});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].chunk.ordinal, 0);
}

}  // namespace
}  // namespace widenet::retrieval
