// The AVX-512 backend: vectors of 16 floats, BF16 dot products, VNNI; the kernels are written once
// in kernels.h.
#include <immintrin.h>

#include "kernels/simd/includes.h"

// Everything below is compiled for these instructions and stays inside this file.
#ifdef __clang__
#pragma clang attribute push(                                                                     \
    __attribute__((                                                                               \
        target("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni,avx512bf16"))), \
    apply_to = function)
#else
#pragma GCC target("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni,avx512bf16")
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // false in g++ 12's own intrinsics
#pragma GCC diagnostic ignored "-Wuninitialized"        // and so is this one
#endif

#define WN_LANES 16
#include "kernels/simd/lanes.h"

namespace widenet::kernels {
namespace {

constexpr int64_t kHeadBlock = 4;  // heads x rows, and heads x vectors, kept in registers
constexpr int64_t kLinearTokens = 6;
using F = __m512;

WN_INLINE __mmask16 first_lanes(int64_t n) {
  return n >= 16 ? static_cast<__mmask16>(0xffff) : static_cast<__mmask16>((1u << n) - 1u);
}
WN_INLINE F load(const float* p) {
  return _mm512_loadu_ps(p);
}
WN_INLINE void store(float* p, F v) {
  _mm512_storeu_ps(p, v);
}
WN_INLINE F load_first(const float* p, int64_t n) {
  return _mm512_maskz_loadu_ps(first_lanes(n), p);
}
WN_INLINE void store_first(float* p, F v, int64_t n) {
  _mm512_mask_storeu_ps(p, first_lanes(n), v);
}
WN_INLINE F zero() {
  return _mm512_setzero_ps();
}
WN_INLINE F splat(float x) {
  return _mm512_set1_ps(x);
}
WN_INLINE F add(F a, F b) {
  return _mm512_add_ps(a, b);
}
WN_INLINE F sub(F a, F b) {
  return _mm512_sub_ps(a, b);
}
WN_INLINE F mul(F a, F b) {
  return _mm512_mul_ps(a, b);
}
WN_INLINE F div(F a, F b) {
  return _mm512_div_ps(a, b);
}
WN_INLINE F square_root(F a) {
  return _mm512_sqrt_ps(a);
}
WN_INLINE F fma(F a, F b, F c) {
  return _mm512_fmadd_ps(a, b, c);
}
WN_INLINE F max(F a, F b) {
  return _mm512_max_ps(a, b);
}
WN_INLINE F min(F a, F b) {
  return _mm512_min_ps(a, b);
}
WN_INLINE F nearest_integer(F a) {
  return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
// a where x < y, else b.
WN_INLINE F where_less(F x, F y, F a, F b) {
  return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(x, y, _CMP_LT_OQ), b, a);
}
// The lanes where x >= y, the first one in bit 0.
WN_INLINE uint32_t lanes_at_least(F x, F y) {
  return _mm512_cmp_ps_mask(x, y, _CMP_GE_OQ);
}
// The named lanes of v, one behind the other; what follows them up to a vector is overwritten.
WN_INLINE void store_lanes(float* p, F v, uint32_t lanes) {
  _mm512_storeu_ps(p, _mm512_maskz_compress_ps(static_cast<__mmask16>(lanes), v));
}
// v * 2^n for integers n in [-126, 127].
WN_INLINE F times_power_of_two(F v, F n) {
  const __m512i bits =
      _mm512_slli_epi32(_mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127)), 23);
  return _mm512_mul_ps(v, _mm512_castsi512_ps(bits));
}
WN_INLINE F magnitude(F v) {
  return _mm512_abs_ps(v);
}
WN_INLINE F with_sign_of(F v, F sign) {
  const __m512i mask = _mm512_set1_epi32(INT32_MIN);
  return _mm512_castsi512_ps(
      _mm512_or_si512(_mm512_castps_si512(v), _mm512_and_si512(_mm512_castps_si512(sign), mask)));
}
// Rounds the mantissa after its upper `23 - shift` bits: to nearest, ties to even.
template <int shift>
WN_INLINE F round_mantissa(F v) {
  const __m512i bits = _mm512_castps_si512(v);
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, shift), _mm512_set1_epi32(1));
  const __m512i half = _mm512_set1_epi32((1 << (shift - 1)) - 1);
  const __m512i sum = _mm512_add_epi32(bits, _mm512_add_epi32(half, odd));
  return _mm512_castsi512_ps(_mm512_and_si512(sum, _mm512_set1_epi32(-(1 << shift))));
}
WN_INLINE F swap_pairs(F v) {
  return _mm512_permute_ps(v, 0xb1);
}
WN_INLINE F even_twice(F v) {
  return _mm512_moveldup_ps(v);
}
WN_INLINE F odd_twice(F v) {
  return _mm512_movehdup_ps(v);
}
WN_INLINE F negate_even(F v) {
  const __m512i mask = _mm512_set1_epi64(static_cast<int64_t>(0x80000000u));
  return _mm512_castsi512_ps(_mm512_xor_si512(_mm512_castps_si512(v), mask));
}

