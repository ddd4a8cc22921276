// Packed KV rows.
#pragma once

#include "kernels/simd/rows.h"

namespace widenet::kernels {
namespace {

// The codes of numbers that are E4M3 numbers.
WN_INLINE Bytes e4m3_codes(F v) {
  const I bits = bits_of(v);
  const I size = bits & 0x7fffffff;
  const I normal = (size >> 20) - (120 << 3);
  const I small = integers(mul(magnitude(v), splat(0x1p9f)));
  const I code = size < (121 << 23) ? small : normal;  // below 2^-6: multiples of 2^-9
  return __builtin_convertvector(code | ((bits >> 24) & 0x80), Bytes);
}

void unpack_row(const uint8_t* row, const KvLayout& layout, float* out) {
  if (!layout.packed) {
    std::memcpy(out, row, static_cast<size_t>(layout.row_bytes()));
    return;
  }
  const uint8_t* scales = row + layout.n_codes();
  for (int64_t b = 0; b < layout.n_scales(); ++b) {
    const int64_t first = b * KvLayout::kBlock;
    decode_e4m3_block(row + first, e8m0_to_float(scales[b]),
                      at_most(KvLayout::kBlock, layout.n_codes() - first), out + first);
  }
  const uint8_t* rope = row + layout.rope_offset();
  float* to = out + layout.n_codes();
  for (int64_t i = 0; i < layout.rope_dim; ++i) {
    uint16_t bits = 0;
    std::memcpy(&bits, rope + 2 * i, sizeof bits);
    to[i] = bf16_to_float(bits);
  }
}

#ifdef WN_BF16_DOT
// The same as BF16 numbers, which all of a packed row are.  n_codes() is a multiple of 32.
void unpack_row(const uint8_t* row, const KvLayout& layout, uint16_t* out) {
  const int64_t n_codes = layout.n_codes();
  const uint8_t* scales = row + n_codes;
  if (are_moderate(scales, layout.n_scales())) {
    const E4m3Table table = load_e4m3_table();
    for (int64_t i = 0; i < n_codes; i += 32) {
      const auto* p = reinterpret_cast<const __m256i*>(row + i);
      const __m512i value = e4m3_to_bf16(table, _mm256_loadu_si256(p));
      _mm512_storeu_si512(out + i, scale_bf16(value, scales[i / KvLayout::kBlock] - 127));
    }
  } else {
    const Scratch floats(layout.head_dim * 4);
    unpack_row(row, layout, floats.floats());
    floats_to_bf16(floats.floats(), n_codes, out);
  }
  std::memcpy(out + n_codes, row + layout.rope_offset(), static_cast<size_t>(layout.rope_dim) * 2);
}
#endif

void pack_row(const float* x, const KvLayout& layout, uint8_t* row) {
  std::memset(row + layout.n_codes(), 0,
              static_cast<size_t>(layout.row_bytes() - layout.n_codes()));
  for (int64_t b = 0; b < layout.n_scales(); ++b) {
    const int64_t first = b * KvLayout::kBlock;
    const int64_t n = at_most(KvLayout::kBlock, layout.n_codes() - first);
    const uint8_t scale = fp8_block_scale(largest_magnitude(x + first, n));
    row[layout.n_codes() + b] = scale;
    const F inverse = splat(1.0f / e8m0_to_float(scale));
    for (int64_t i = 0; i < n; i += kLanes) {
      const F v = mul(load_first(x + first + i, n - i), inverse);
      store_narrow(e4m3_codes(round_e4m3(v)), n - i, row + first + i);
    }
  }
  const float* rope = x + layout.n_codes();
  for (int64_t i = 0; i < layout.rope_dim; i += kLanes) {
    const I bits = bits_of(round_bf16(load_first(rope + i, layout.rope_dim - i))) >> 16;
    alignas(64) uint16_t words[kLanes];
    store_narrow(__builtin_convertvector(bits, Words), kLanes, words);
    std::memcpy(row + layout.rope_offset() + 2 * i, words,
                static_cast<size_t>(at_most(kLanes, layout.rope_dim - i)) * 2);
  }
}

void pack_kv_rows(Stream& stream, Rows<const float> x, const KvLayout& layout, uint8_t* rows) {
  WN_CHECK(x.dim == layout.head_dim);
  if (!layout.packed) return pack_kv_rows_reference(stream, x, layout, rows);
  parallel_for(stream, x.count, piece_for(x.dim * 4), [&](int64_t first, int64_t last) {
    for (int64_t t = first; t < last; ++t) {
      pack_row(x.data + t * x.stride, layout, rows + t * layout.row_bytes());
    }
  });
}

void unpack_kv_rows(Stream& stream, const uint8_t* rows, const KvLayout& layout, Rows<float> out) {
  WN_CHECK(out.dim == layout.head_dim);
  parallel_for(stream, out.count, piece_for(out.dim * 2), [&](int64_t first, int64_t last) {
    for (int64_t t = first; t < last; ++t) {
      unpack_row(rows + t * layout.row_bytes(), layout, out.data + t * out.stride);
    }
  });
}

}  // namespace
}  // namespace widenet::kernels
