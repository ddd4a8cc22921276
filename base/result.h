// Result<T, E>: a value, or the reason why there is none.  std::expected's names, for C++20.
#pragma once

#include <string>
#include <utility>
#include <variant>

#include "base/check.h"

namespace widenet {

// Wraps the reason, so that Result<std::string, std::string> is not ambiguous.
template <typename E>
struct Unexpected {
  E error;
};
template <typename E>
Unexpected(E) -> Unexpected<E>;
Unexpected(const char*)->Unexpected<std::string>;

// For an answer that may be "no" with a reason (malformed input, a refused request).  Failures of
// the machine are exceptions, bugs are WN_CHECKs.  Reading the value of a failed Result aborts.
template <typename T, typename E = std::string>
class [[nodiscard]] Result {
 public:
  Result(T value)
      : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Result(Unexpected<E> reason)                               // NOLINT(google-explicit-constructor)
      : state_(std::in_place_index<1>, std::move(reason.error)) {}

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(value()); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const E& error() const {
    WN_CHECK(!has_value());
    return std::get<1>(state_);
  }

 private:
  T& value() {
    WN_CHECK(has_value());
    return std::get<0>(state_);
  }
  const T& value() const {
    WN_CHECK(has_value());
    return std::get<0>(state_);
  }

  std::variant<T, E> state_;
};

}  // namespace widenet