// Hadamard butterflies within the vector: distances 1, 2, 4, 8.
WN_INLINE F butterfly(F v, F partner, __mmask16 upper) {
  return _mm512_mask_sub_ps(_mm512_add_ps(v, partner), upper, partner, v);
}
WN_INLINE F butterflies(F v) {
  v = butterfly(v, _mm512_permute_ps(v, 0xb1), 0xaaaa);
  v = butterfly(v, _mm512_permute_ps(v, 0x4e), 0xcccc);
  v = butterfly(v, _mm512_shuffle_f32x4(v, v, 0xb1), 0xf0f0);
  return butterfly(v, _mm512_shuffle_f32x4(v, v, 0x4e), 0xff00);
}

WN_INLINE float largest_lane(F v) {
  return _mm512_reduce_max_ps(v);
}

// The lanes' sums of four vectors, always added in the same order: first within each quarter ...
WN_INLINE F quarter_sums(F a, F b, F c, F d) {
  const F ab = add(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
  const F cd = add(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
  const __m512d ab_pairs = _mm512_castps_pd(ab);
  const __m512d cd_pairs = _mm512_castps_pd(cd);
  return add(_mm512_castpd_ps(_mm512_unpacklo_pd(ab_pairs, cd_pairs)),
             _mm512_castpd_ps(_mm512_unpackhi_pd(ab_pairs, cd_pairs)));
}
// ... then the first quarter to the second, the third to the fourth, and both.
WN_INLINE __m128 sums_of_four(F a, F b, F c, F d) {
  const F all = quarter_sums(a, b, c, d);
  const __m128 low = _mm_add_ps(_mm512_castps512_ps128(all), _mm512_extractf32x4_ps(all, 1));
  const __m128 high = _mm_add_ps(_mm512_extractf32x4_ps(all, 2), _mm512_extractf32x4_ps(all, 3));
  return _mm_add_ps(low, high);
}
// The same for four times four vectors at once: those of `a` in the first quarter of the result.
WN_INLINE F folded_quarters(F a, F b, F c, F d) {
  const F ab = add(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xdd));
  const F cd = add(_mm512_shuffle_f32x4(c, d, 0x88), _mm512_shuffle_f32x4(c, d, 0xdd));
  return add(_mm512_shuffle_f32x4(ab, cd, 0x88), _mm512_shuffle_f32x4(ab, cd, 0xdd));
}
template <int i>
WN_INLINE __m128 quarter(F v) {
  return _mm512_extractf32x4_ps(v, i);
}

// --- BF16 panels: what linear multiplies when both sides are BF16 numbers ---

#define WN_BF16_DOT 1
constexpr int64_t kPanelStep = 32;

using Bf16 = __m512bh;
WN_INLINE Bf16 load_bf16(const uint16_t* p) {
  return (__m512bh)_mm512_loadu_si512(p);
}
WN_INLINE F dot_bf16(F sum, Bf16 a, Bf16 b) {
  return _mm512_dpbf16_ps(sum, a, b);
}

// Two neighbouring BF16 numbers in every lane.
WN_INLINE Bf16 splat_bf16_pair(const uint16_t* pair) {
  int bits;
  std::memcpy(&bits, pair, sizeof bits);
  return (Bf16)_mm512_set1_epi32(bits);
}
// Elements of a and b in turns, in an order that deinterleaved() undoes for sums by lane: `low` and
// `high` are those of the first and of the second sixteen.
WN_INLINE void interleave_bf16(Bf16 a, Bf16 b, Bf16& first, Bf16& second) {
  first = (Bf16)_mm512_unpacklo_epi16((__m512i)a, (__m512i)b);
  second = (Bf16)_mm512_unpackhi_epi16((__m512i)a, (__m512i)b);
}
WN_INLINE void deinterleaved(F first, F second, F& low, F& high) {
  const __m512i low_order = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
  const __m512i high_order = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
  const __m512d a = _mm512_castps_pd(first);
  const __m512d b = _mm512_castps_pd(second);
  low = _mm512_castpd_ps(_mm512_permutex2var_pd(a, low_order, b));
  high = _mm512_castpd_ps(_mm512_permutex2var_pd(a, high_order, b));
}

// n floats that are BF16 numbers, followed by zeros up to a multiple of kPanelStep.
void floats_to_bf16(const float* x, int64_t n, uint16_t* out) {
  for (int64_t i = 0; i < n; i += kPanelStep) {
    const F low = load_first(x + i, n - i);
    const F high = n - i > 16 ? load_first(x + i + 16, n - i - 16) : zero();
    const __m256i a = _mm512_cvtepi32_epi16(_mm512_srli_epi32(_mm512_castps_si512(low), 16));
    const __m256i b = _mm512_cvtepi32_epi16(_mm512_srli_epi32(_mm512_castps_si512(high), 16));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + i), a);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + i + 16), b);
  }
}

