// UTF-8 validity, repair and character arithmetic.
#include "base/utf8.h"

#include <gtest/gtest.h>

namespace widenet {
namespace {

TEST(Utf8Test, RefusesOverlongSurrogateTruncatedAndOutOfRange) {
  for (const char* good :
       {"", "plain", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_TRUE(is_valid_utf8(good)) << good;
  }
  for (const char* bad : {"\x80", "\xC0\xAF", "\xE0\x80\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80",
                          "\xF8\x88\x80\x80\x80", "\xE2\x82", "\xFF"}) {
    EXPECT_FALSE(is_valid_utf8(bad));
    EXPECT_TRUE(is_valid_utf8(to_valid_utf8(bad)));
  }
}

TEST(Utf8Test, RepairReplacesEachMaximalSubpartOnce) {
  EXPECT_EQ(to_valid_utf8("a\xE2\x82z"), "a\xEF\xBF\xBDz");
  EXPECT_EQ(to_valid_utf8("\xED\xA0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST(Utf8Test, SlicesCountCharacters) {
  const std::string text = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z";  // 1, 2, 3, 4 and 1 bytes
  EXPECT_EQ(count_chars(text), 5);
  EXPECT_EQ(slice_chars(text, 1, 3), "\xC3\xA9\xE2\x82\xAC");
  EXPECT_EQ(slice_chars(text, 4, 99), "z");
  EXPECT_EQ(slice_chars(text, 5, 9), "");
  EXPECT_EQ(slice_chars(text, 3, 2), "");
  EXPECT_EQ(byte_of_char(text, 5), text.size());
}

TEST(Utf8Test, AppendedCodePointsAreValidAndCountOne) {
  for (const char32_t c : {U'\x7F', U'\x80', U'\x7FF', U'\x800', U'\xFFFF', U'\x10000', U'\x10FFFF',
                           static_cast<char32_t>(0xD800), static_cast<char32_t>(0x110000)}) {
    std::string text;
    append_utf8(text, c);
    EXPECT_TRUE(is_valid_utf8(text));
    EXPECT_EQ(count_chars(text), 1);
  }
}

}  // namespace
}  // namespace widenet
