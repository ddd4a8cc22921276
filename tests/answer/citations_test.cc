// Reading answers and finding quotes: what is shown as a citation stands where it says it does.
#include "answer/citations.h"

#include <gtest/gtest.h>

#include <random>

#include "base/utf8.h"
#include "tests/support/sample_size.h"

namespace widenet::answer {
namespace {

PromptDocument make_document(store::DocumentId id,
                             std::string text,
                             std::vector<std::pair<int64_t, int64_t>> ranges = {}) {
  if (ranges.empty()) ranges = {{0, count_chars(text)}};
  PromptDocument document{.id = id, .title = "T" + std::to_string(id), .passages = {}};
  for (const auto& [start, end] : ranges) {
    document.passages.push_back({.start_char = start,
                                 .end_char = end,
                                 .text = std::string(slice_chars(text, start, end)),
                                 .tokens = {}});
  }
  return document;
}

const char kLease[] =
    "Lease of the harbour shed.\nThe rent is 4,200 euros a month.  It is due on the first\n"
    "working day. Notice must be given \xE2\x80\x9Cin writing\xE2\x80\x9D six weeks ahead.\n";

// --- reading

TEST(AnswerReaderTest, SeparatesEvidenceFromTheAnswer) {
  const ParsedAnswer parsed = parse_answer(
      "Evidence: The rent is 4,200 euros a month.\nEvidence [D17]: due on the first\n"
      "Answer: 4,200 euros\n");
  ASSERT_EQ(parsed.evidence.size(), 2U);
  EXPECT_EQ(parsed.evidence[0].quote, "The rent is 4,200 euros a month.");
  EXPECT_FALSE(parsed.evidence[0].label);
  EXPECT_EQ(parsed.evidence[1].quote, "due on the first");
  EXPECT_EQ(parsed.evidence[1].label, 17);
  EXPECT_EQ(parsed.text, "4,200 euros");
}

TEST(AnswerReaderTest, ProseIsAllAnswer) {
  for (const char* prose : {"It is 4,200 euros.\nA month, that is.", "Evidently so.",
                            "Evidence [of x]: no label", "Answers vary."}) {
    const ParsedAnswer parsed = parse_answer(prose);
    EXPECT_EQ(parsed.text, prose);
    EXPECT_TRUE(parsed.evidence.empty());
  }
}

TEST(AnswerReaderTest, AnAnswerCutOffKeepsWhatThereIs) {
  EXPECT_EQ(parse_answer("Evidence: The rent is").evidence.at(0).quote, "The rent is");
  EXPECT_EQ(parse_answer("Answer: ").text, "");
  EXPECT_EQ(parse_answer("Answ").text, "Answ");
  EXPECT_EQ(parse_answer("").text, "");
}

TEST(AnswerReaderTest, PiecesOfAnySizeReadAsTheWhole) {
  const std::string text =
      "Evidence: caf\xC3\xA9 au lait\nSome words.\n\nEvidence [D3]: b b\nAnswer: x\ny \n\n z  \n";
  const ParsedAnswer whole = parse_answer(text);
  for (size_t size = 1; size < text.size(); ++size) {
    AnswerReader reader;
    std::string shown;
    size_t n_evidence = 0;
    const auto take = [&](const AnswerReader::Output& output) {
      shown += output.text;
      n_evidence += output.evidence.size();
    };
    for (size_t at = 0; at < text.size(); at += size) {
      take(reader.feed(std::string_view(text).substr(at, size)));
    }
    take(reader.finish());
    EXPECT_EQ(shown, whole.text) << size;
    EXPECT_EQ(n_evidence, whole.evidence.size()) << size;
  }
}

TEST(AnswerReaderTest, NothingOfAMarkerIsShownWhileItMayStillBeOne) {
  AnswerReader reader;
  EXPECT_EQ(reader.feed("Ans").text, "");
  EXPECT_EQ(reader.feed("wer: fo").text, "fo");
  EXPECT_EQ(reader.feed("ur\n").text, "ur");
  EXPECT_EQ(reader.feed("Evid").text, "");
  EXPECT_EQ(reader.feed("ence: q\n").evidence.size(), 1U);
  EXPECT_EQ(reader.finish().text, "");
}

TEST(RefusalTest, IsTheSentenceHoweverPunctuated) {
  for (const char* refusal :
       {"Not in the documents.", "Not in the documents", "not in the documents.\n"}) {
    EXPECT_TRUE(is_refusal(refusal)) << refusal;
  }
  for (const char* other : {"", "Not in the documents of 2021.", "In the documents", "Nein"}) {
    EXPECT_FALSE(is_refusal(other)) << other;
  }
}

// --- finding

TEST(QuoteFinderTest, RangesSliceBackToTheQuote) {
  const PromptDocument document = make_document(5, kLease);
  const QuoteFinder finder({&document, 1});
  for (const char* quote :
       {"The rent is 4,200 euros a month.", "the first working day",
        "  It is due on the first\n\nworking day ", "Notice must be given \"in writing\"",
        "\"Lease of the harbour shed\"", "'six weeks ahead.'.", "4,200 euros a month",
        "given \xE2\x80\x9Cin writing\xE2\x80\x9D six..."}) {
    const auto found = finder.find(quote);
    ASSERT_EQ(found.size(), 1U) << quote;
    EXPECT_TRUE(found[0].verified);
    EXPECT_EQ(found[0].document, 5);
    EXPECT_EQ(found[0].quote, slice_chars(kLease, found[0].start_char, found[0].end_char));
  }
}

TEST(QuoteFinderTest, WhatIsNotThereIsNotFound) {
  const PromptDocument document = make_document(5, kLease);
  const QuoteFinder finder({&document, 1});
  for (const char* quote : {"The rent is 4,300 euros a month.", "the RENT is", "rent is 4,200 euro",
                            "200 euros a mon", "it", "", ".", "\"\"", "eeks ahead"}) {
    EXPECT_TRUE(finder.find(quote).empty()) << quote;
  }
}

TEST(QuoteFinderTest, QuotesMayCrossPassagesThatTouchAndNoOthers) {
  const std::string text = "One two three. Four five six. Seven eight nine.";
  const PromptDocument touching = make_document(1, text, {{0, 15}, {15, 30}});
  EXPECT_EQ(QuoteFinder({&touching, 1}).find("three. Four").size(), 1U);
  EXPECT_EQ(QuoteFinder({&touching, 1}).find("three. Four")[0].start_char, 8);
  const PromptDocument apart = make_document(1, text, {{0, 15}, {30, 47}});
  EXPECT_TRUE(QuoteFinder({&apart, 1}).find("three. Seven").empty());
  const auto later = QuoteFinder({&apart, 1}).find("Seven eight");
  ASSERT_EQ(later.size(), 1U);
  EXPECT_EQ(slice_chars(text, later[0].start_char, later[0].end_char), "Seven eight");
}

// Any stretch of any text, its blanks changed and its quotation marks made plain, is found where it
// was taken from (or at an equal place).
TEST(QuoteFinderTest, RandomQuotesAreFoundAfterTheirBlanksChanged) {
  const uint32_t seed = 20211;
  std::mt19937 random(seed);
  const auto below = [&](size_t n) { return static_cast<size_t>(random() % n); };
  const std::vector<std::string> words = {"net",
                                          "12.50",
                                          "\xC3\xA9t\xC3\xA9",
                                          "\xE2\x80\x94",
                                          "(VAT)",
                                          "a",
                                          "\xE4\xBE\xA1\xE6\xA0\xBC",
                                          "Ltd.",
                                          "\xF0\x9F\x98\x80",
                                          "due"};
  const std::vector<std::string> blanks = {" ", "\n", "  ", "\xC2\xA0", "\t "};
  for (int round = 0; round < test::sample_size(200, 20'000); ++round) {
    std::vector<std::string> chosen;
    for (size_t i = 0; i < 40; ++i) chosen.push_back(words[below(words.size())]);
    std::string text;
    for (const auto& word : chosen) text += word + blanks[below(blanks.size())];
    const PromptDocument document = make_document(9, text);
    const QuoteFinder finder({&document, 1});
    const size_t first = below(30);
    std::string quote;
    for (size_t i = first; i < first + 6; ++i) quote += chosen[i] + blanks[below(blanks.size())];
    const auto found = finder.find(quote);
    ASSERT_FALSE(found.empty()) << "seed " << seed << " round " << round << ": " << quote;
    for (const auto& citation : found) {
      EXPECT_EQ(citation.quote, slice_chars(text, citation.start_char, citation.end_char));
    }
  }
}

TEST(QuoteFinderTest, OfSeveralPlacesTheLabelledThenTheBestSupportedIsCited) {
  const std::vector<PromptDocument> documents = {
      make_document(1, "Payment within 30 days. Customer A."),
      make_document(2, "Payment within 30 days. Customer B."),
      make_document(3, "Payment within 30 days. Customer C.")};
  const QuoteFinder finder(documents);
  const std::vector<Evidence> labelled = {{.quote = "Payment within 30 days.", .label = 3}};
  EXPECT_EQ(finder.cite(labelled).at(0).document, 3);
  const std::vector<Evidence> supported = {{.quote = "Payment within 30 days.", .label = {}},
                                           {.quote = "Customer B.", .label = {}}};
  ASSERT_EQ(finder.cite(supported).size(), 2U);
  EXPECT_EQ(finder.cite(supported)[0].document, 2);
  const std::vector<Evidence> alone = {{.quote = "Payment within 30 days.", .label = {}}};
  EXPECT_EQ(finder.cite(alone).at(0).document, 1);
  const std::vector<Evidence> lying = {{.quote = "Customer B.", .label = 3}};
  EXPECT_EQ(finder.cite(lying).at(0).document, 2);
}

TEST(QuoteFinderTest, RepeatedAndInventedEvidenceIsNotCited) {
  const PromptDocument document = make_document(5, kLease);
  const std::vector<Evidence> evidence = {{.quote = "due on the first", .label = {}},
                                          {.quote = "due on  the first.", .label = {}},
                                          {.quote = "the moon is cheese", .label = 5}};
  EXPECT_EQ(QuoteFinder({&document, 1}).cite(evidence).size(), 1U);
}

TEST(QuoteFinderTest, DerivesOnlyFromAnAnswerThatStandsInOnePlace) {
  const PromptDocument document = make_document(5, kLease);
  const QuoteFinder finder({&document, 1});
  const auto derived = finder.derive("4,200 euros");
  ASSERT_TRUE(derived);
  EXPECT_EQ(derived->quote, "The rent is 4,200 euros a month.");
  EXPECT_TRUE(derived->derived);
  EXPECT_TRUE(derived->verified);
  EXPECT_FALSE(finder.derive("the"));          // twice
  EXPECT_FALSE(finder.derive("4,300 euros"));  // nowhere
  EXPECT_FALSE(finder.derive("is"));           // too short
}

TEST(QuoteFinderTest, NoDocumentsNoCitations) {
  const QuoteFinder finder({});
  EXPECT_TRUE(finder.find("anything").empty());
  EXPECT_FALSE(finder.derive("anything"));
}

}  // namespace
}  // namespace widenet::answer
