// Roof loops for AVX2 and FMA.
#include <immintrin.h>

#include "kernels/bench/roof_loops.h"

// Everything below is compiled for these instructions and stays inside this file.
#pragma GCC target("avx2,fma")

namespace widenet::kernels::bench {
namespace {

// Two multiply-adds a cycle of latency 4 or 5 need ten sums; sixteen registers hold twelve and
// their operands.
constexpr int64_t kSums = 12;

float f32_fma(int64_t n_rounds) {
  const __m256 factor = _mm256_set1_ps(0.5f);
  const __m256 addend = _mm256_set1_ps(1.0f);
  __m256 sums[kSums];
  for (__m256& sum : sums) sum = _mm256_setzero_ps();
  for (int64_t round = 0; round < n_rounds; ++round) {
    for (__m256& sum : sums) sum = _mm256_fmadd_ps(sum, factor, addend);
  }
  __m256 total = _mm256_setzero_ps();
  for (const __m256 sum : sums) total = _mm256_add_ps(total, sum);
  return _mm256_cvtss_f32(total);
}

// Without VNNI: u8 x s8 to pairs in int16, pairs to int32, sum.  Eight sums leave registers for the
// steps between.
constexpr int64_t kByteSums = 8;

float int8_dot(int64_t n_rounds) {
  // Volatile, so read anew: else the product is computed once, before the loop.
  const volatile __m256i bytes = _mm256_set1_epi8(3);
  const __m256i factor = _mm256_set1_epi8(-5);
  const __m256i ones = _mm256_set1_epi16(1);
  __m256i sums[kByteSums];
  for (__m256i& sum : sums) sum = _mm256_setzero_si256();
  for (int64_t round = 0; round < n_rounds; ++round) {
    for (__m256i& sum : sums) {
      const __m256i pairs = _mm256_maddubs_epi16(bytes, factor);
      sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, ones));
    }
  }
  __m256i total = _mm256_setzero_si256();
  for (const __m256i sum : sums) total = _mm256_add_epi32(total, sum);
  return static_cast<float>(_mm256_extract_epi32(total, 0));
}

float read_streams(const uint8_t* data, int64_t n_bytes) {
  const int64_t stream_bytes = n_bytes / kReadStreams;
  __m256i seen[kReadStreams];
  for (__m256i& lanes : seen) lanes = _mm256_setzero_si256();
  for (int64_t i = 0; i < stream_bytes; i += kReadStep) {
    for (int64_t s = 0; s < kReadStreams; ++s) {
      const auto* step = reinterpret_cast<const __m256i*>(data + s * stream_bytes + i);
      for (int64_t j = 0; j < kReadStep / 32; ++j) {
        seen[s] = _mm256_or_si256(seen[s], _mm256_load_si256(step + j));
      }
    }
  }
  __m256i all = _mm256_setzero_si256();
  for (const __m256i lanes : seen) all = _mm256_or_si256(all, lanes);
  return static_cast<float>(_mm256_extract_epi32(all, 0));
}

}  // namespace

// There is no BF16 arithmetic: BF16 numbers are widened to float32.
const RoofLoops avx2_loops = {
    .name = "avx2",
    .f32_fma = {f32_fma, kSums * 8 * 2, "vfmadd ymm"},
    .bf16_dot = {f32_fma, kSums * 8 * 2, "vfmadd ymm"},
    .int8_dot = {int8_dot, kByteSums * 32 * 2, "vpmaddubsw ymm"},
    .read = read_streams,
};

}  // namespace widenet::kernels::bench
