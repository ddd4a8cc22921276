// Question files, gold passages, and whole evaluations with a tiny model.
#include "eval/qa.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/utf8.h"
#include "eval/corpus.h"
#include "eval/nets.h"
#include "eval/niah.h"
#include "eval/report.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/tiny_model.h"

namespace widenet::eval {
namespace {

TEST(QuestionsTest, AreReadAndBadLinesNamed) {
  const test::TemporaryDirectory directory;
  const auto file = directory.path() / "q.jsonl";
  write_file_atomically(
      file,
      "{\"id\":\"1\",\"question\":\"Q?\",\"answer\":\"a\",\"aliases\":[\"b\"],\"documents\":[\"x\"]"
      ","
      "\"passage\":\"p\",\"answerable\":true,\"kind\":\"fact\"}\n\n"
      "{\"id\":\"2\",\"question\":\"R?\",\"answer\":\"\",\"answerable\":false}\n");
  const auto questions = read_questions(file);
  ASSERT_EQ(questions.size(), 2U);
  EXPECT_EQ(questions[0].answers, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(questions[1].answers.empty());

  write_file_atomically(file, "{\"id\":\"1\"}\n");
  try {
    read_questions(file);
    FAIL();
  } catch (const EvalError& error) {
    EXPECT_NE(std::string(error.what()).find("line 1"), std::string::npos) << error.what();
  }
  write_file_atomically(file, "\n");
  EXPECT_THROW(read_questions(file), EvalError);
  EXPECT_THROW(read_questions(directory.path() / "none"), FileError);
}

TEST(QuestionsTest, TheSampleCompanysAreReadable) {
  const auto questions = read_questions(WN_SOURCE_DIR "/examples/company/questions.jsonl");
  EXPECT_GE(questions.size(), 80U);
  EXPECT_GE(std::count_if(questions.begin(), questions.end(),
                          [](const Question& q) { return !q.is_answerable; }),
            15);
}

TEST(FindPassageTest, LettersAndDigitsDecide) {
  const std::string text = "R\xC3\xA9sum\xC3\xA9. Total | EUR 4,200 | due\nnext week.";
  const auto range = find_passage(text, "Total: EUR 4200, due next week");
  ASSERT_TRUE(range);
  EXPECT_EQ(slice_chars(text, range->first, range->second), "Total | EUR 4,200 | due\nnext week");
  EXPECT_FALSE(find_passage(text, "Total EUR 4300"));
  EXPECT_FALSE(find_passage(text, ""));
}

class EvaluationTest : public ::testing::Test {
 protected:
  EvaluationTest() {
    test::make_tiny_model(directory_.path() / "model");
    engine_ = engine::Engine::load({.model = directory_.path() / "model", .backend = {}});
    scheduler_ = std::make_unique<engine::Scheduler>(*engine_);
    store_ = store::Store::open(directory_.path() / "data");
  }

  // "The tally of a.txt is twelve.", and of b.txt, and of c.txt.
  store::CollectionId add_papers() {
    const auto collection = store_->find_or_create_collection("papers");
    for (const std::string name : {"a.txt", "b.txt", "c.txt"}) {
      const std::string text = "The tally of " + name + " is twelve.";
      store::ProcessedDocument processed;
      processed.title = name;
      processed.text = text;
      processed.tokenizer = "bytes";
      processed.chunks.push_back({.start_char = 0,
                                  .end_char = count_chars(text),
                                  .page = 0,
                                  .tokens = engine_->tokenizer().encode(text),
                                  .embedding = {}});
      const auto added = store_->add_document({.collection = collection,
                                               .key = "papers/" + name,
                                               .format = "txt",
                                               .sha256 = store_->put_original(text)});
      store_->begin_processing(added.id);
      store_->complete_document(added.id, {&processed, 1});
    }
    return collection;
  }

  test::TemporaryDirectory directory_;
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<engine::Scheduler> scheduler_;
  std::unique_ptr<store::Store> store_;
};

TEST_F(EvaluationTest, NiahCountsEveryTryAndResumesWhereItStopped) {
  const std::vector<HaystackText> texts = {{"t", "Some text that says little. And more of it. "}};
  NiahOptions options;
  options.lengths = {700};
  options.depths = {0, 100};
  options.needles = 2;
  options.max_tokens = 2;
  const nlohmann::json config = {{"seed", 1}};
  int64_t stop_after = 1;
  {
    EvaluationLog log(*store_, "niah", config, true);
    const auto interrupt = [&](const NiahProgress&) {
      if (--stop_after == 0) throw std::runtime_error("power cut");
    };
    EXPECT_THROW(run_niah(*engine_, *scheduler_, texts, options, log, interrupt),
                 std::runtime_error);
  }
  EvaluationLog log(*store_, "niah", config, true);
  const auto results = run_niah(*engine_, *scheduler_, texts, options, log);
  EXPECT_EQ(store_->evaluations().size(), 1U);
  EXPECT_EQ(store_->evaluation(log.id())->state, "done");
  EXPECT_EQ(store_->evaluation_items(log.id()).size(), 4U);
  ASSERT_EQ(results.at("cells").size(), 2U);
  for (const auto& cell : results.at("cells")) {
    EXPECT_EQ(cell.at("tries"), 2);
    EXPECT_GE(cell.at("score"), 0.0);
    EXPECT_LE(cell.at("score"), cell.at("high"));
    EXPECT_EQ(cell.at("length"), 700);
  }
  EXPECT_NE(format_results("niah", results).find("700 tokens"), std::string::npos);
  for (const auto& item : store_->evaluation_items(log.id())) {
    EXPECT_LE(nlohmann::json::parse(item.item_json).at("prompt_tokens"), 700);
  }
}

TEST_F(EvaluationTest, LengthsTheModelCannotReadAreRefused) {
  const std::vector<HaystackText> texts = {{"t", "Some text. "}};
  EvaluationLog log(*store_, "niah", {}, false);
  NiahOptions options;
  options.lengths = {10};
  EXPECT_THROW(run_niah(*engine_, *scheduler_, texts, options, log), EvalError);
  options.lengths = {int64_t{1} << 40};
  EXPECT_THROW(run_niah(*engine_, *scheduler_, texts, options, log), EvalError);
  options.lengths = {512};
  options.depths = {101};
  EXPECT_THROW(run_niah(*engine_, *scheduler_, texts, options, log), EvalError);
}

TEST_F(EvaluationTest, NetsCountWhatPromptsBeforeHaveRead) {
  NetsOptions options;
  options.collections = {add_papers()};
  options.n_first = 1;
  answer::Asker asker({.store = *store_,
                       .engine = *engine_,
                       .scheduler = *scheduler_,
                       .embedder = {},
                       .tokenizer_sha256 = "bytes",
                       .encoding = {}});
  const Question question = {.id = "1",
                             .question = "What is the tally of b?",
                             .answers = {},
                             .documents = {"b.txt"},
                             .passage = "tally of b.txt is twelve",
                             .kind = "fact"};
  const auto results = run_nets(*store_, asker, {question, question}, options);
  EXPECT_EQ(results["questions"], 2);
  EXPECT_EQ(results["first"]["cached_mean"], 0);
  EXPECT_EQ(results["first"]["gold_in_prompt"], 1);
  EXPECT_EQ(results["all"]["reused"], 0.5);
  EXPECT_GT(results["all"]["cached_mean"], 0.3);
  EXPECT_NE(format_nets({{"sticky", results}}).find("reused  50.0%"), std::string::npos);
}

TEST_F(EvaluationTest, QaJudgesEveryQuestionInEveryMode) {
  const auto collection = add_papers();
  answer::Asker asker({.store = *store_,
                       .engine = *engine_,
                       .scheduler = *scheduler_,
                       .embedder = {},
                       .tokenizer_sha256 = "bytes",
                       .encoding = {}});
  const std::vector<Question> questions = {{.id = "1",
                                            .question = "What is the tally of b?",
                                            .answers = {"twelve"},
                                            .documents = {"b.txt"},
                                            .passage = "tally of b.txt is twelve",
                                            .is_answerable = true,
                                            .kind = "fact"},
                                           {.id = "2",
                                            .question = "Who is it?",
                                            .answers = {},
                                            .documents = {},
                                            .passage = {},
                                            .is_answerable = false,
                                            .kind = "absent"}};
  QaOptions options;
  options.collections = {collection};
  options.modes = {answer::Mode::rag, answer::Mode::whole};
  options.max_tokens = 4;
  EvaluationLog log(*store_, "qa", {{"n", 1}}, false);
  const auto results = run_qa(*store_, asker, questions, options, log);
  ASSERT_EQ(results.at("modes").size(), 2U);
  ASSERT_EQ(results.at("questions").size(), 4U);
  EXPECT_EQ(results["modes"][0]["answerable"]["tries"], 1);
  EXPECT_EQ(results["modes"][0]["unanswerable"]["tries"], 1);
  EXPECT_EQ(results["questions"][0]["gold_found"], true);
  EXPECT_EQ(results["questions"][0]["in_context"], true);
  EXPECT_TRUE(store_->answers().empty());
  EXPECT_NE(format_results("qa", results).find("absent and said so"), std::string::npos);

  options.gold_among = 2;
  options.modes = {answer::Mode::whole};
  EvaluationLog gold_log(*store_, "qa", {{"n", 2}}, false);
  const auto gold = run_qa(*store_, asker, questions, options, gold_log);
  EXPECT_EQ(gold["questions"][0]["mode"], "gold-among-2");
  EXPECT_EQ(gold["questions"][0]["in_context"], true);
}

}  // namespace
}  // namespace widenet::eval
