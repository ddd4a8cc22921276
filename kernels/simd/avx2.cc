// The AVX2 backend: vectors of 8 floats; the kernels are written once in kernels.h.
#include <immintrin.h>

#include "kernels/simd/includes.h"

// Everything below is compiled for these instructions and stays inside this file.
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx2,fma")
#endif

#define WN_LANES 8
#include "kernels/simd/lanes.h"

namespace widenet::kernels {
namespace {

constexpr int64_t kHeadBlock = 2;  // heads x rows, and heads x vectors, kept in registers
constexpr int64_t kLinearTokens = 2;
using F = __m256;

WN_INLINE __m256i first_lanes(int64_t n) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n >= 8 ? 8 : static_cast<int>(n)), lane);
}
WN_INLINE F load(const float* p) {
  return _mm256_loadu_ps(p);
}
WN_INLINE void store(float* p, F v) {
  _mm256_storeu_ps(p, v);
}
WN_INLINE F load_first(const float* p, int64_t n) {
  return n >= 8 ? _mm256_loadu_ps(p) : _mm256_maskload_ps(p, first_lanes(n));
}
WN_INLINE void store_first(float* p, F v, int64_t n) {
  if (n >= 8) {
    _mm256_storeu_ps(p, v);
  } else {
    _mm256_maskstore_ps(p, first_lanes(n), v);
  }
}
WN_INLINE F zero() {
  return _mm256_setzero_ps();
}
WN_INLINE F splat(float x) {
  return _mm256_set1_ps(x);
}
WN_INLINE F add(F a, F b) {
  return _mm256_add_ps(a, b);
}
WN_INLINE F sub(F a, F b) {
  return _mm256_sub_ps(a, b);
}
WN_INLINE F mul(F a, F b) {
  return _mm256_mul_ps(a, b);
}
WN_INLINE F div(F a, F b) {
  return _mm256_div_ps(a, b);
}
WN_INLINE F square_root(F a) {
  return _mm256_sqrt_ps(a);
}
WN_INLINE F fma(F a, F b, F c) {
  return _mm256_fmadd_ps(a, b, c);
}
WN_INLINE F max(F a, F b) {
  return _mm256_max_ps(a, b);
}
WN_INLINE F min(F a, F b) {
  return _mm256_min_ps(a, b);
}
WN_INLINE F nearest_integer(F a) {
  return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
// a where x < y, else b.
WN_INLINE F where_less(F x, F y, F a, F b) {
  return _mm256_blendv_ps(b, a, _mm256_cmp_ps(x, y, _CMP_LT_OQ));
}
// The lanes where x >= y, the first one in bit 0.
WN_INLINE uint32_t lanes_at_least(F x, F y) {
  return static_cast<uint32_t>(_mm256_movemask_ps(_mm256_cmp_ps(x, y, _CMP_GE_OQ)));
}
// The named lanes of v, one behind the other; what follows them up to a vector may be overwritten.
WN_INLINE void store_lanes(float* p, F v, uint32_t lanes) {
  float values[8];
  store(values, v);
  for (; lanes != 0; lanes &= lanes - 1u) *p++ = values[__builtin_ctz(lanes)];
}
// v * 2^n for integers n in [-126, 127].
WN_INLINE F times_power_of_two(F v, F n) {
  const __m256i biased = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
  return _mm256_mul_ps(v, _mm256_castsi256_ps(_mm256_slli_epi32(biased, 23)));
}
WN_INLINE F magnitude(F v) {
  return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), v);
}
WN_INLINE F with_sign_of(F v, F sign) {
  return _mm256_or_ps(v, _mm256_and_ps(_mm256_set1_ps(-0.0f), sign));
}
// Rounds the mantissa after its upper `23 - shift` bits: to nearest, ties to even.
template <int shift>
WN_INLINE F round_mantissa(F v) {
  const __m256i bits = _mm256_castps_si256(v);
  const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, shift), _mm256_set1_epi32(1));
  const __m256i half = _mm256_set1_epi32((1 << (shift - 1)) - 1);
  const __m256i sum = _mm256_add_epi32(bits, _mm256_add_epi32(half, odd));
  return _mm256_castsi256_ps(_mm256_and_si256(sum, _mm256_set1_epi32(-(1 << shift))));
}
WN_INLINE F swap_pairs(F v) {
  return _mm256_permute_ps(v, 0xb1);
}
WN_INLINE F even_twice(F v) {
  return _mm256_moveldup_ps(v);
}
WN_INLINE F odd_twice(F v) {
  return _mm256_movehdup_ps(v);
}
WN_INLINE F negate_even(F v) {
  return _mm256_xor_ps(v, _mm256_setr_ps(-0.0f, 0.0f, -0.0f, 0.0f, -0.0f, 0.0f, -0.0f, 0.0f));
}

