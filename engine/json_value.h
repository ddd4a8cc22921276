// JsonValue: JSON with its order and its numbers kept, printed as Python prints it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace widenet::engine {

// Models of this family read JSON as Python's json.dumps(..., ensure_ascii=False) writes it:
// members in their order, ", " and ": " between them, 1.0 not 1, 1e-05 not 0.00001, integers of any
// length. A value is immutable after parse and may be shared between threads.
class JsonValue {
 public:
  enum class Kind { object, array, string, other };  // other: a number, true, false, null

  static constexpr int kDepthMax = 128;

  // Nothing if `text` is not one JSON value (UTF-8, no NaN, no number beyond a double's range) or
  // is nested more deeply than kDepthMax.  Of members with one name the last counts, in the first's
  // place, as in Python.
  static std::optional<JsonValue> parse(std::string_view text);

  Kind kind() const { return kind_; }

  // The characters of a string; anything else as printed.
  std::string text() const { return kind_ == Kind::string ? scalar_ : dump(); }

  // Python's json.dumps(value, ensure_ascii=False).
  std::string dump() const;

  // The values of an array, or of an object, whose names are names().
  const std::vector<JsonValue>& items() const { return items_; }
  const std::vector<std::string>& names() const { return names_; }

  // The member of an object; null if there is none, or this is not an object.
  const JsonValue* find(std::string_view name) const;

 private:
  class Builder;
  void append_to(std::string& text) const;

  Kind kind_ = Kind::other;
  std::string scalar_;
  std::vector<std::string> names_;  // of an object's items
  std::vector<JsonValue> items_;
};

// A string as JSON, quoted; ill-formed UTF-8 becomes U+FFFD.
std::string json_string(std::string_view text);

}  // namespace widenet::engine
