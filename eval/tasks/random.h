// A small generator whose numbers are the same on every machine (SplitMix64, Steele et al. 2014).
#pragma once

#include <cstdint>

#include "base/check.h"

namespace widenet::eval {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t next() {
    uint64_t z = state_ += 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }

  // In [0, n).  The bias of the remainder is below n / 2^64.
  int64_t below(int64_t n) {
    WN_CHECK(n > 0);
    return static_cast<int64_t>(next() % static_cast<uint64_t>(n));
  }

  template <typename List>
  const auto& choose(const List& list) {
    return list[static_cast<size_t>(below(static_cast<int64_t>(list.size())))];
  }

 private:
  uint64_t state_;
};

}  // namespace widenet::eval
