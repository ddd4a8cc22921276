// Decoding of foreign charsets, and what makes text canonical.
#include "ingest/text.h"

#include <gtest/gtest.h>

#include <string>

#include "base/utf8.h"

namespace widenet::ingest {
namespace {

TEST(DecodeTextTest, ByteOrderMarksDecide) {
  EXPECT_EQ(decode_text("\xEF\xBB\xBFgr\xC3\xBC").text, "gr\xC3\xBC");
  EXPECT_EQ(decode_text(std::string_view("\xFF\xFEg\0\xFC\0", 6)).text, "g\xC3\xBC");
  EXPECT_EQ(decode_text(std::string_view("\xFE\xFF\0g\0\xFC", 6)).text, "g\xC3\xBC");
  EXPECT_EQ(decode_text(std::string_view("\xFF\xFE\0\0g\0\0\0", 8)).text, "g");
}

TEST(DecodeTextTest, Utf16WithoutMarkIsSeenByItsZeros) {
  const std::string_view bytes("H\0e\0l\0l\0o\0 \0y\0o\0u\0", 18);
  const DecodedText decoded = decode_text(bytes);
  EXPECT_EQ(decoded.text, "Hello you");
  EXPECT_TRUE(decoded.guessed);
}

TEST(DecodeTextTest, DeclaredCharsetIsUsedWhenBytesAreNotUtf8) {
  EXPECT_EQ(decode_text("\xCF\xF0\xE8", "windows-1251").text, "При");
  EXPECT_EQ(decode_text("\xC3\xBC", "windows-1251").text, "ü");  // UTF-8 after all
  EXPECT_EQ(decode_text("caf\xE9", "no-such-charset").text, "café");
}

TEST(DecodeTextTest, CutUtf8StaysUtf8) {
  const DecodedText decoded = decode_text("Müller und Söhne, gegründet 1890, \xE2\x82");
  EXPECT_EQ(decoded.charset, "UTF-8");
  EXPECT_TRUE(decoded.text.starts_with("Müller und Söhne"));
}

TEST(DecodeTextTest, AnyBytesGiveValidUtf8) {
  uint32_t state = 7;
  for (int round = 0; round < 300; ++round) {
    std::string bytes;
    for (int i = 0; i < round; ++i) {
      state = state * 1664525 + 1013904223;
      bytes += static_cast<char>(state >> 24);
    }
    EXPECT_TRUE(is_valid_utf8(decode_text(bytes).text)) << "round " << round;
  }
}

TEST(CanonicalTextTest, NewlinesBlanksAndControls) {
  EXPECT_EQ(canonical_text("a\r\nb\rc\n\n\n\n d \t\n"), "a\nb\nc\n\n d");
  EXPECT_EQ(canonical_text("\n\n  a"), "a");
  EXPECT_EQ(canonical_text(std::string_view("a\0b\x07\x7F", 5)), "ab");
  EXPECT_EQ(canonical_text("a\xC2\x85"
                           "b\xE2\x80\xA8"
                           "c\fd"),
            "a\nb\nc\nd");
  EXPECT_EQ(canonical_text("\xEF\xBB\xBF"
                           "a\xEF\xBF\xBF"),
            "a");
  EXPECT_EQ(canonical_text(" \n\t "), "");
}

TEST(CanonicalTextTest, IsIdempotent) {
  uint32_t state = 11;
  for (int round = 0; round < 500; ++round) {
    std::string text;
    for (int i = 0; i < 40; ++i) {
      state = state * 1664525 + 1013904223;
      constexpr char32_t kOdd[] = {'a', ' ', '\t', '\n', '\r', 0, 0x85, 0x2028, 0xFEFF, 0x1F600};
      append_utf8(text, kOdd[(state >> 16) % std::size(kOdd)]);
    }
    const std::string once = canonical_text(text);
    EXPECT_EQ(canonical_text(once), once) << "round " << round;
    EXPECT_TRUE(is_canonical(once));
  }
}

TEST(TextBuilderTest, RangesNameWhatWasAdded) {
  TextBuilder builder;
  builder.add("Grüße");
  builder.end_paragraph();
  const CharRange range = builder.add("  zwei \n");
  builder.end_paragraph();
  EXPECT_EQ(builder.text(), "Grüße\n\n  zwei");
  EXPECT_EQ(slice_chars(builder.text(), range.start_char, range.end_char), "zwei");
  const CharRange nothing = builder.add(" \n ");
  EXPECT_EQ(nothing.start_char, nothing.end_char);
}

TEST(OneLineTest, IsShortAndClean) {
  EXPECT_EQ(one_line(" a \n\n b\x01 "), "a b");
  EXPECT_EQ(count_chars(one_line(std::string(5000, 'x'))), 300);
}

TEST(FileNameTest, StemAndExtension) {
  EXPECT_EQ(extension_of("../a.b/REPORT.PdF"), "pdf");
  EXPECT_EQ(stem_of("../a.b/REPORT.PdF"), "REPORT");
  EXPECT_EQ(extension_of(".hidden"), "");
  EXPECT_EQ(extension_of("a.b/c"), "");
}

}  // namespace
}  // namespace widenet::ingest
