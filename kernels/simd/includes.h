// What the SIMD backends include, before they switch their instruction set on.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "kernels/backend.h"
#include "kernels/number_formats.h"
#include "kernels/simd/backends.h"
#include "kernels/thread_pool.h"

namespace widenet::kernels {

// Memory of one call, 64-byte aligned, not initialised.  Nothing of std: were a vector's code first
// instantiated in a SIMD file, the linker might run it on processors that lack the instructions.
class Scratch {
 public:
  explicit Scratch(int64_t n_bytes)
      : memory_(std::aligned_alloc(64, static_cast<size_t>((n_bytes + 127) / 64 * 64))) {
    WN_CHECK(memory_ != nullptr);
  }
  ~Scratch() { std::free(memory_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  float* floats() const { return static_cast<float*>(memory_); }
  uint16_t* words() const { return static_cast<uint16_t*>(memory_); }
  template <typename T>
  T* as() const {
    return static_cast<T*>(memory_);
  }
  template <typename T>
  const T** pointers() const {
    return static_cast<const T**>(memory_);
  }

 private:
  void* memory_;
};

}  // namespace widenet::kernels
