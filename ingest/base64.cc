#include "ingest/base64.h"

#include <array>
#include <cstdint>

namespace widenet::ingest {
namespace {

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<int8_t, 256> make_values() {
  std::array<int8_t, 256> values{};
  values.fill(-1);
  for (size_t i = 0; i < kDigits.size(); ++i) {
    values[static_cast<uint8_t>(kDigits[i])] = static_cast<int8_t>(i);
  }
  return values;
}

}  // namespace

std::string to_base64(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    for (size_t k = i; k < i + 3; ++k) {
      group = group << 8 | (k < bytes.size() ? static_cast<uint8_t>(bytes[k]) : 0U);
    }
    for (size_t k = 0; k < 4; ++k) {
      text += i + k > bytes.size() ? '=' : kDigits[group >> (18 - 6 * k) & 63];
    }
  }
  return text;
}

std::optional<std::string> from_base64(std::string_view text) {
  static constexpr std::array<int8_t, 256> kValues = make_values();
  if (text.size() % 4 != 0) return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (size_t i = 0; i < text.size(); i += 4) {
    std::string_view group = text.substr(i, 4);
    size_t n_digits = 4;
    while (i + 4 == text.size() && n_digits > 2 && group[n_digits - 1] == '=') --n_digits;
    uint32_t value = 0;
    for (size_t k = 0; k < 4; ++k) {
      const int8_t digit = k < n_digits ? kValues[static_cast<uint8_t>(group[k])] : int8_t{0};
      if (digit < 0) return std::nullopt;
      value = value << 6 | static_cast<uint32_t>(digit);
    }
    for (size_t k = 0; k + 1 < n_digits; ++k) bytes += static_cast<char>(value >> (16 - 8 * k));
  }
  return bytes;
}

}  // namespace widenet::ingest
