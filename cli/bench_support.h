// What the benchmarks of the model share.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <vector>

#include "engine/tokenizer.h"

namespace widenet::cli {

inline double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Always the same ones.
inline std::vector<engine::TokenId> random_tokens(int64_t n, int64_t vocab_size) {
  std::vector<engine::TokenId> tokens;
  uint32_t state = 1;
  for (int64_t i = 0; i < n; ++i) {
    state = state * 1664525u + 1013904223u;
    tokens.push_back(static_cast<engine::TokenId>((state >> 8) % vocab_size));
  }
  return tokens;
}

}  // namespace widenet::cli
