// Roof loops for AVX-512 with BF16 and VNNI.
#include <immintrin.h>

#include "kernels/bench/roof_loops.h"

// Everything below is compiled for these instructions and stays inside this file.
#pragma GCC target("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512bf16")
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // false in g++ 12's own intrinsics
#pragma GCC diagnostic ignored "-Wuninitialized"        // and so is this one

namespace widenet::kernels::bench {
namespace {

// Two multiply-adds a cycle of latency up to 6 need twelve sums; thirty-two registers hold sixteen.
constexpr int64_t kSums = 16;

float f32_fma(int64_t n_rounds) {
  const __m512 factor = _mm512_set1_ps(0.5f);
  const __m512 addend = _mm512_set1_ps(1.0f);
  __m512 sums[kSums];
  for (__m512& sum : sums) sum = _mm512_setzero_ps();
  for (int64_t round = 0; round < n_rounds; ++round) {
    for (__m512& sum : sums) sum = _mm512_fmadd_ps(sum, factor, addend);
  }
  __m512 total = _mm512_setzero_ps();
  for (const __m512 sum : sums) total = _mm512_add_ps(total, sum);
  return _mm512_cvtss_f32(total);
}

float bf16_dot(int64_t n_rounds) {
  const auto words = (__m512bh)_mm512_set1_epi16(0x3f80);  // 1
  __m512 sums[kSums];
  for (__m512& sum : sums) sum = _mm512_setzero_ps();
  for (int64_t round = 0; round < n_rounds; ++round) {
    for (__m512& sum : sums) sum = _mm512_dpbf16_ps(sum, words, words);
  }
  __m512 total = _mm512_setzero_ps();
  for (const __m512 sum : sums) total = _mm512_add_ps(total, sum);
  return _mm512_cvtss_f32(total);
}

float int8_dot(int64_t n_rounds) {
  const __m512i bytes = _mm512_set1_epi8(3);
  const __m512i factor = _mm512_set1_epi8(-5);
  __m512i sums[kSums];
  for (__m512i& sum : sums) sum = _mm512_setzero_si512();
  for (int64_t round = 0; round < n_rounds; ++round) {
    for (__m512i& sum : sums) sum = _mm512_dpbusd_epi32(sum, bytes, factor);
  }
  __m512i total = _mm512_setzero_si512();
  for (const __m512i sum : sums) total = _mm512_add_epi32(total, sum);
  return static_cast<float>(_mm512_cvtsi512_si32(total));
}

float read_streams(const uint8_t* data, int64_t n_bytes) {
  const int64_t stream_bytes = n_bytes / kReadStreams;
  __m512i seen[kReadStreams];
  for (__m512i& lanes : seen) lanes = _mm512_setzero_si512();
  for (int64_t i = 0; i < stream_bytes; i += kReadStep) {
    for (int64_t s = 0; s < kReadStreams; ++s) {
      const uint8_t* step = data + s * stream_bytes + i;
      for (int64_t j = 0; j < kReadStep; j += 64) {
        seen[s] = _mm512_or_si512(seen[s], _mm512_load_si512(step + j));
      }
    }
  }
  __m512i all = _mm512_setzero_si512();
  for (const __m512i lanes : seen) all = _mm512_or_si512(all, lanes);
  return static_cast<float>(_mm512_cvtsi512_si32(all));
}

}  // namespace

const RoofLoops avx512_loops = {
    .name = "avx512",
    .f32_fma = {f32_fma, kSums * 16 * 2, "vfmadd zmm"},
    .bf16_dot = {bf16_dot, kSums * 32 * 2, "vdpbf16ps zmm"},
    .int8_dot = {int8_dot, kSums * 64 * 2, "vpdpbusd zmm"},
    .read = read_streams,
};

}  // namespace widenet::kernels::bench
