#include "engine/text_splitter.h"

#include <gtest/gtest.h>

#include <random>

#include "base/utf8.h"
#include "tests/support/sample_size.h"
#include "tests/support/tiny_tokenizer.h"

namespace widenet::engine {
namespace {

using Pieces = std::vector<std::string>;

std::vector<TextSplitter::Pattern> patterns(const std::vector<std::string>& texts) {
  std::vector<TextSplitter::Pattern> all;
  for (const std::string& text : texts) all.push_back({text, false});
  return all;
}

Pieces split(const TextSplitter& splitter, std::string_view text) {
  Pieces pieces;
  splitter.split(text, [&](std::string_view piece) { pieces.emplace_back(piece); });
  return pieces;
}

const TextSplitter& by_hand() {
  static const TextSplitter splitter(patterns(test::deepseek_patterns()));
  return splitter;
}

const TextSplitter& by_icu() {
  static const TextSplitter splitter(patterns(test::deepseek_patterns()), TextSplitter::Path::icu);
  return splitter;
}

TEST(TextSplitterTest, DeepseeksPatternsAreRecognisedHoweverLineEndsAreWritten) {
  EXPECT_TRUE(by_hand().is_written_by_hand());
  EXPECT_FALSE(by_icu().is_written_by_hand());
  std::vector<std::string> escaped = test::deepseek_patterns();
  for (std::string& pattern : escaped) {
    for (size_t at; (at = pattern.find('\r')) != std::string::npos;) pattern.replace(at, 1, "\\r");
    for (size_t at; (at = pattern.find('\n')) != std::string::npos;) pattern.replace(at, 1, "\\n");
  }
  EXPECT_TRUE(TextSplitter(patterns(escaped)).is_written_by_hand());
  escaped[2] += "|x";
  EXPECT_FALSE(TextSplitter(patterns(escaped)).is_written_by_hand());
}

TEST(TextSplitterTest, CutsWherePatternsSay) {
  const std::vector<Pieces> cases = {
      {"Hello", " world", "!"},
      {"It", "'s", " ", "123", "4", " items", ".\n\n", "  ", " x"},
      {"a", "(b", " (", "c", "))\r\n", "d"},
      {"東京タワー", "は", "x"},
      {"  \n\n", " \t", " y"},
      {"  ", "1"},
      {std::string("\0", 1), std::string("\0a", 2)},
      {"a", " ", "中", "\u00a0", "\u00a0b"},
      {"・", "俋俋", "゠・", "ナ", "x"},  // the third pattern cuts inside what the second cut out
  };
  for (const Pieces& wanted : cases) {
    std::string text;
    for (const std::string& piece : wanted) text += piece;
    EXPECT_EQ(split(by_icu(), text), split(by_hand(), text)) << text;
  }
  EXPECT_EQ(split(by_hand(), "Hello world!"), cases[0]);
  EXPECT_EQ(split(by_hand(), "a(b (c))\r\nd"), cases[2]);
  EXPECT_EQ(split(by_hand(), "  \n\n \t y"), cases[4]);
  EXPECT_EQ(split(by_hand(), "  1"), cases[5]);
  EXPECT_EQ(split(by_hand(), "・俋俋゠・ナx"), cases.back());
  EXPECT_EQ(split(by_hand(), ""), Pieces{});
}

// Characters that the patterns tell apart, and with them any assigned or unassigned ones.
char32_t random_char(std::mt19937& random) {
  static constexpr char32_t kTelling[] = {
      'a',    'Z',     ' ',     ' ',     '\n',     '\r',    '\t',   0x0b,   0x0c,   0,
      0x1f,   '1',     '9',     '!',     '\'',     '$',     '-',    '_',    '~',    0x85,
      0xa0,   0xad,    0xb2,    0xe9,    0x301,    0x660,   0x93f,  0x1680, 0x180e, 0x2003,
      0x200b, 0x2028,  0x2160,  0x3000,  0x3040,   0x3042,  0x30ff, 0x3100, 0x4e00, 0x9fa5,
      0x9fa6, 0xac00,  0xd7a4,  0xe000,  0xfeff,   0xfffd,  0xffff, 0x20ac, 0x4dff, 0x3007,
      0x30fb, 0x1f600, 0x20000, 0x1d7ce, 0x10fffe, 0x10ffff};
  const auto below = [&](uint32_t n) { return static_cast<char32_t>(random() % n); };
  switch (below(4)) {
    case 0:
      return below(0x80);
    case 1:
      return below(0x3400);
    case 2:
      return below(8) == 0 ? below(0x110000) : below(0x10000);
    default:
      return kTelling[below(static_cast<uint32_t>(std::size(kTelling)))];
  }
}

TEST(TextSplitterTest, MatcherWrittenByHandEqualsIcuOnAnyText) {
  for (uint32_t seed = 0; seed < 3000; ++seed) {
    std::mt19937 random(seed);
    std::string text;
    const auto n_chars = random() % 40;
    for (uint32_t i = 0; i < n_chars; ++i) {
      const char32_t c = random_char(random);
      for (auto copies = random() % 3 == 0 ? random() % 5 + 1 : 1; copies > 0; --copies) {
        append_utf8(text, c);
      }
    }
    ASSERT_EQ(split(by_hand(), text), split(by_icu(), text)) << "seed " << seed << ": " << text;
  }
}

TEST(TextSplitterTest, EveryCharacterIsInTheSameClassAsInIcu) {
  for (char32_t c = 0; c < 0x110000; c += c < 0x3200 ? 1 : 97) {
    std::string text = "x";
    append_utf8(text, c);
    append_utf8(text, c);
    text += " y";
    ASSERT_EQ(split(by_hand(), text), split(by_icu(), text)) << static_cast<uint32_t>(c);
  }
}

TEST(TextSplitterTest, PiecesOfAnyBytesAreTheBytes) {
  std::mt19937 random(7);
  for (int round = 0; round < test::sample_size(500, 50'000); ++round) {
    std::string bytes;
    for (auto n = random() % 60; n > 0; --n) bytes += static_cast<char>(random());
    for (const TextSplitter* splitter : {&by_hand(), &by_icu()}) {
      std::string joined;
      for (const std::string& piece : split(*splitter, bytes)) {
        EXPECT_FALSE(piece.empty());
        joined += piece;
      }
      ASSERT_EQ(joined, bytes) << "round " << round;
    }
  }
}

TEST(TextSplitterTest, OtherPatternsGoThroughIcu) {
  const TextSplitter splitter({{"b+", false}, {"a.", false}});
  EXPECT_EQ(split(splitter, "xaabbba"), (Pieces{"x", "aa", "bbb", "a"}));
  EXPECT_EQ(split(TextSplitter({{"a.c", true}}), "abca.cx"), (Pieces{"abc", "a.c", "x"}));
  EXPECT_EQ(split(TextSplitter({{"z*", false}}), "azzb"), (Pieces{"a", "zz", "b"}));
  EXPECT_EQ(split(TextSplitter({}), "whole"), Pieces{"whole"});
}

TEST(TextSplitterTest, BadOrRunawayPatternsAreModelErrors) {
  EXPECT_THROW(TextSplitter({{"(", false}}), ModelError);
  EXPECT_THROW(TextSplitter({{"\\p{Nonsense}", false}}), ModelError);
  const TextSplitter runaway({{"(?:(?:a+)+)+b", false}});
  EXPECT_THROW(split(runaway, std::string(64, 'a')), ModelError);
}

}  // namespace
}  // namespace widenet::engine
