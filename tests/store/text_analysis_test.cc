#include "store/text_analysis.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace widenet::store {
namespace {

std::vector<std::string> terms_of(std::string_view text) {
  std::vector<std::string> terms;
  for_each_term(text, [&](std::string_view term, size_t, size_t) { terms.emplace_back(term); });
  return terms;
}

using Terms = std::vector<std::string>;

TEST(TextAnalysisTest, WordsAreFoldedAndPunctuationIsDropped) {
  EXPECT_EQ(terms_of("The Invoice, No. INV-20113!"),
            (Terms{"the", "invoice", "no", "inv", "20113"}));
  EXPECT_EQ(terms_of("Straße ÉCOLE"), (Terms{"strasse", "école"}));
}

TEST(TextAnalysisTest, CompatibilityFormsMeetTheirPlainForms) {
  EXPECT_EQ(terms_of("ＡＢＣ"), terms_of("abc"));
  EXPECT_EQ(terms_of("ﬁle"), terms_of("file"));
  EXPECT_EQ(terms_of("e\u0301tude"), terms_of("\u00e9tude"));
}

TEST(TextAnalysisTest, NumbersAndIdentifiersStayWhole) {
  EXPECT_EQ(terms_of("1,234.50 work_mem v2.1"), (Terms{"1,234.50", "work_mem", "v2.1"}));
}

TEST(TextAnalysisTest, WordsPartAtMarksThatUnicodeJoins) {
  EXPECT_EQ(terms_of("the company's Hollin.txt"), (Terms{"the", "company", "s", "hollin", "txt"}));
  EXPECT_EQ(terms_of("l\u2019avis U.S.A. 3.5"), (Terms{"l", "avis", "u", "s", "a", "3.5"}));
}

TEST(TextAnalysisTest, ChineseAndJapaneseBecomePairsAndALastCharacter) {
  EXPECT_EQ(terms_of("北京大学"), (Terms{"北京", "京大", "大学", "学"}));
  EXPECT_EQ(terms_of("東京タワー"), (Terms{"東京", "京タ", "タワ", "ワー", "ー"}));
}

TEST(TextAnalysisTest, PositionsAreTheWordsBytes) {
  std::string_view text = "Die Größe zählt";
  std::vector<std::string_view> words;
  for_each_term(text, [&](std::string_view, size_t start, size_t end) {
    words.push_back(text.substr(start, end - start));
  });
  EXPECT_EQ(words, (std::vector<std::string_view>{"Die", "Größe", "zählt"}));
}

TEST(TextAnalysisTest, EveryPairOfAQueryIsATermOfTheTextItIsFoundIn) {
  const Terms in_text = terms_of("我们的合同于明年到期。");
  for (const QueryTerm& term : query_terms("合同到期")) {
    if (term.term == "同到") continue;  // spans the gap between two words of the query
    EXPECT_NE(std::find(in_text.begin(), in_text.end(), term.term), in_text.end()) << term.term;
  }
}

TEST(TextAnalysisTest, ASingleCharacterIsLookedUpAsAPrefix) {
  const auto terms = query_terms("税");
  ASSERT_EQ(terms.size(), 1u);
  EXPECT_TRUE(terms[0].is_prefix);
  EXPECT_EQ(match_any(terms), "\"税\" *");
}

TEST(TextAnalysisTest, RepeatedQueryWordsCountOnce) {
  EXPECT_EQ(match_any(query_terms("Total total TOTAL due")), "\"total\" OR \"due\"");
}

TEST(TextAnalysisTest, VeryLongTermsAreCutBetweenCharacters) {
  std::string long_word;
  for (int i = 0; i < 100; ++i) long_word += "é";
  const Terms terms = terms_of(long_word);
  ASSERT_EQ(terms.size(), 1u);
  EXPECT_EQ(terms[0].size(), 128u);
  EXPECT_EQ(query_terms(long_word)[0].term, terms[0]);
}

}  // namespace
}  // namespace widenet::store