// Hadamard butterflies within the vector: distances 1, 2, 4.
WN_INLINE F butterflies(F v) {
  F partner = _mm256_permute_ps(v, 0xb1);
  v = _mm256_blend_ps(add(v, partner), sub(partner, v), 0xaa);
  partner = _mm256_permute_ps(v, 0x4e);
  v = _mm256_blend_ps(add(v, partner), sub(partner, v), 0xcc);
  partner = _mm256_permute2f128_ps(v, v, 1);
  return _mm256_blend_ps(add(v, partner), sub(partner, v), 0xf0);
}

WN_INLINE float largest_lane(F v) {
  __m128 m = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  m = _mm_max_ps(m, _mm_movehl_ps(m, m));
  return _mm_cvtss_f32(_mm_max_ss(m, _mm_movehdup_ps(m)));
}

// The lanes' sums of four vectors, always added in the same order.
WN_INLINE __m128 sums_of_four(F a, F b, F c, F d) {
  const F ab = add(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
  const F cd = add(_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
  const __m256d ab_pairs = _mm256_castps_pd(ab);
  const __m256d cd_pairs = _mm256_castps_pd(cd);
  const F all = add(_mm256_castpd_ps(_mm256_unpacklo_pd(ab_pairs, cd_pairs)),
                    _mm256_castpd_ps(_mm256_unpackhi_pd(ab_pairs, cd_pairs)));
  return _mm_add_ps(_mm256_castps256_ps128(all), _mm256_extractf128_ps(all, 1));
}

// n E4M3 codes times a power of two, in float32.
WN_INLINE void decode_e4m3_block(const uint8_t* codes, float scale, int64_t n, float* out) {
  for (int64_t i = 0; i < n; ++i) out[i] = e4m3_to_float(codes[i]) * scale;
}

// --- Index scores ---

constexpr int kIndexTiles = 1;    // that meet queries together
constexpr int kUniformShift = 0;  // none: 16 bits hold no more than a block's sum

// Twice the E2M1 codes in the bytes of v, plus `offset`.
template <int offset>
WN_INLINE I doubled_codes(I v) {
  constexpr int o = offset;
  const __m256i table = _mm256_broadcastsi128_si256(
      _mm_setr_epi8(o, o + 1, o + 2, o + 3, o + 4, o + 6, o + 8, o + 12, o, o - 1, o - 2, o - 3,
                    o - 4, o - 6, o - 8, o - 12));
  return (I)_mm256_shuffle_epi8(table, (__m256i)v);
}

// Adds the products of unsigned bytes (keys) with signed ones: two sums to a lane, which 16 bits
// hold for a block (8 * 2 * 24 * 12).
WN_INLINE I dot_step(I sum, I keys, I query) {
  const __m256i pairs = _mm256_maddubs_epi16((__m256i)keys, (__m256i)query);
  return (I)_mm256_add_epi16((__m256i)sum, pairs);
}
WN_INLINE I dot_sum(I sum) {
  return (I)_mm256_madd_epi16((__m256i)sum, _mm256_set1_epi16(1));
}

// Lane j of row i becomes lane i of row j.
WN_INLINE void transpose(I (&rows)[8]) {
  __m256i a[8];
  __m256i b[8];
  for (int i = 0; i < 8; i += 2) {
    a[i] = _mm256_unpacklo_epi32((__m256i)rows[i], (__m256i)rows[i + 1]);
    a[i + 1] = _mm256_unpackhi_epi32((__m256i)rows[i], (__m256i)rows[i + 1]);
  }
  for (int i = 0; i < 8; i += 4) {  // b[i + j]: lane j of each 128 bits, of rows i .. i + 3
    b[i] = _mm256_unpacklo_epi64(a[i], a[i + 2]);
    b[i + 1] = _mm256_unpackhi_epi64(a[i], a[i + 2]);
    b[i + 2] = _mm256_unpacklo_epi64(a[i + 1], a[i + 3]);
    b[i + 3] = _mm256_unpackhi_epi64(a[i + 1], a[i + 3]);
  }
  for (int j = 0; j < 4; ++j) {
    rows[j] = (I)_mm256_permute2x128_si256(b[j], b[j + 4], 0x20);
    rows[j + 4] = (I)_mm256_permute2x128_si256(b[j], b[j + 4], 0x31);
  }
}

}  // namespace
}  // namespace widenet::kernels

#include "kernels/simd/kernels.h"

namespace widenet::kernels {
constinit const Backend avx2_backend = simd_backend("avx2");
}  // namespace widenet::kernels

#ifdef __clang__
#pragma clang attribute pop
#endif