// Adds `exponent` to the exponents of BF16 numbers, zeros excepted.  All stay normal.
WN_INLINE __m512i scale_bf16(__m512i bits, int exponent) {
  const __mmask32 nonzero = _mm512_test_epi16_mask(bits, _mm512_set1_epi16(0x7fff));
  return _mm512_mask_add_epi16(bits, nonzero, bits,
                               _mm512_set1_epi16(static_cast<int16_t>(exponent * 128)));
}

// The BF16 numbers of the 128 non-negative E4M3 codes (0x7f, a NaN, included).
struct E4m3Table {
  __m512i parts[4];
};

WN_INLINE E4m3Table load_e4m3_table() {
  const uint16_t* words = e4m3_bf16_table();
  return {{_mm512_loadu_si512(words), _mm512_loadu_si512(words + 32),
           _mm512_loadu_si512(words + 64), _mm512_loadu_si512(words + 96)}};
}

WN_INLINE __m512i e4m3_to_bf16(const E4m3Table& table, __m256i codes) {
  const __m512i code = _mm512_cvtepu8_epi16(codes);
  const __m512i low = _mm512_permutex2var_epi16(table.parts[0], code, table.parts[1]);
  const __m512i high = _mm512_permutex2var_epi16(table.parts[2], code, table.parts[3]);
  const __mmask32 is_high = _mm512_test_epi16_mask(code, _mm512_set1_epi16(0x40));
  const __m512i value = _mm512_mask_blend_epi16(is_high, low, high);
  const __m512i sign = _mm512_slli_epi16(_mm512_and_si512(code, _mm512_set1_epi16(0x80)), 8);
  return _mm512_or_si512(value, sign);
}

// Whether these scales leave every scaled code a normal BF16 number.
WN_INLINE bool are_moderate(const uint8_t* e8m0, int64_t n) {
  bool all = true;
  for (int64_t i = 0; i < n; i += 64) {
    const __mmask64 mask = n - i >= 64 ? ~__mmask64{0} : (__mmask64{1} << (n - i)) - 1;
    const __m512i above =
        _mm512_sub_epi8(_mm512_maskz_loadu_epi8(mask, e8m0 + i), _mm512_set1_epi8(27));
    all = all && _mm512_mask_cmpgt_epu8_mask(mask, above, _mm512_set1_epi8(200 - 256)) == 0;
  }
  return all;
}

// A stored row as BF16, zeros up to a multiple of kPanelStep.
void decode_bf16(const Weight& w, int64_t row, float* scratch, uint16_t* out) {
  const int64_t n = w.n_cols;
  const int64_t stored = w.first_row + row;
  const bool is_simple = n % kPanelStep == 0;
  if (w.format == WeightFormat::fp8 && is_simple && w.block_cols % kPanelStep == 0) {
    const auto* codes = static_cast<const uint8_t*>(w.data) + stored * n;
    const int64_t n_blocks = (n + w.block_cols - 1) / w.block_cols;
    const uint8_t* scales = w.scales_e8m0 + stored / w.block_rows * n_blocks;
    if (are_moderate(scales, n_blocks)) {
      const E4m3Table table = load_e4m3_table();
      for (int64_t i = 0; i < n; i += kPanelStep) {
        const auto* p = reinterpret_cast<const __m256i*>(codes + i);
        const __m512i value = e4m3_to_bf16(table, _mm256_loadu_si256(p));
        _mm512_storeu_si512(out + i, scale_bf16(value, scales[i / w.block_cols] - 127));
      }
      return;
    }
  }
  if (w.format == WeightFormat::fp4 && is_simple) {
    const auto* codes = static_cast<const uint8_t*>(w.data) + stored * (n / 2);
    const uint8_t* scales = w.scales_e8m0 + stored * (n / 32);
    if (are_moderate(scales, n / 32)) {
      const __m512i table = _mm512_loadu_si512(e2m1_bf16_table());
      for (int64_t i = 0; i < n; i += 32) {
        const auto* p = reinterpret_cast<const __m128i*>(codes + i / 2);
        const __m512i byte = _mm512_cvtepu8_epi32(_mm_loadu_si128(p));
        const __m512i nibbles =  // the low nibble in the lower word, the high one in the upper
            _mm512_and_si512(_mm512_or_si512(byte, _mm512_slli_epi32(byte, 12)),
                             _mm512_set1_epi32(0x000f000f));
        const __m512i value = _mm512_permutexvar_epi16(nibbles, table);
        _mm512_storeu_si512(out + i, scale_bf16(value, scales[i / 32] - 127));
      }
      return;
    }
  }
  if (w.format == WeightFormat::bf16 && is_simple) {
    const auto* words = static_cast<const uint16_t*>(w.data) + stored * n;
    for (int64_t i = 0; i < n; i += 32) {
      _mm512_storeu_si512(out + i, _mm512_loadu_si512(words + i));
    }
    return;
  }
  dequantise_row(w, row, scratch);
  floats_to_bf16(scratch, n, out);
}

