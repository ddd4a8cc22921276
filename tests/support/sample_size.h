// How many cases a randomised test tries: a sample of fixed seed, or with $WN_TEST_ALL (which
// ./run test --all sets) the full count.
#pragma once

#include <cstdlib>

namespace widenet::test {

// Under a sanitizer arithmetic takes some fifteen times as long.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kIsSanitized = true;
#else
inline constexpr bool kIsSanitized = false;
#endif

inline int sample_size(int sample, int all) {
  return std::getenv("WN_TEST_ALL") != nullptr ? all : sample;
}

}  // namespace widenet::test
