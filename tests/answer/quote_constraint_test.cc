// Whatever the model would like to write, its evidence stands in the documents.
#include "answer/quote_constraint.h"

#include <gtest/gtest.h>

#include <random>

#include "answer/citations.h"
#include "base/utf8.h"
#include "tests/support/sample_size.h"
#include "tests/support/tiny_model.h"

namespace widenet::answer {
namespace {

class QuoteConstraintTest : public ::testing::Test {
 protected:
  PromptDocument document(store::DocumentId id, const std::vector<std::string>& passages) const {
    PromptDocument document{.id = id, .title = "T", .passages = {}};
    int64_t start = 0;
    for (const std::string& text : passages) {
      document.passages.push_back({.start_char = start,
                                   .end_char = start + count_chars(text),
                                   .text = text,
                                   .tokens = tokenizer_.encode(text)});
      start = document.passages.back().end_char + 1;  // the next one does not touch it
    }
    return document;
  }

  QuoteConstraint constraint(engine::Thinking thinking = engine::Thinking::none) const {
    return QuoteConstraint(documents_, tokenizer_, thinking);
  }

  // The first character of `text` that may not be written; npos: all may, and an end after them.
  static constexpr size_t kAll = std::string::npos;
  size_t refused_at(const std::string& text) const {
    QuoteConstraint quotes = constraint();
    for (size_t i = 0; i < text.size(); ++i) {
      const TokenId token = token_of(text[i]);
      if (!quotes.allows(token)) return i;
      quotes.take(token);
    }
    return quotes.allows(eos_) ? kAll : text.size();
  }

  static TokenId token_of(char byte) { return 8 + static_cast<uint8_t>(byte); }

  const engine::Tokenizer tokenizer_ =
      engine::Tokenizer::parse(test::byte_tokenizer_json(), "test");
  const TokenId eos_ = engine::PromptTokens::of(tokenizer_).eos;
  const TokenId think_end_ = engine::PromptTokens::of(tokenizer_).think_end;
  std::vector<PromptDocument> documents_ = {
      document(17,
               {"The rent is 4,200 euros.\nIt is due\xC2\xA0monthly.", "Caf\xC3\xA9 included."}),
      document(203, {"The rent is 9 dollars. \xE2\x80\x9CSeen\xE2\x80\x9D."})};
};

TEST_F(QuoteConstraintTest, QuotesAreTheDocumentsWords) {
  EXPECT_EQ(refused_at("Evidence: rent is 4,200 euros\nAnswer: 9,999 pounds"), kAll);
  EXPECT_EQ(refused_at("Evidence: The rent is 4,200 euros. It is due monthly."), kAll);
  EXPECT_EQ(refused_at("Evidence: rent is 9 dollars"), kAll);
  EXPECT_EQ(refused_at("Evidence: rent is 8"), std::string("Evidence: rent is ").size());
  EXPECT_EQ(refused_at("Evidence: ent"),
            std::string("Evidence: e").size());  // in no word's middle
  EXPECT_EQ(refused_at("Evidence: rent is 4,200 eur\n"),
            std::string("Evidence: rent is 4,200 eur").size());
  EXPECT_EQ(refused_at("Evidence: monthly.Caf"), std::string("Evidence: monthly.").size());
  EXPECT_EQ(refused_at("Evidence: \n"), std::string("Evidence: ").size());
  EXPECT_EQ(refused_at("Evidence: Caf\xC3\xA9"), kAll);
  EXPECT_EQ(refused_at("Evidence: Caf\xC3"), std::string("Evidence: Caf\xC3").size());
  EXPECT_EQ(refused_at("Evidence: \xE2\x80\x9CSeen"), kAll);
}

TEST_F(QuoteConstraintTest, AllElseIsFree) {
  EXPECT_EQ(refused_at("Answer: Not in the documents."), kAll);
  EXPECT_EQ(refused_at("What?\nEvidently: not\n Evidence:rent\nAnswer: Evidence: made up"), kAll);
  EXPECT_EQ(refused_at("Evidence [17]: no label, so not evidence"), kAll);
  EXPECT_EQ(refused_at("Evidence: rent\nEvidence: euros\nEvidence: 5"),
            std::string("Evidence: rent\nEvidence: euros\nEvidence: ").size());
}

TEST_F(QuoteConstraintTest, ALabelNamesTheDocument) {
  EXPECT_EQ(refused_at("Evidence [D203]: The rent is 9"), kAll);
  EXPECT_EQ(refused_at("Evidence [D203]: The rent is 4"),
            std::string("Evidence [D203]: The rent is ").size());
  EXPECT_EQ(refused_at("Evidence [D5]: The rent is 4,200"), kAll);  // no such document
}

TEST_F(QuoteConstraintTest, ReasoningIsFree) {
  QuoteConstraint quotes = constraint(engine::Thinking::high);
  for (const char c : std::string("Evidence: z")) {
    EXPECT_TRUE(quotes.allows(token_of(c)));
    quotes.take(token_of(c));
  }
  quotes.take(think_end_);
  for (const char c : std::string("Evidence: ")) quotes.take(token_of(c));
  EXPECT_FALSE(quotes.allows(token_of('z')));
  EXPECT_TRUE(quotes.allows(token_of('r')));
  EXPECT_FALSE(quotes.allows(think_end_));
}

// A model that would write noise: what it is let write parses into evidence that is found.
TEST_F(QuoteConstraintTest, NoiseBecomesQuotes) {
  const QuoteFinder finder(documents_);
  const std::string texts[] = {"The ret is 4,20 \xC3\xA9\xC2\xA0\xE2\x80\x9C\x9D\n", "abcxyz"};
  std::mt19937 random(1);
  int64_t n_quotes = 0;
  for (int i = 0; i < test::sample_size(300, 20'000); ++i) {
    QuoteConstraint quotes = constraint();
    std::string written = "Evidence: ";
    for (const char c : written) quotes.take(token_of(c));
    for (int tries = 0; tries < 2'000; ++tries) {
      const std::string& from = texts[random() % 8 == 0 ? 1 : 0];
      const char c = from[random() % from.size()];
      if (!quotes.allows(token_of(c))) continue;
      quotes.take(token_of(c));
      written += c;
      if (c == '\n') break;
    }
    if (written.back() != '\n') continue;
    const ParsedAnswer parsed = parse_answer(written);
    ASSERT_EQ(parsed.evidence.size(), 1u) << written;
    EXPECT_FALSE(finder.find(parsed.evidence[0].quote).empty()) << written;
    ++n_quotes;
  }
  EXPECT_GT(n_quotes, test::sample_size(50, 3'000));
}

}  // namespace
}  // namespace widenet::answer