// n E4M3 codes times a power of two, in float32.
WN_INLINE void decode_e4m3_block(const uint8_t* codes, float scale, int64_t n, float* out) {
  const E4m3Table table = load_e4m3_table();
  for (int64_t i = 0; i < n; i += 32) {
    const __mmask32 mask = n - i >= 32 ? 0xffffffffu : (1u << (n - i)) - 1u;
    const __m512i value = e4m3_to_bf16(table, _mm256_maskz_loadu_epi8(mask, codes + i));
    const __m512i low = _mm512_cvtepu16_epi32(_mm512_castsi512_si256(value));
    const __m512i high = _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(value, 1));
    store_first(out + i, mul(_mm512_castsi512_ps(_mm512_slli_epi32(low, 16)), splat(scale)), n - i);
    if (n - i > 16) {
      store_first(out + i + 16, mul(_mm512_castsi512_ps(_mm512_slli_epi32(high, 16)), splat(scale)),
                  n - i - 16);
    }
  }
}

// --- Index scores ---

constexpr int kIndexTiles = 4;    // that meet queries together
constexpr int kUniformShift = 3;  // 24 << 3 is a byte, 12 << 3 one with a sign

// Twice the E2M1 codes in the bytes of v, plus `offset`.
template <int offset>
WN_INLINE I doubled_codes(I v) {
  constexpr int o = offset;
  const __m512i table =
      _mm512_broadcast_i32x4(_mm_setr_epi8(o, o + 1, o + 2, o + 3, o + 4, o + 6, o + 8, o + 12, o,
                                           o - 1, o - 2, o - 3, o - 4, o - 6, o - 8, o - 12));
  return (I)_mm512_shuffle_epi8(table, (__m512i)v);
}

// Adds the products of unsigned bytes (keys) with signed ones, four to a lane.
WN_INLINE I dot_step(I sum, I keys, I query) {
  return (I)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)keys, (__m512i)query);
}
WN_INLINE I dot_sum(I sum) {
  return sum;
}

// Lane j of row i becomes lane i of row j.
WN_INLINE void transpose(I (&rows)[16]) {
  __m512i a[16];
  __m512i b[16];
  for (int i = 0; i < 16; i += 2) {
    a[i] = _mm512_unpacklo_epi32((__m512i)rows[i], (__m512i)rows[i + 1]);
    a[i + 1] = _mm512_unpackhi_epi32((__m512i)rows[i], (__m512i)rows[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {  // b[i + j]: lane j of each 128 bits, of rows i .. i + 3
    b[i] = _mm512_unpacklo_epi64(a[i], a[i + 2]);
    b[i + 1] = _mm512_unpackhi_epi64(a[i], a[i + 2]);
    b[i + 2] = _mm512_unpacklo_epi64(a[i + 1], a[i + 3]);
    b[i + 3] = _mm512_unpackhi_epi64(a[i + 1], a[i + 3]);
  }
  for (int j = 0; j < 4; ++j) {
    const __m512i even_low = _mm512_shuffle_i32x4(b[j], b[j + 4], 0x88);  // quarters 0, 2
    const __m512i odd_low = _mm512_shuffle_i32x4(b[j], b[j + 4], 0xdd);   // quarters 1, 3
    const __m512i even_high = _mm512_shuffle_i32x4(b[j + 8], b[j + 12], 0x88);
    const __m512i odd_high = _mm512_shuffle_i32x4(b[j + 8], b[j + 12], 0xdd);
    rows[j] = (I)_mm512_shuffle_i32x4(even_low, even_high, 0x88);
    rows[j + 4] = (I)_mm512_shuffle_i32x4(odd_low, odd_high, 0x88);
    rows[j + 8] = (I)_mm512_shuffle_i32x4(even_low, even_high, 0xdd);
    rows[j + 12] = (I)_mm512_shuffle_i32x4(odd_low, odd_high, 0xdd);
  }
}

}  // namespace
}  // namespace widenet::kernels

#include "kernels/simd/kernels.h"

namespace widenet::kernels {
constinit const Backend avx512_backend = simd_backend("avx512");
}  // namespace widenet::kernels

#ifdef __clang__
#pragma clang attribute pop
#endif
