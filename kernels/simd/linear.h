// Matrix products: a few rows of the weight are decoded into a panel, then meet all tokens; for
// very few tokens they are decoded in registers.  The sums are the same, in the same order.
#pragma once

#include "kernels/simd/arithmetic.h"
#ifdef WN_BF16_DOT
#include "kernels/simd/weight_rows_avx512.h"
#endif

namespace widenet::kernels {
namespace {

constexpr int64_t kPanelRows = 8;                  // at least
constexpr int64_t kPanelRowsMax = 32;              // tokens are read again for every panel
constexpr int64_t kPanelBytes = int64_t{1} << 18;  // a panel stays in the second cache
constexpr int64_t kFloatStep = kLanes;

// sums[c][r] of R weight rows and C tokens, over k floats (a multiple of kFloatStep).
template <int R, int C>
WN_INLINE void multiply_floats(const float* w,
                               int64_t w_stride,
                               const float* x,
                               int64_t x_stride,
                               int64_t k,
                               F (&sums)[C][R]) {
  unrolled<C * R>([&](auto i) WN_ALWAYS { sums[i / R][i % R] = zero(); });
  for (int64_t i = 0; i < k; i += kFloatStep) {
    F tokens[C];
    unrolled<C>([&](auto c) WN_ALWAYS { tokens[c] = load(x + c * x_stride + i); });
    unrolled<R>([&](auto r) WN_ALWAYS {
      const F row = load(w + r * w_stride + i);
      unrolled<C>([&](auto c) WN_ALWAYS { sums[c][r] = fma(row, tokens[c], sums[c][r]); });
    });
  }
}

#ifdef WN_BF16_DOT
template <int R, int C>
WN_INLINE void multiply_bf16(const uint16_t* w,
                             int64_t w_stride,
                             const uint16_t* x,
                             int64_t x_stride,
                             int64_t k,
                             F (&sums)[C][R]) {
  unrolled<C * R>([&](auto i) WN_ALWAYS { sums[i / R][i % R] = zero(); });
  for (int64_t i = 0; i < k; i += kPanelStep) {
    Bf16 rows[R];
    unrolled<R>([&](auto r) WN_ALWAYS { rows[r] = load_bf16(w + r * w_stride + i); });
    unrolled<C>([&](auto c) WN_ALWAYS {
      const Bf16 token = load_bf16(x + c * x_stride + i);
      unrolled<R>([&](auto r) WN_ALWAYS { sums[c][r] = dot_bf16(sums[c][r], rows[r], token); });
    });
  }
}

template <int C, typename Reader>
WN_INLINE void multiply_read(
    Reader& reader, const uint16_t* x, int64_t x_stride, int64_t k, F (&sums)[C][kReadRows]) {
  unrolled<C * kReadRows>([&](auto i) WN_ALWAYS { sums[i / kReadRows][i % kReadRows] = zero(); });
  for (int64_t block = 0; block < k; block += reader.block_cols) {
    reader.begin_block(block);
    const int64_t end = at_most(k, block + reader.block_cols);
    for (int64_t i = block; i < end; i += kReadColumns) {
      unrolled<kReadRows>([&](auto r) WN_ALWAYS {
        Bf16 row[kReadParts];
        reader.read(r, i, row);
        unrolled<C * kReadParts>([&](auto j) WN_ALWAYS {
          constexpr int c = j / kReadParts;
          constexpr int part = j % kReadParts;
          const Bf16 token = load_bf16(x + c * x_stride + i + kPanelStep * part);
          sums[c][r] = dot_bf16(sums[c][r], row[part], token);
        });
      });
    }
  }
}
#endif

WN_INLINE __m128 round_four_to_bf16(__m128 v) {
  const __m128i bits = _mm_castps_si128(v);
  const __m128i odd = _mm_and_si128(_mm_srli_epi32(bits, 16), _mm_set1_epi32(1));
  const __m128i sum = _mm_add_epi32(bits, _mm_add_epi32(odd, _mm_set1_epi32(0x7fff)));
  return _mm_castsi128_ps(_mm_and_si128(sum, _mm_set1_epi32(-0x10000)));
}

// Stores the first n of four sums.
WN_INLINE void store_four(__m128 four, int64_t n, float* to) {
  if (n >= 4) {
    _mm_storeu_ps(to, four);
  } else {
    alignas(16) float results[4];
    _mm_store_ps(results, four);
    for (int64_t j = 0; j < n; ++j) to[j] = results[j];
  }
}

// Folds and stores the sums of C tokens with R rows (a multiple of 4), the first n of which exist.
template <int R, int C>
WN_INLINE void store_sums(
    const F (&sums)[C][R], int64_t n, bool round_output, float* out, int64_t out_stride) {
  constexpr int kFours = C * (R / 4);
  constexpr int kFolded = kLanes == 16 ? kFours / 4 * 4 : 0;  // as many as fill whole vectors
#ifdef WN_BF16_DOT
  unrolled<kFolded / 4>([&](auto group) WN_ALWAYS {
    F quarters[4];
    unrolled<4>([&](auto i) WN_ALWAYS {
      constexpr int c = (4 * group + i) / (R / 4);
      constexpr int r = (4 * group + i) % (R / 4) * 4;
      quarters[i] = quarter_sums(sums[c][r], sums[c][r + 1], sums[c][r + 2], sums[c][r + 3]);
    });
    F all = folded_quarters(quarters[0], quarters[1], quarters[2], quarters[3]);
    if (round_output) all = round_bf16(all);
    unrolled<4>([&](auto i) WN_ALWAYS {
      constexpr int c = (4 * group + i) / (R / 4);
      constexpr int r = (4 * group + i) % (R / 4) * 4;
      store_four(quarter<i>(all), n - r, out + c * out_stride + r);
    });
  });
#endif
  unrolled<kFours - kFolded>([&](auto i) WN_ALWAYS {
    constexpr int c = (kFolded + i) / (R / 4);
    constexpr int r = (kFolded + i) % (R / 4) * 4;
    __m128 four = sums_of_four(sums[c][r], sums[c][r + 1], sums[c][r + 2], sums[c][r + 3]);
    if (round_output) four = round_four_to_bf16(four);
    store_four(four, n - r, out + c * out_stride + r);
  });
}

// What one linear() call works on: x as floats or as BF16, padded to the step.
struct LinearCall {
  const Weight* weight;
  LinearOptions options;
  bool is_bf16;
  int64_t k;  // padded
  const float* x_floats;
  const uint16_t* x_bf16;
  int64_t x_stride;
  float* out;
  int64_t out_stride;
};

template <int R, int C>
WN_INLINE void linear_block(
    const LinearCall& call, const float* panel, int64_t r, int64_t n, int64_t t, int64_t row) {
  F sums[C][R];
#ifdef WN_BF16_DOT
  if (call.is_bf16) {
    const auto* words = reinterpret_cast<const uint16_t*>(panel);
    multiply_bf16<R, C>(words + r * call.k, call.k, call.x_bf16 + t * call.x_stride, call.x_stride,
                        call.k, sums);
  } else {
    multiply_floats<R, C>(panel + r * call.k, call.k, call.x_floats + t * call.x_stride,
                          call.x_stride, call.k, sums);
  }
#else
  multiply_floats<R, C>(panel + r * call.k, call.k, call.x_floats + t * call.x_stride,
                        call.x_stride, call.k, sums);
#endif
  store_sums<R, C>(sums, n, call.options.round_output, call.out + t * call.out_stride + row,
                   call.out_stride);
}

void decode_floats(const Weight& w, int64_t row, int64_t k, float* out) {
  const int64_t n = w.n_cols;
  const int64_t stored = w.first_row + row;
  if (w.format == WeightFormat::bf16) {
    const auto* words = static_cast<const uint16_t*>(w.data) + stored * n;
    for (int64_t i = 0; i < n; ++i) out[i] = bf16_to_float(words[i]);
  } else {
    dequantise_row(w, row, out);
  }
  for (int64_t i = n; i < k; ++i) out[i] = 0.0f;
}

// Rows [first, last) for tokens [t_first, t_last).
void linear_part(
    const LinearCall& call, int64_t first, int64_t last, int64_t t_first, int64_t t_last) {
  const Weight& w = *call.weight;
  const int64_t n_fitting = kPanelBytes / (call.k * (call.is_bf16 ? 2 : 4));
  const int64_t n_panel_rows =
      at_most(at_least(n_fitting / kPanelRows * kPanelRows, kPanelRows), kPanelRowsMax);
  // Floats without padding are multiplied where they lie.
  const bool is_in_place = !call.is_bf16 && w.format == WeightFormat::f32 && w.n_cols == call.k &&
                           (last - first) % kPanelRows == 0;
  const Scratch panel(is_in_place ? 0 : n_panel_rows * call.k * 4);
  const Scratch row_scratch(call.k * 4);
  for (int64_t row = first; row < last; row += n_panel_rows) {
    const int64_t n = at_most(n_panel_rows, last - row);
    const int64_t n_padded = round_up(n, kPanelRows);
    const float* rows = is_in_place
                            ? static_cast<const float*>(w.data) + (w.first_row + row) * w.n_cols
                            : panel.floats();
    for (int64_t r = 0; r < n_padded && !is_in_place;
         ++r) {  // rows past the end repeat the last: not stored
      const int64_t source = row + at_most(r, n - 1);
#ifdef WN_BF16_DOT
      if (call.is_bf16) {
        decode_bf16(w, source, row_scratch.floats(), panel.words() + r * call.k);
        continue;
      }
#endif
      decode_floats(w, source, call.k, panel.floats() + r * call.k);
    }
    int64_t t = t_first;
    for (; t + kLinearTokens <= t_last; t += kLinearTokens) {
      for (int64_t r = 0; r < n; r += 4) {
        linear_block<4, kLinearTokens>(call, rows, r, n - r, t, row + r);
      }
    }
    for (int64_t r = 0; r < n; r += 8) {
      int64_t rest = t;
      if constexpr (kLinearTokens > 2) {
        for (; rest + 2 <= t_last; rest += 2) {
          linear_block<8, 2>(call, rows, r, n - r, rest, row + r);
        }
      }
      for (; rest < t_last; ++rest) {
        linear_block<8, 1>(call, rows, r, n - r, rest, row + r);
      }
    }
  }
}

#ifdef WN_BF16_DOT
constexpr int64_t kReadTokens = 4;  // at most, to decode in registers

template <int C, typename Reader>
void linear_read(const LinearCall& call, int64_t first, int64_t last) {
  static_assert(kReadRows == kPanelRows && kReadColumns == kReadParts * kPanelStep);
  for (int64_t row = first; row < last; row += kReadRows) {
    const int64_t n = at_most(kReadRows, last - row);
    Reader reader;
    if (n < kReadRows || !reader.open(*call.weight, row)) {
      linear_part(call, row, row + n, 0, C);
      continue;
    }
    F sums[C][kReadRows];
    multiply_read<C>(reader, call.x_bf16, call.x_stride, call.k, sums);
    store_sums<kReadRows, C>(sums, n, call.options.round_output, call.out + row, call.out_stride);
  }
}

template <typename Reader>
void linear_read(const LinearCall& call, int64_t n_tokens, int64_t first, int64_t last) {
  switch (n_tokens) {
    case 1:
      return linear_read<1, Reader>(call, first, last);
    case 2:
      return linear_read<2, Reader>(call, first, last);
    case 3:
      return linear_read<3, Reader>(call, first, last);
    default:
      return linear_read<4, Reader>(call, first, last);
  }
}

void linear_few(const LinearCall& call, int64_t n_tokens, int64_t first, int64_t last) {
  switch (call.weight->format) {
    case WeightFormat::fp8:
      return linear_read<Fp8Reader>(call, n_tokens, first, last);
    case WeightFormat::fp4:
      return linear_read<Fp4Reader>(call, n_tokens, first, last);
    default:
      return linear_read<Bf16Reader>(call, n_tokens, first, last);
  }
}
#endif

constexpr int64_t kTokensWorthDecoding = 96;  // for each thread

void linear(Stream& stream,
            Rows<const float> x,
            const Weight& weight,
            LinearOptions options,
            Rows<float> out) {
  WN_CHECK(x.dim == weight.n_cols && out.dim == weight.n_rows && out.count == x.count);
  if (x.count == 0 || weight.n_rows == 0) return;
  LinearCall call = {};
  call.weight = &weight;
  call.options = options;
  call.out = out.data;
  call.out_stride = out.stride;
  call.k = round_up(x.dim, 32);
  call.x_stride = call.k;
#ifdef WN_BF16_DOT
  call.is_bf16 = options.bf16_inputs && weight.is_bf16_exact();
#endif
  const bool needs_copy = call.is_bf16 || call.k != x.dim;
  const Scratch copy(needs_copy ? x.count * call.k * 4 : 0);
  if (needs_copy) {
    parallel_for(stream, x.count, piece_for(8 * call.k), [&](int64_t first, int64_t last) {
      for (int64_t t = first; t < last; ++t) {
#ifdef WN_BF16_DOT
        if (call.is_bf16) {
          floats_to_bf16(x.data + t * x.stride, x.dim, copy.words() + t * call.k);
          continue;
        }
#endif
        float* row = copy.floats() + t * call.k;
        std::memcpy(row, x.data + t * x.stride, static_cast<size_t>(x.dim) * sizeof(float));
        for (int64_t i = x.dim; i < call.k; ++i) row[i] = 0.0f;
      }
    });
    call.x_floats = copy.floats();
    call.x_bf16 = copy.words();
  } else {
    call.x_floats = x.data;
    call.x_stride = x.stride;
  }

  // With many tokens each thread takes some, whose rows then stay in its cache, and decodes the
  // whole weight for them; with fewer each takes rows of the weight.
  const int64_t n_threads = stream.pool == nullptr ? 1 : stream.pool->n_threads();
  const int64_t n_panels = (weight.n_rows + kPanelRows - 1) / kPanelRows;
  const int64_t n_for_each = (x.count + n_threads - 1) / n_threads;
  if (n_for_each >= kTokensWorthDecoding || (n_panels < 16 && x.count >= 8)) {
    const int64_t piece = at_least(n_for_each, piece_for(weight.n_rows * call.k));
    parallel_for(stream, x.count, piece, [&](int64_t first, int64_t last) {
      linear_part(call, 0, weight.n_rows, first, last);
    });
    return;
  }
  // Threads that write neighbouring columns of a row share its cache lines: 256 bytes at least.
  // With few tokens a piece is read from memory, and in one stream where it is long.
  const int64_t group = x.count < 8 ? 1 : 8;
  const int64_t piece = x.count < 8 ? 8 * piece_for(kPanelRows * call.k)
                                    : piece_for(group * kPanelRows * call.k * x.count);
  parallel_for(stream, (n_panels + group - 1) / group, piece, [&](int64_t first, int64_t last) {
    const int64_t first_row = first * group * kPanelRows;
    const int64_t last_row = at_most(last * group * kPanelRows, weight.n_rows);
#ifdef WN_BF16_DOT
    if (call.is_bf16 && x.count <= kReadTokens) {
      return linear_few(call, x.count, first_row, last_row);
    }
#endif
    linear_part(call, first_row, last_row, 0, x.count);
  });
}

}  // namespace
}  // namespace widenet::kernels
