// How many cases a randomised test tries: a sample of fixed seed, or with $WN_TEST_ALL (which
// ./run test --all sets) the full count.
#pragma once

#include <cstdlib>

namespace widenet::test {

inline int sample_size(int sample, int all) {
  return std::getenv("WN_TEST_ALL") != nullptr ? all : sample;
}

}  // namespace widenet::test
