// JSON read with its order and numbers kept, and written as Python writes it.
#include "engine/json_value.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <utility>

namespace widenet::engine {
namespace {

using Json = nlohmann::json;

// Python's repr(float): the shortest digits that read back as the same number, as a decimal
// fraction for exponents from -4 to 15.
std::string python_float(double value) {
  char buffer[32];
  const auto end =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr;
  std::string text(buffer, end);  // [-]d[.ddd]e(+|-)dd, the exponent in two digits or more
  const size_t e = text.find('e');
  const int exponent = std::atoi(text.c_str() + e + 1);
  if (exponent < -4 || exponent >= 16) return text;

  std::string digits = text.substr(0, e);
  const std::string sign = digits[0] == '-' ? "-" : "";
  std::erase_if(digits, [](char c) { return c == '-' || c == '.'; });
  if (exponent < 0)
    return sign + "0." + std::string(static_cast<size_t>(-exponent - 1), '0') + digits;
  const auto n_whole = static_cast<size_t>(exponent) + 1;
  if (digits.size() < n_whole + 1) digits.resize(n_whole + 1, '0');
  return sign + digits.substr(0, n_whole) + "." + digits.substr(n_whole);
}

}  // namespace

// Receives the parser's events.
class JsonValue::Builder final : public nlohmann::json_sax<Json> {
 public:
  JsonValue take() { return std::move(root_); }

  bool null() override { return scalar("null"); }
  bool boolean(bool value) override { return scalar(value ? "true" : "false"); }
  bool number_integer(int64_t value) override { return scalar(std::to_string(value)); }
  bool number_unsigned(uint64_t value) override { return scalar(std::to_string(value)); }
  bool number_float(double value, const std::string& written) override {
    const bool is_integer = written.find_first_of(".eE") == std::string::npos;
    return scalar(is_integer ? written : python_float(value));
  }
  bool string(std::string& text) override {
    JsonValue value;
    value.kind_ = Kind::string;
    value.scalar_ = std::move(text);
    return add(std::move(value));
  }
  bool binary(Json::binary_t&) override { return false; }
  bool start_object(size_t) override { return open(Kind::object); }
  bool start_array(size_t) override { return open(Kind::array); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(std::string& name) override {
    open_.back().key = std::move(name);
    return true;
  }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception&) override {
    return false;
  }

 private:
  struct Open {
    JsonValue value;
    std::string key;                               // of the member to come
    std::unordered_map<std::string, size_t> seen;  // name -> index
  };

  bool open(Kind kind) {
    if (open_.size() >= static_cast<size_t>(kDepthMax)) return false;
    open_.emplace_back().value.kind_ = kind;
    return true;
  }

  bool close() {
    JsonValue value = std::move(open_.back().value);
    open_.pop_back();
    return add(std::move(value));
  }

  bool scalar(std::string text) {
    JsonValue value;
    value.scalar_ = std::move(text);
    return add(std::move(value));
  }

  bool add(JsonValue value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return true;
    }
    Open& parent = open_.back();
    auto& items = parent.value.items_;
    if (parent.value.kind_ == Kind::object) {
      const auto [at, is_new] = parent.seen.emplace(parent.key, items.size());
      if (!is_new) {
        items[at->second] = std::move(value);
        return true;
      }
      parent.value.names_.push_back(std::move(parent.key));
    }
    items.push_back(std::move(value));
    return true;
  }

  JsonValue root_;
  std::vector<Open> open_;
};

std::optional<JsonValue> JsonValue::parse(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return {};  // to the parser it is an end
  Builder builder;
  if (!Json::sax_parse(text, &builder)) return {};
  return builder.take();
}

std::string JsonValue::dump() const {
  std::string text;
  append_to(text);
  return text;
}

void JsonValue::append_to(std::string& text) const {
  if (kind_ == Kind::string) {
    text += json_string(scalar_);
    return;
  }
  if (kind_ == Kind::other) {
    text += scalar_;
    return;
  }
  const bool is_object = kind_ == Kind::object;
  text += is_object ? '{' : '[';
  for (size_t i = 0; i < items_.size(); ++i) {
    if (i > 0) text += ", ";
    if (is_object) text += json_string(names_[i]) + ": ";
    items_[i].append_to(text);
  }
  text += is_object ? '}' : ']';
}

const JsonValue* JsonValue::find(std::string_view name) const {
  const auto at = std::find(names_.begin(), names_.end(), name);
  return at == names_.end() ? nullptr : &items_[static_cast<size_t>(at - names_.begin())];
}

std::string json_string(std::string_view text) {
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace widenet::engine
