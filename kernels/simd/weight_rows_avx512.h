// Stored rows decoded in registers, for products with few tokens: the numbers of decode_bf16(),
// without a panel in memory between.
#pragma once

#include "kernels/simd/arithmetic.h"

namespace widenet::kernels {
namespace {

// A reader gives eight consecutive rows of a weight, kReadColumns at a time, as BF16.
//   open(w, row)       whether it can: all eight rows exist, and nothing about them is special
//   begin_block(i)     before columns i .. i + block_cols - 1 are read, i a multiple of block_cols
//   read(r, i, out)    columns i .. i + kReadColumns - 1 of row r, 32 in each of `out`
constexpr int64_t kReadRows = 8;
constexpr int64_t kReadColumns = 128;
constexpr int kReadParts = 4;  // vectors of BF16 in so many columns

// What is read next, `bytes` of each of the eight rows after these.
WN_INLINE void prefetch_rows(const uint8_t* p, int64_t stride, int64_t bytes) {
  const uint8_t* next = p + kReadRows * stride;
  for (int64_t r = 0; r < kReadRows; ++r) {
    for (int64_t i = 0; i < bytes; i += 64) {
      _mm_prefetch(reinterpret_cast<const char*>(next + r * stride + i), _MM_HINT_T0);
    }
  }
}

struct Fp8Reader {
  const uint8_t* codes;
  const uint8_t* scales;
  int64_t stride;
  int64_t block_cols;
  E4m3Table table;
  __m512i lower[2];  // bytes of the scaled table
  __m512i upper[2];

  bool open(const Weight& w, int64_t row) {
    const int64_t stored = w.first_row + row;
    block_cols = w.block_cols;
    stride = w.n_cols;
    if (stride % kReadColumns != 0 || block_cols % kReadColumns != 0) return false;
    if (stored / w.block_rows != (stored + kReadRows - 1) / w.block_rows) return false;
    const int64_t n_blocks = (stride + block_cols - 1) / block_cols;
    scales = w.scales_e8m0 + stored / w.block_rows * n_blocks;
    codes = static_cast<const uint8_t*>(w.data) + stored * stride;
    table = load_e4m3_table();
    return are_moderate(scales, n_blocks);
  }
  WN_INLINE void begin_block(int64_t i) {
    prefetch_rows(codes + i, stride, block_cols);
    const int exponent = *scales++ - 127;
    unrolled<2>([&](auto half) WN_ALWAYS {
      const __m512i a = scale_bf16(table.parts[2 * half], exponent);
      const __m512i b = scale_bf16(table.parts[2 * half + 1], exponent);
      lower[half] = joined(_mm512_cvtepi16_epi8(a), _mm512_cvtepi16_epi8(b));
      upper[half] = joined(_mm512_cvtepi16_epi8(_mm512_srli_epi16(a, 8)),
                           _mm512_cvtepi16_epi8(_mm512_srli_epi16(b, 8)));
    });
  }
  WN_INLINE void read(int64_t r, int64_t i, Bf16 (&out)[kReadParts]) const {
    unrolled<2>([&](auto half) WN_ALWAYS {
      // In the order in which unpacking puts the bytes of two halves together again.
      const __m512i code =
          _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 4, 1, 5, 2, 6, 3, 7),
                                   _mm512_loadu_si512(codes + r * stride + i + 64 * half));
      const __m512i low = _mm512_permutex2var_epi8(lower[0], code, lower[1]);
      const __m512i magnitude = _mm512_permutex2var_epi8(upper[0], code, upper[1]);
      constexpr int kAndOr = 0xea;  // (a & b) | c
      const __m512i high =
          _mm512_ternarylogic_epi32(code, _mm512_set1_epi8(-128), magnitude, kAndOr);
      out[2 * half] = (Bf16)_mm512_unpacklo_epi8(low, high);
      out[2 * half + 1] = (Bf16)_mm512_unpackhi_epi8(low, high);
    });
  }

  static __m512i joined(__m256i a, __m256i b) {
    return _mm512_inserti64x4(_mm512_castsi256_si512(a), b, 1);
  }
};

struct Fp4Reader {
  static constexpr int64_t block_cols = kReadColumns;
  const uint8_t* codes;
  const uint8_t* scales;
  int64_t stride;
  int64_t n_blocks;
  __m512i table;  // for an exponent of 0 instead of 127

  bool open(const Weight& w, int64_t row) {
    if (w.n_cols % block_cols != 0) return false;
    const int64_t stored = w.first_row + row;
    stride = w.n_cols / 2;
    n_blocks = w.n_cols / 32;
    codes = static_cast<const uint8_t*>(w.data) + stored * stride;
    scales = w.scales_e8m0 + stored * n_blocks;
    table = _mm512_loadu_si512(e2m1_bf16_table());
    table = _mm512_mask_sub_epi16(table, kNonzero, table, _mm512_set1_epi16(127 * 128));
    return are_moderate(scales, kReadRows * n_blocks);
  }
  WN_INLINE void begin_block(int64_t i) { prefetch_rows(codes + i / 2, stride, block_cols / 2); }
  WN_INLINE void read(int64_t r, int64_t i, Bf16 (&out)[kReadParts]) const {
    int four_scales;
    std::memcpy(&four_scales, scales + r * n_blocks + i / 32, sizeof four_scales);
    const __m512i exponents = _mm512_set1_epi32(four_scales);
    unrolled<kReadParts>([&](auto part) WN_ALWAYS {
      // The look-up takes the lowest five bits of each word, and the table has every code twice: so
      // the bits above a nibble do not matter.
      const auto* p = reinterpret_cast<const __m128i*>(codes + r * stride + i / 2 + 16 * part);
      const __m512i byte = _mm512_cvtepu8_epi32(_mm_loadu_si128(p));
      const __m512i code = _mm512_or_si512(byte, _mm512_slli_epi32(byte, 12));
      // The part's scale in the upper byte of every word is its exponent, one bit too high.
      const __m512i above =
          _mm512_shuffle_epi8(exponents, _mm512_set1_epi16(static_cast<int16_t>(part << 8 | 0x80)));
      const __m512i scaled =
          _mm512_mask_add_epi16(table, kNonzero, table, _mm512_srli_epi16(above, 1));
      out[part] = (Bf16)_mm512_permutexvar_epi16(code, scaled);
    });
  }

  static constexpr __mmask32 kNonzero = 0xfefefefe;  // all codes but 0 and 8, twice
};

struct Bf16Reader {
  static constexpr int64_t block_cols = kReadColumns;
  const uint16_t* words;
  int64_t stride;

  bool open(const Weight& w, int64_t row) {
    stride = w.n_cols;
    words = static_cast<const uint16_t*>(w.data) + (w.first_row + row) * stride;
    return stride % kReadColumns == 0;
  }
  WN_INLINE void begin_block(int64_t i) {
    prefetch_rows(reinterpret_cast<const uint8_t*>(words + i), 2 * stride, 2 * block_cols);
  }
  WN_INLINE void read(int64_t r, int64_t i, Bf16 (&out)[kReadParts]) const {
    unrolled<kReadParts>(
        [&](auto part) WN_ALWAYS { out[part] = load_bf16(words + r * stride + i + 32 * part); });
  }
};

}  // namespace
}  // namespace widenet::kernels
