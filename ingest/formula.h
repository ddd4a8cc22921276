// Sums, differences, products and quotients of columns: what a line of an order is worth.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace widenet::ingest {

// The number in a column; nothing if there is none.
using ColumnValue = std::function<std::optional<double>(const std::string& column)>;

// "UnitPrice * Quantity * (1 - Discount)": names of columns (in double quotes where they have
// blanks), numbers, + - * / and parentheses.  Immutable.
class Formula {
 public:
  // Or what is wrong with it.
  static Result<Formula> parse(std::string_view text);

  // Nothing if a column has no number, or a divisor is nought.
  std::optional<double> value(const ColumnValue& column) const;

  struct Node;

 private:
  explicit Formula(std::shared_ptr<const Node> root) : root_(std::move(root)) {}

  std::shared_ptr<const Node> root_;
};

}  // namespace widenet::ingest
