#include "ingest/text.h"

#include <unicode/ucnv.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "base/utf8.h"
#include "ingest/charset.h"
#include "ingest/document.h"

namespace widenet::ingest {
namespace {

constexpr size_t kSniffedBytes = 64 << 10;
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

struct Mark {
  std::string_view bytes;
  const char* charset;
};
// The four-byte mark begins with the two-byte one and comes first.
constexpr Mark kMarks[] = {{"\xEF\xBB\xBF", "UTF-8"},
                           {std::string_view("\xFF\xFE\0\0", 4), "UTF-32LE"},
                           {std::string_view("\0\0\xFE\xFF", 4), "UTF-32BE"},
                           {"\xFF\xFE", "UTF-16LE"},
                           {"\xFE\xFF", "UTF-16BE"}};

// What the name mostly stands for: programs write more than the standard has, and browsers read it.
std::string superset_of(const std::string& charset) {
  constexpr std::pair<std::string_view, const char*> kSupersets[] = {{"iso-8859-1", "windows-1252"},
                                                                     {"iso-8859-9", "windows-1254"},
                                                                     {"us-ascii", "windows-1252"},
                                                                     {"gb2312", "GB18030"},
                                                                     {"gbk", "GB18030"},
                                                                     {"euc-kr", "windows-949"},
                                                                     {"tis-620", "windows-874"}};
  const std::string name = lowered(charset);
  for (const auto& [subset, superset] : kSupersets) {
    if (name == subset) return superset;
  }
  return charset;
}

// UTF-8 that a cut or a slip damaged: sequences of several bytes, and hardly an ill-formed one.
bool is_nearly_utf8(std::string_view bytes, const std::string& repaired) {
  int64_t replaced = 0;
  for (size_t at = repaired.find(kReplacement); at != std::string::npos;
       at = repaired.find(kReplacement, at + 1)) {
    ++replaced;
  }
  const int64_t wide = static_cast<int64_t>(repaired.size()) - count_chars(repaired);
  return wide > 2 * replaced && replaced * 1000 <= static_cast<int64_t>(bytes.size()) + 999;
}

bool is_line_end(char32_t c) {
  return c == '\n' || c == '\v' || c == '\f' || c == 0x85 || c == 0x2028 || c == 0x2029;
}

bool is_dropped(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0xFEFF || (c & 0xFFFE) == 0xFFFE ||
         (c >= 0xFDD0 && c <= 0xFDEF);
}

char32_t code_point(std::string_view character) {
  const auto byte = [&](size_t i) {
    return static_cast<char32_t>(static_cast<uint8_t>(character[i]));
  };
  switch (character.size()) {
    case 1:
      return byte(0);
    case 2:
      return (byte(0) & 0x1F) << 6 | (byte(1) & 0x3F);
    case 3:
      return (byte(0) & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
    default:
      return (byte(0) & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 |
             (byte(3) & 0x3F);
  }
}

size_t length_at(std::string_view text, size_t at) {
  const auto lead = static_cast<uint8_t>(text[at]);
  return lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

}  // namespace

std::optional<std::string> decoded_as(std::string_view bytes, const std::string& charset) {
  UErrorCode status = U_ZERO_ERROR;
  const std::unique_ptr<UConverter, decltype(&ucnv_close)> converter(
      ucnv_open(superset_of(charset).c_str(), &status), &ucnv_close);
  if (U_FAILURE(status)) return std::nullopt;
  const icu::UnicodeString wide(bytes.data(), static_cast<int32_t>(bytes.size()), converter.get(),
                                status);
  if (U_FAILURE(status) || wide.isBogus()) return std::nullopt;
  std::string text;
  wide.toUTF8String(text);
  return to_valid_utf8(text);  // unpaired surrogates
}

std::string declared_charset(std::string_view bytes) {
  const std::string head = lowered(bytes.substr(0, 4096));
  size_t at = head.find("charset=");
  if (at == std::string::npos && head.find("<?xml") <= 3) at = head.find("encoding=");
  if (at == std::string::npos) return {};
  const size_t start = head.find_first_not_of("\"' ", head.find('=', at) + 1);
  if (start == std::string::npos) return {};
  return head.substr(start, head.find_first_of("\"' >;/?", start) - start);
}

DecodedText decode_text(std::string_view bytes, std::string_view declared) {
  for (const Mark& mark : kMarks) {
    if (!bytes.starts_with(mark.bytes)) continue;
    const std::string_view rest = bytes.substr(mark.bytes.size());
    if (mark.charset == std::string_view("UTF-8")) return {to_valid_utf8(rest), "UTF-8"};
    if (auto text = decoded_as(rest, mark.charset)) return {*std::move(text), mark.charset};
  }
  const char* wide = wide_charset_of(bytes);
  const bool is_iso2022 = wide == nullptr && looks_like_iso2022(bytes);
  if (wide == nullptr && !is_iso2022 && is_valid_utf8(bytes)) return {std::string(bytes), "UTF-8"};
  if (wide == nullptr && !declared.empty()) {
    const std::string charset(declared);
    if (auto text = decoded_as(bytes, charset)) return {*std::move(text), charset};
  }
  std::string repaired = to_valid_utf8(bytes);
  if (wide == nullptr && !is_iso2022 && is_nearly_utf8(bytes, repaired)) {
    return {std::move(repaired), "UTF-8", true};
  }
  const std::string charset = wide != nullptr ? wide : likely_charset(bytes);
  if (auto text = decoded_as(bytes, charset)) return {*std::move(text), charset, true};
  return {std::move(repaired), "UTF-8", true};
}

bool looks_binary(std::string_view text) {
  const std::string_view sample = text.substr(0, kSniffedBytes);
  const auto controls = std::count_if(sample.begin(), sample.end(), [](char c) {
    return static_cast<uint8_t>(c) < 0x20 && c != '\n' && c != '\r' && c != '\t' && c != '\f';
  });
  return controls * 50 > static_cast<int64_t>(sample.size());
}

void TextBuilder::add_visible(std::string_view character) {
  if (text_.empty()) {
    newlines_ = 0;
    blanks_.clear();
  }
  text_.append(static_cast<size_t>(newlines_), '\n');
  text_ += blanks_;
  text_ += character;
  n_chars_ += newlines_ + static_cast<int64_t>(blanks_.size()) + 1;
  newlines_ = 0;
  blanks_.clear();
}

CharRange TextBuilder::add(std::string_view text) {
  int64_t start_char = -1;
  for (size_t at = 0; at < text.size();) {
    const std::string_view character = text.substr(at, length_at(text, at));
    at += character.size();
    char32_t c = code_point(character);
    if (c == '\r') {
      if (at < text.size() && text[at] == '\n') continue;
      c = '\n';
    }
    if (is_line_end(c)) {
      newlines_ = std::min(newlines_ + 1, 2);
      blanks_.clear();
    } else if (c == ' ' || c == '\t') {
      blanks_ += static_cast<char>(c);
    } else if (!is_dropped(c)) {
      add_visible(character);
      if (start_char < 0) start_char = n_chars_ - 1;
    }
  }
  return start_char < 0 ? CharRange{n_chars_, n_chars_} : CharRange{start_char, n_chars_};
}

std::string canonical_text(std::string_view text) {
  TextBuilder builder;
  builder.add(text);
  return builder.take();
}

bool is_canonical(std::string_view text) {
  return is_valid_utf8(text) && canonical_text(text) == text;
}

std::string one_line(std::string_view text) {
  std::string line;
  for (const char c : canonical_text(text)) {
    const bool blank = c == ' ' || c == '\t' || c == '\n';
    if (!blank) line += c;
    if (blank && !line.empty() && line.back() != ' ') line += ' ';
  }
  return std::string(trimmed(slice_chars(line, 0, kTitleCharsMax)));
}

std::string flattened(std::string_view text) {
  std::string line;
  for (const char c : text) {
    if (c != '\n') line += c;
    if (c == '\n' && !line.empty() && line.back() != ' ') line += ' ';
  }
  return line;
}

std::string row_line(const std::vector<std::string>& cells) {
  std::string line;
  for (const std::string& cell : cells) {
    if (&cell != cells.data()) line += " | ";
    line += cell;
  }
  return line.find_first_not_of(" |") == std::string::npos ? std::string() : line;
}

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

std::string lowered(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

std::string_view stem_of(std::string_view name) {
  const size_t slash = name.rfind('/');
  if (slash != std::string_view::npos) name.remove_prefix(slash + 1);
  const size_t dot = name.rfind('.');
  return dot == std::string_view::npos || dot == 0 ? name : name.substr(0, dot);
}

std::string extension_of(std::string_view name) {
  const size_t slash = name.rfind('/');
  if (slash != std::string_view::npos) name.remove_prefix(slash + 1);
  const size_t dot = name.rfind('.');
  return dot == std::string_view::npos || dot == 0 ? "" : lowered(name.substr(dot + 1));
}

}  // namespace widenet::ingest
