// Operands for measuring: filled with plausible numbers, and as many copies as it takes to leave
// the caches.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/bench/huge_memory.h"
#include "kernels/number_formats.h"

namespace widenet::kernels::bench {

// `n_copies` copies of the same values, each at a 64-byte boundary.  Call i works on copy
// i mod n_copies, which no cache has kept if all copies together are large enough.  A copy of this
// object shares the memory.
template <typename T>
class Copies {
 public:
  Copies(const std::vector<T>& values, int64_t n_copies)
      : stride_((static_cast<int64_t>(values.size()) + kLine - 1) / kLine * kLine),
        n_copies_(n_copies),
        memory_(allocate_huge(stride_ * n_copies * static_cast<int64_t>(sizeof(T)))) {
    for (int64_t i = 0; i < n_copies; ++i) std::copy(values.begin(), values.end(), at(i));
  }

  T* at(int64_t call) const { return static_cast<T*>(memory_.get()) + call % n_copies_ * stride_; }

 private:
  static constexpr int64_t kLine = 64 / static_cast<int64_t>(sizeof(T));

  int64_t stride_;
  int64_t n_copies_;
  std::shared_ptr<void> memory_;
};

// A small generator (Numerical Recipes' constants): measuring needs no better.
class Noise {
 public:
  uint32_t next() { return state_ = state_ * 1664525u + 1013904223u; }

  // BF16 numbers in [-1, 1), as activations are.
  std::vector<float> floats(int64_t n) {
    std::vector<float> values(static_cast<size_t>(n));
    for (float& v : values) {
      v = round_to_bf16(static_cast<float>(next() >> 8) * 0x1p-23f - 1.0f);
    }
    return values;
  }

  // Bytes below `limit`.
  std::vector<uint8_t> bytes(int64_t n, uint32_t limit = 256) {
    std::vector<uint8_t> values(static_cast<size_t>(n));
    for (uint8_t& v : values) v = static_cast<uint8_t>((next() >> 16) % limit);
    return values;
  }

 private:
  uint32_t state_ = 1;
};

}  // namespace widenet::kernels::bench
