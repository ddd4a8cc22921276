// What encoding undeclared bytes are probably in, from what they say in each.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace widenet::ingest {

// UTF-16 or UTF-32 without a byte order mark; null if the bytes are neither.
const char* wide_charset_of(std::string_view bytes);

// Whether the bytes are ISO-2022: 7 bits, with escape sequences that change what they stand for.
bool looks_like_iso2022(std::string_view bytes);

// The most likely charset of bytes that are not UTF: ICU's name.  Each of some thirty languages in
// its usual encodings is tried, and the one in which the letters are the most usual ones wins,
// with ICU's own detector as a further witness; windows-1252 when nothing is likely.
std::string likely_charset(std::string_view bytes);

}  // namespace widenet::ingest
