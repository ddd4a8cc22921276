// Needles stand where the cell says, and are nothing that training has seen.
#include "eval/tasks/niah.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "base/file.h"
#include "tests/support/tiny_model.h"

namespace widenet::eval {
namespace {

engine::Tokenizer byte_tokenizer() {
  return engine::Tokenizer::parse(test::byte_tokenizer_json(), "test");
}

std::vector<HaystackText> numbered_texts() {
  std::vector<HaystackText> texts;
  for (int t = 0; t < 3; ++t) {
    std::string text;
    for (int i = 0; i < 200; ++i) {
      text += "Line " + std::to_string(t) + "-" + std::to_string(i) + " says little. ";
    }
    texts.push_back({"text " + std::to_string(t), text});
  }
  return texts;
}

TEST(NeedleTest, IsTheSameForTheSameSeedAndHoldsItsAnswerOnce) {
  for (int64_t i = 0; i < 200; ++i) {
    const Needle needle = make_needle(7, i);
    EXPECT_EQ(needle.sentence, make_needle(7, i).sentence);
    const size_t at = needle.sentence.find(needle.answer);
    ASSERT_NE(at, std::string::npos) << needle.sentence;
    EXPECT_EQ(needle.sentence.find(needle.answer, at + 1), std::string::npos) << needle.sentence;
    EXPECT_EQ(needle.question.find(needle.answer), std::string::npos) << needle.question;
    EXPECT_EQ(needle.sentence.find('{'), std::string::npos);
    EXPECT_EQ(needle.question.back(), '?');
  }
}

TEST(HaystackTest, HasTheLengthAndTheDepthThatWereAskedFor) {
  const auto tokenizer = byte_tokenizer();
  const auto texts = numbered_texts();
  const Haystack haystack(tokenizer, texts, 1000);
  const Needle needle = make_needle(1, 0);
  for (const int64_t offset : {int64_t{0}, int64_t{777}, haystack.n_tokens() - 1}) {
    for (const double depth : {0.0, 10.0, 50.0, 90.0, 100.0}) {
      const auto parts = haystack.cut(
          {.n_tokens = 5000, .depth = depth, .offset = offset, .part_tokens = 20}, needle);
      std::string text;
      int64_t n_tokens = 0;
      for (const auto& part : parts) {
        text += tokenizer.decode(part.tokens);
        n_tokens += static_cast<int64_t>(part.tokens.size()) + 20;
      }
      EXPECT_LE(n_tokens, 5000);
      EXPECT_GT(n_tokens, 5000 - 50);
      const size_t at = text.find(needle.sentence);
      ASSERT_NE(at, std::string::npos);
      const double reached = 100.0 * static_cast<double>(at) /
                             static_cast<double>(text.size() - needle.sentence.size());
      EXPECT_NEAR(reached, depth, 1.5);
      if (at > 0 && depth < 100) {
        EXPECT_EQ(text.substr(at - 2, 2), ". ") << depth;
      }
    }
  }
}

// In lines broken in the middle of sentences, too.
TEST(HaystackTest, ANeedleTouchesNoOtherWord) {
  const auto tokenizer = byte_tokenizer();
  std::string lines;
  for (int i = 0; i < 400; ++i) lines += i % 3 == 0 ? "Lines end\nwhere e.g. 3.5 " : "they must.\n";
  const Haystack haystack(tokenizer, std::vector<HaystackText>{{"lines", lines}});
  for (int64_t index = 0; index < 40; ++index) {
    const Needle needle = make_needle(7, index);
    const double depth = static_cast<double>(index) * 100.0 / 39.0;
    for (const auto& part : haystack.cut(
             {.n_tokens = 3000, .depth = depth, .offset = 17 * index, .part_tokens = 0}, needle)) {
      const std::string text = tokenizer.decode(part.tokens);
      const size_t at = text.find(needle.sentence);
      if (at == std::string::npos) continue;
      const size_t end = at + needle.sentence.size();
      EXPECT_TRUE(at == 0 || text[at - 1] == ' ' || text[at - 1] == '\n') << depth;
      EXPECT_TRUE(end == text.size() || text[end] == ' ' || text[end] == '\n') << depth;
    }
  }
}

TEST(HaystackTest, GoesRoundWhenTheTextIsShort) {
  const auto tokenizer = byte_tokenizer();
  const std::vector<HaystackText> texts = {{"short", "One. Two. "}};
  const Haystack haystack(tokenizer, texts);
  const auto parts = haystack.cut({.n_tokens = 400, .depth = 50, .offset = 3, .part_tokens = 0},
                                  make_needle(1, 1));
  EXPECT_GT(parts.size(), 20U);
}

// What training's generator says, word for word, the needles must not use.  Its wordings are
// running text, in which a needle's single words may occur as in any other.
TEST(NeedleTest, NothingOfItIsInTrainingsGenerator) {
  const auto all_of = [](const char* folder, const char* extension) {
    std::string text;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (entry.path().extension() == extension) text += read_file(entry.path());
    }
    return text;
  };
  const std::string generator = all_of(WN_SOURCE_DIR "/training/tasks", ".py");
  const std::string papers = all_of(WN_WORDINGS, ".toml") + all_of(WN_WORDINGS, ".tsv");
  ASSERT_GT(generator.size(), 1000U);
  ASSERT_GT(papers.size(), 1000U);
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  const auto holds = [&](const std::string& text, std::string_view words) {
    for (size_t at = text.find(words); at != std::string::npos; at = text.find(words, at + 1)) {
      const size_t end = at + words.size();
      const bool is_whole =
          (at == 0 || !is_letter(text[at - 1])) && (end == text.size() || !is_letter(text[end]));
      if (is_whole) return true;
    }
    return false;
  };
  const NeedleLists lists = needle_lists();
  for (const auto* list :
       {&lists.sentences, &lists.questions, &lists.attributes, &lists.keys, &lists.words}) {
    for (const std::string_view entry : *list) EXPECT_FALSE(holds(generator, entry)) << entry;
  }
  for (const auto* list : {&lists.sentences, &lists.questions, &lists.keys}) {
    for (const std::string_view entry : *list) EXPECT_FALSE(holds(papers, entry)) << entry;
  }
}

}  // namespace
}  // namespace widenet::eval
