#include "eval/retrieval.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/store/fixture.h"

namespace widenet::eval {
namespace {

class RetrievalTest : public store::StoreFixture {
 protected:
  RetrievalTest() {
    ingest(collection_, "lease.txt", {"Rent is due monthly. ", "Repairs are shared."});
    ingest(collection_, "menu.txt", {"Soup is served daily."});
    options_.collections = {collection_};
  }

  // An embedding that takes every query for this text.
  static retrieval::QueryEmbedder always(const std::string& text) {
    return {.fingerprint = "test",
            .embed = [text](std::string_view) { return store::test_embedding(text); }};
  }

  store::CollectionId collection_ = store_->find_or_create_collection("papers");
  RetrievalOptions options_;
};

TEST_F(RetrievalTest, APassageIsFoundWhereAChunkOverlapsIt) {
  options_.limit = 1;
  const std::vector<Question> questions = {{.id = "1",
                                            .question = "When is rent due?",
                                            .answers = {},
                                            .documents = {"lease.txt"},
                                            .passage = "Repairs are shared.",
                                            .kind = {}}};
  const auto results = run_retrieval(*store_, always("Repairs are shared."), questions, options_);
  EXPECT_EQ(results.at("lists").at("lexical").at("recall"), 0);  // the words are the other chunk's
  EXPECT_EQ(results.at("lists").at("dense").at("recall"), 1);
}

TEST_F(RetrievalTest, WithoutAPassageTheShareOfGoldDocumentsCounts) {
  const std::vector<Question> questions = {{.id = "1",
                                            .question = "soup",
                                            .answers = {},
                                            .documents = {"lease.txt", "menu.txt"},
                                            .passage = {},
                                            .kind = {}}};
  const auto results = run_retrieval(*store_, always("Repairs are shared."), questions, options_);
  EXPECT_EQ(results.at("lists").at("lexical").at("recall"), 0.5);
  EXPECT_EQ(results.at("lists").at("fused").at("recall"), 1);
  EXPECT_EQ(results.at("fused_minus_lexical").at("mean"), 0.5);
  EXPECT_EQ(results.at("fused_minus_lexical").at("p"), 0);
}

TEST_F(RetrievalTest, QuestionsWithoutGoldAreCountedApart) {
  std::vector<Question> questions(2);
  questions[0].documents = {"nowhere.txt"};
  questions[1].is_answerable = false;
  const auto results = run_retrieval(*store_, {}, questions, options_);
  EXPECT_EQ(results.at("questions"), 0);
  EXPECT_EQ(results.at("without_gold"), 1);
  EXPECT_FALSE(format_retrieval(results).empty());
}

}  // namespace
}  // namespace widenet::eval
