// How the numbers of a column are written: "3142,13", "1.234,56", "$1,234.50", "12 %".
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace widenet::library {

struct NumberStyle {
  char point = '.';
  std::string mark{};  // before or behind every number: "$", "EUR", "%"; empty: none
};

// Calls back with each non-empty cell of a column, until that returns false.
using EachCell = std::function<void(const std::function<bool(std::string_view cell)>&)>;

// The one style that all cells are written in; nothing if there is none, or if nobody can tell
// ("1,234" alone may be either), or if some are codes ("007").
std::optional<NumberStyle> find_number_style(const EachCell& each);

// "1234.56", of a cell in this style.
std::string plain_number(std::string_view cell, const NumberStyle& style);

}  // namespace widenet::library
