// Chunks: what they cover, where they end, and that no text breaks them.
#include "ingest/chunk.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/utf8.h"
#include "ingest/text.h"

namespace widenet::ingest {
namespace {

// A token is a word with the blank before it, like the tokenizer's; long words make several.
int64_t count_words(std::string_view text) {
  int64_t count = 0;
  size_t length = 0;
  for (const char c : text) {
    const bool starts = length == 0 || c == ' ' || c == '\n' || length >= 6;
    count += starts ? 1 : 0;
    length = starts ? 1 : length + 1;
  }
  return count;
}

std::vector<std::string> pieces(std::string_view text, const ChunkOptions& options) {
  std::vector<std::string> all;
  for (const ChunkRange& chunk : chunk_text(text, {}, count_words, options)) {
    all.emplace_back(slice_chars(text, chunk.start_char, chunk.end_char));
  }
  return all;
}

TEST(ChunkTest, EmptyTextHasNoChunks) {
  EXPECT_TRUE(chunk_text("", {}, count_words).empty());
  EXPECT_EQ(pieces("One.", {}), std::vector<std::string>{"One."});
}

TEST(ChunkTest, EndsAtSentencesNotInside) {
  const std::string text =
      "The first one is short. The second one is a little longer than that. And a third.";
  EXPECT_EQ(
      pieces(text, {.tokens_max = 16}),
      (std::vector<std::string>{"The first one is short. ",
                                "The second one is a little longer than that. ", "And a third."}));
}

TEST(ChunkTest, WrappedLinesDoNotEndSentences) {
  const std::string text =
      "This sentence was broken by a program when its line\n"
      "was full and goes on here. This is the next of them.";
  EXPECT_EQ(pieces(text, {.tokens_max = 25}),
            (std::vector<std::string>{"This sentence was broken by a program when its line\n"
                                      "was full and goes on here. ",
                                      "This is the next of them."}));
}

TEST(ChunkTest, RowsStayWhole) {
  const std::string text = "a. b. c | d. e. f\ng. h. i | j. k. l\nm | n";
  for (const std::string& piece : pieces(text, {.tokens_max = 14})) {
    EXPECT_TRUE(piece.ends_with('\n') || text.ends_with(piece)) << piece;
  }
  const std::string rows = "name: A. B; city: C. D\nname: E. F; city: G. H\n";
  EXPECT_EQ(pieces(rows, {.tokens_max = 11, .keep_lines = true}).size(), 2U);
}

TEST(ChunkTest, AHeadingGoesWithWhatFollows) {
  const std::string text =
      "One two three four five six.\n\nHeading\n\nSeven eight nine ten eleven twelve.";
  EXPECT_EQ(pieces(text, {.tokens_max = 12}),
            (std::vector<std::string>{"One two three four five six.\n\n",
                                      "Heading\n\nSeven eight nine ten eleven twelve."}));
}

TEST(ChunkTest, AnEndlessWordIsCutAtCharacters) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "ü";
  for (const std::string& piece : pieces(text, {.tokens_max = 10})) {
    EXPECT_TRUE(is_valid_utf8(piece));
    EXPECT_LE(count_words(piece), 10);
  }
}

TEST(ChunkTest, PagesAreThoseOfTheStart) {
  const std::string text = "First page here.\n\nSecond page here.";
  const std::vector<Page> pages = {{1, 0, 16, 0, 0, {}}, {2, 18, 35, 0, 0, {}}};
  const auto chunks = chunk_text(text, pages, count_words, {.tokens_max = 6});
  ASSERT_EQ(chunks.size(), 2U);
  EXPECT_EQ(chunks[0].page, 1);
  EXPECT_EQ(chunks[1].page, 2);
  EXPECT_EQ(chunk_text(text, {}, count_words)[0].page, 0);
}

TEST(ChunkTest, RandomUnicodeIsCoveredInOrderWithinTheBudget) {
  constexpr char32_t kAlphabet[] = {'a',    'b',    'Z',   '.',     '!',    ' ',  ' ',
                                    '\n',   '|',    ':',   '-',     '1',    0xFC, 0x301,
                                    0x3002, 0x6771, 0x5D0, 0x1F600, 0x200D, '"'};
  uint32_t state = 2026;
  const auto random = [&](uint32_t bound) {
    state = state * 1664525 + 1013904223;
    return (state >> 8) % bound;
  };
  for (int round = 0; round < 400; ++round) {
    std::string raw;
    const uint32_t length = random(900);
    for (uint32_t i = 0; i < length; ++i) append_utf8(raw, kAlphabet[random(std::size(kAlphabet))]);
    const std::string text = canonical_text(raw);
    const ChunkOptions options{.tokens_max = 1 + random(60), .keep_lines = random(2) == 1};
    int64_t at = 0;
    for (const ChunkRange& chunk : chunk_text(text, {}, count_words, options)) {
      ASSERT_EQ(chunk.start_char, at) << "round " << round;
      ASSERT_GT(chunk.end_char, chunk.start_char) << "round " << round;
      const std::string_view piece = slice_chars(text, chunk.start_char, chunk.end_char);
      ASSERT_TRUE(count_words(piece) <= options.tokens_max || count_chars(piece) == 1)
          << "round " << round << ": " << piece;
      at = chunk.end_char;
    }
    ASSERT_EQ(at, count_chars(text)) << "round " << round;
  }
}

}  // namespace
}  // namespace widenet::ingest
