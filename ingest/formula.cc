#include "ingest/formula.h"

#include <cmath>
#include <utility>

#include "ingest/text.h"

namespace widenet::ingest {

struct Formula::Node {
  char operation = 0;  // one of + - * /; 0: a column or a number
  std::string column;  // empty: a number
  double number = 0;
  std::shared_ptr<const Node> left, right;
};

namespace {

using Node = Formula::Node;
using NodePointer = std::shared_ptr<const Node>;

constexpr int kDepthMax = 50;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool begins_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

// Sums of products of factors, each level left to right.  Null: problem() says why.
class FormulaParser {
 public:
  explicit FormulaParser(std::string_view text) : text_(text) {}

  NodePointer parse() {
    NodePointer node = sum();
    if (node != nullptr && next() != 0) return fail("it goes on where it should end");
    return node;
  }
  const std::string& problem() const { return problem_; }

 private:
  NodePointer fail(const char* problem) {
    if (problem_.empty()) problem_ = problem;
    return nullptr;
  }

  char next() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }

  NodePointer sum() {
    if (++depth_ > kDepthMax) return fail("it is nested too deeply");
    NodePointer left = product();
    while (left != nullptr && (next() == '+' || next() == '-')) {
      const char operation = text_[at_++];
      left = combined(operation, left, product());
    }
    --depth_;
    return left;
  }

  NodePointer product() {
    NodePointer left = factor();
    while (left != nullptr && (next() == '*' || next() == '/')) {
      const char operation = text_[at_++];
      left = combined(operation, left, factor());
    }
    return left;
  }

  static NodePointer combined(char operation, NodePointer left, NodePointer right) {
    if (right == nullptr) return nullptr;
    return std::make_shared<Node>(Node{.operation = operation,
                                       .column = {},
                                       .number = 0,
                                       .left = std::move(left),
                                       .right = std::move(right)});
  }

  NodePointer factor() {
    const char c = next();
    if (c == '(') {
      ++at_;
      NodePointer inner = sum();
      if (inner == nullptr) return nullptr;
      if (next() != ')') return fail("a parenthesis is not closed");
      ++at_;
      return inner;
    }
    if (c == '"') {
      const size_t end = text_.find('"', at_ + 1);
      if (end == std::string_view::npos) return fail("a quoted name does not end");
      return column(std::exchange(at_, end + 1) + 1, end);
    }
    if (begins_name(c)) {
      const size_t start = at_;
      while (at_ < text_.size() && (begins_name(text_[at_]) || is_digit(text_[at_]))) ++at_;
      return column(start, at_);
    }
    return number();
  }

  NodePointer column(size_t start, size_t end) const {
    Node node;
    node.column = text_.substr(start, end - start);
    return std::make_shared<Node>(std::move(node));
  }

  NodePointer number() {
    const size_t start = at_;
    while (at_ < text_.size() && (is_digit(text_[at_]) || text_[at_] == '.')) ++at_;
    const auto value = number_from<double>(text_.substr(start, at_ - start));
    if (!value) return fail("a column, a number or a parenthesis is missing");
    Node node;
    node.number = *value;
    return std::make_shared<Node>(std::move(node));
  }

  std::string_view text_;
  size_t at_ = 0;
  int depth_ = 0;
  std::string problem_;
};

std::optional<double> value_of(const Node& node, const ColumnValue& column) {
  if (node.operation == 0) {
    return node.column.empty() ? std::optional(node.number) : column(node.column);
  }
  const auto left = value_of(*node.left, column), right = value_of(*node.right, column);
  if (!left || !right) return {};
  switch (node.operation) {
    case '+':
      return *left + *right;
    case '-':
      return *left - *right;
    case '*':
      return *left * *right;
    default:
      return *right == 0 ? std::nullopt : std::optional(*left / *right);
  }
}

}  // namespace

Result<Formula> Formula::parse(std::string_view text) {
  FormulaParser parser(text);
  NodePointer root = parser.parse();
  if (root == nullptr) return Unexpected{"the formula is wrong: " + parser.problem()};
  return Formula(std::move(root));
}

std::optional<double> Formula::value(const ColumnValue& column) const {
  const auto value = value_of(*root_, column);
  return value && std::isfinite(*value) ? value : std::nullopt;
}

}  // namespace widenet::ingest
