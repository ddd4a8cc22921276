// Roof loops in plain C++, as the reference backend is compiled.
#include "kernels/bench/roof_loops.h"

namespace widenet::kernels::bench {
namespace {

constexpr int64_t kSums = 32;  // eight vectors of SSE2: enough to hide an addition's latency

float f32_multiply_add(int64_t n_rounds) {
  float sums[kSums] = {};
  for (int64_t round = 0; round < n_rounds; ++round) {
    for (float& sum : sums) sum = sum * 0.5f + 1.0f;
  }
  float total = 0.0f;
  for (const float sum : sums) total += sum;
  return total;
}

float int8_multiply_add(int64_t n_rounds) {
  uint32_t sums[kSums] = {};
  // Volatile, so read anew: else the product is computed once, before the loop.
  const volatile uint32_t factor = 3;
  for (int64_t round = 0; round < n_rounds; ++round) {
    const auto byte = static_cast<uint8_t>(factor);
    for (uint32_t& sum : sums) sum += byte * uint32_t{5};
  }
  uint32_t total = 0;
  for (const uint32_t sum : sums) total += sum;
  return static_cast<float>(total);
}

float read_streams(const uint8_t* data, int64_t n_bytes) {
  const int64_t stream_words = n_bytes / kReadStreams / 8;
  constexpr int64_t kStepWords = kReadStep / 8;
  const auto* words = reinterpret_cast<const uint64_t*>(data);
  uint64_t seen = 0;
  for (int64_t i = 0; i < stream_words; i += kStepWords) {
    for (int64_t s = 0; s < kReadStreams; ++s) {
      for (int64_t j = 0; j < kStepWords; ++j) seen |= words[s * stream_words + i + j];
    }
  }
  return static_cast<float>(seen);
}

}  // namespace

// There is no BF16 arithmetic: BF16 numbers are widened to float32.
const RoofLoops baseline_loops = {
    .name = "reference",
    .f32_fma = {f32_multiply_add, kSums * 2, "mulps, addps"},
    .bf16_dot = {f32_multiply_add, kSums * 2, "mulps, addps"},
    .int8_dot = {int8_multiply_add, kSums * 2, "int32 multiply, add"},
    .read = read_streams,
};

}  // namespace widenet::kernels::bench
