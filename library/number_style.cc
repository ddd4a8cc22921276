#include "library/number_style.h"

#include <algorithm>

namespace widenet::library {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kNoBreakSpace = "\u00A0";
  while (true) {
    if (text.starts_with(' ')) {
      text.remove_prefix(1);
    } else if (text.ends_with(' ')) {
      text.remove_suffix(1);
    } else if (text.starts_with(kNoBreakSpace)) {
      text.remove_prefix(kNoBreakSpace.size());
    } else if (text.ends_with(kNoBreakSpace)) {
      text.remove_suffix(kNoBreakSpace.size());
    } else {
      return text;
    }
  }
}

// A sign of money or of percent; or a currency's three letters, apart from the digits: "INV-7" and
// "EUR7" are codes.
bool is_mark(std::string_view mark, bool is_apart) {
  if (mark.empty() || mark == "%" || mark == "$" || mark == "€" || mark == "£" || mark == "¥") {
    return true;
  }
  return is_apart && mark.size() == 3 &&
         std::ranges::all_of(mark, [](char c) { return c >= 'A' && c <= 'Z'; });
}

struct Parts {
  bool is_negative = false;
  std::string_view mark;
  std::string_view digits;  // with points and commas
};

// "-$1,234.50", "EUR 7" and "1.234,50 €" in parts; nothing if there is more.
std::optional<Parts> parts_of(std::string_view cell) {
  const size_t first = cell.find_first_of("0123456789");
  if (first == std::string_view::npos) return {};
  const size_t end = cell.find_last_of("0123456789") + 1;
  Parts parts{.is_negative = false, .mark = {}, .digits = cell.substr(first, end - first)};
  if (parts.digits.find_first_not_of("0123456789.,") != std::string_view::npos) return {};
  std::string_view before = cell.substr(0, first), behind = cell.substr(end);
  if (before.starts_with('-')) {
    parts.is_negative = true;
    before.remove_prefix(1);
  }
  const std::string_view front = trimmed(before), back = trimmed(behind);
  if (!front.empty() && !back.empty()) return {};
  parts.mark = front.empty() ? back : front;
  const bool is_apart = front.empty() ? back != behind : front != before;
  if (!is_mark(parts.mark, is_apart)) return {};
  return parts;
}

// Groups of three before the point, and no nought before other digits.
bool is_written_with(char point, std::string_view digits) {
  const char separator = point == '.' ? ',' : '.';
  const size_t end = digits.find(point);
  const std::string_view whole = digits.substr(0, end);
  if (end != std::string_view::npos &&
      digits.find_first_of(".,", end + 1) != std::string_view::npos) {
    return false;
  }
  if (whole.empty() || (whole.size() > 1 && whole[0] == '0')) return false;
  const size_t first_group = whole.find(separator);
  if (first_group == std::string_view::npos) return true;
  if (first_group == 0 || first_group > 3) return false;
  for (size_t i = first_group; i < whole.size(); i += 4) {
    if (whole[i] != separator || whole.size() - i < 4) return false;
    for (size_t k = i + 1; k < i + 4; ++k) {
      if (!is_digit(whole[k])) return false;
    }
  }
  return true;
}

}  // namespace

std::optional<NumberStyle> find_number_style(const EachCell& each) {
  bool is_any = false, may_be_point = true, may_be_comma = true, is_one_mark = true;
  std::string mark;
  each([&](std::string_view cell) {
    const auto parts = parts_of(cell);
    if (!parts) return is_one_mark = false;
    if (!is_any) mark = parts->mark;
    is_any = true;
    is_one_mark = parts->mark == mark;
    may_be_point = may_be_point && is_written_with('.', parts->digits);
    may_be_comma = may_be_comma && is_written_with(',', parts->digits);
    return is_one_mark && (may_be_point || may_be_comma);
  });
  if (!is_any || !is_one_mark || may_be_point == may_be_comma) {
    // Whole numbers of up to three digits, with a mark, read the same either way.
    bool is_whole = is_any && is_one_mark && may_be_point && !mark.empty();
    if (is_whole) {
      each([&](std::string_view cell) {
        return is_whole = cell.find_first_of(".,") == std::string_view::npos;
      });
    }
    if (!is_whole) return {};
  }
  return NumberStyle{.point = may_be_point ? '.' : ',', .mark = mark};
}

std::string plain_number(std::string_view cell, const NumberStyle& style) {
  const auto parts = parts_of(cell);
  if (!parts) return std::string(cell);
  std::string number = parts->is_negative ? "-" : "";
  for (const char c : parts->digits) {
    if (is_digit(c)) number += c;
    if (c == style.point) number += '.';
  }
  return number;
}

}  // namespace widenet::library
