// What a ranking is worth, and that both lists and their fusion are judged by what they found.
#include "eval/search_quality.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/store/fixture.h"

namespace widenet::eval {
namespace {

TEST(RankingTest, RecallAndNdcgAreTheirDefinitions) {
  const std::vector<int> ideal = {3, 2, 1};
  EXPECT_EQ(recall_at({0, 3, 0, 1}, ideal, 2), 1.0 / 3);
  EXPECT_EQ(recall_at({0, 3, 0, 1}, ideal, 100), 2.0 / 3);
  EXPECT_EQ(recall_at({}, ideal, 10), 0);
  EXPECT_EQ(ndcg_at({3, 2, 1}, ideal, 10), 1);
  EXPECT_EQ(ndcg_at({3, 2, 1, 0, 0}, ideal, 2), 1);
  const double dcg = 1 / std::log2(2) + 3 / std::log2(4);
  const double best = 3 / std::log2(2) + 2 / std::log2(3) + 1 / std::log2(4);
  EXPECT_DOUBLE_EQ(ndcg_at({1, 0, 3}, ideal, 10), dcg / best);
  EXPECT_EQ(ndcg_at({0, 0}, ideal, 10), 0);
}

class SearchQualityTest : public store::StoreFixture {
 protected:
  SearchQualityTest() {
    ingest(collection_, "lease.txt", {"Rent is due monthly. ", "Repairs are shared."});
    ingest(collection_, "menu.txt", {"Soup is served daily."});
    options_.collections = {collection_};
  }

  // An embedding that takes every query for this text.
  static retrieval::QueryEmbedder always(const std::string& text) {
    return {.fingerprint = "test",
            .embed = [text](std::string_view) { return store::test_embedding(text); }};
  }

  nlohmann::json judge(const std::vector<Question>& questions, const std::string& dense_text) {
    return run_search_quality(*store_, always(dense_text),
                              judged_questions(*store_, {collection_}, questions), options_);
  }

  store::CollectionId collection_ = store_->find_or_create_collection("papers");
  SearchQualityOptions options_;
};

TEST_F(SearchQualityTest, APassageIsFoundWhereAChunkOverlapsIt) {
  options_.limit = 1;
  const auto results = judge({{.id = "1",
                               .question = "When is rent due?",
                               .answers = {},
                               .documents = {"lease.txt"},
                               .passage = "Repairs are shared.",
                               .kind = {}}},
                             "Repairs are shared.");
  const auto& lists = results.at("lists");
  EXPECT_EQ(lists.at("lexical").at("recall"), 0);  // the words are the other chunk's
  EXPECT_EQ(lists.at("dense").at("recall"), 1);
  EXPECT_EQ(lists.at("dense").at("ndcg"), 1);
}

TEST_F(SearchQualityTest, WithoutAPassageTheShareOfGoldDocumentsCounts) {
  const auto results = judge({{.id = "1",
                               .question = "soup",
                               .answers = {},
                               .documents = {"lease.txt", "menu.txt"},
                               .passage = {},
                               .kind = {}}},
                             "Repairs are shared.");
  EXPECT_EQ(results.at("lists").at("lexical").at("recall"), 0.5);
  EXPECT_EQ(results.at("lists").at("fused").at("recall"), 1);
  const auto& sure = results.at("differences").at("fused_minus_lexical").at("recall");
  EXPECT_EQ(sure.at("mean"), 0.5);
  EXPECT_EQ(sure.at("p"), 0);
  EXPECT_NE(format_search_quality(results).find("fused_minus_dense"), std::string::npos);
}

TEST_F(SearchQualityTest, GradesOfATestSetOrderTheDocuments) {
  TestSet set{.name = "set", .documents = {}, .queries = {}};
  set.queries.push_back(
      {.id = "q", .text = "soup rent", .grades = {{"lease.txt", 1}, {"menu.txt", 3}}});
  const auto judged = judged_queries(*store_, collection_, set);
  ASSERT_EQ(judged.size(), 1U);
  ASSERT_EQ(judged[0].grades.size(), 2U);
  const auto results =
      run_search_quality(*store_, always("Soup is served daily."), judged, options_);
  EXPECT_EQ(results.at("lists").at("dense").at("ndcg"), 1);
  EXPECT_EQ(results.at("queries"), 1);
}

TEST_F(SearchQualityTest, QuestionsWithoutGoldAreCountedApart) {
  std::vector<Question> questions(2);
  questions[0].documents = {"nowhere.txt"};
  questions[1].is_answerable = false;
  const auto results = judge(questions, "");
  EXPECT_EQ(results.at("queries"), 0);
  EXPECT_EQ(results.at("without_gold"), 1);
  EXPECT_FALSE(format_search_quality(results).empty());
}

}  // namespace
}  // namespace widenet::eval
