// The loops that reach a processor's limits: nothing but multiply-adds in registers, nothing but
// loads from memory.  One set for each instruction set.
#pragma once

#include <cstdint>

namespace widenet::kernels::bench {

// A loop of `n_rounds` rounds.  The result depends on every round, so that none can be left out,
// and has no other meaning.
struct ArithmeticLoop {
  float (*run)(int64_t n_rounds);
  int64_t round_operations;  // a multiply-add is two
  const char* instruction;
};

struct RoofLoops {
  const char* name;  // of the backend whose instructions these are
  ArithmeticLoop f32_fma;
  ArithmeticLoop bf16_dot;
  ArithmeticLoop int8_dot;
  // Reads n_bytes (a multiple of kReadUnit) at a 64-byte boundary, as kReadStreams streams side by
  // side: one stream alone leaves the prefetchers, and so the memory, partly idle.
  float (*read)(const uint8_t* data, int64_t n_bytes);
};

constexpr int64_t kReadStreams = 4;
constexpr int64_t kReadStep = 256;  // bytes of a stream that are read before the next one's turn
constexpr int64_t kReadUnit = kReadStreams * kReadStep;

extern const RoofLoops baseline_loops;  // what every x86-64 processor has
extern const RoofLoops avx2_loops;
extern const RoofLoops avx512_loops;

}  // namespace widenet::kernels::bench
