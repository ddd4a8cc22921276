// One softmax over window, selected entries and sink.
#pragma once

#include "kernels/simd/kv_rows.h"

namespace widenet::kernels {
namespace {

// What one call works on, rows as float32 or (uint16_t) as BF16.
template <typename T>
struct AttentionCall {
  const AttentionInputs* in;
  int64_t n_heads;
  int64_t dim;
  const T* window;
  const T* entries;  // all entries unpacked, or null: unpack those selected
};

// How numbers of a row's type meet: so many at a time, loaded, multiplied and added to a sum.
template <typename T>
struct Products;
template <>
struct Products<float> {
  static constexpr int64_t kStep = kLanes;
  static WN_INLINE F loaded(const float* p) { return load(p); }
  static WN_INLINE F added(F sum, F a, F b) { return fma(a, b, sum); }
};
#ifdef WN_BF16_DOT
template <>
struct Products<uint16_t> {
  static constexpr int64_t kStep = kPanelStep;
  static WN_INLINE Bf16 loaded(const uint16_t* p) { return load_bf16(p); }
  static WN_INLINE F added(F sum, Bf16 a, Bf16 b) { return dot_bf16(sum, a, b); }
};
#endif

// logits[h][n] for H heads and rows n .. n + 3 (past the end they repeat the last).
template <int H, typename T>
WN_INLINE void attention_logits(const T* q,
                                const T* const* rows,
                                int64_t n_rows,
                                int64_t dim,
                                float scale,
                                float* logits,
                                int64_t logits_stride) {
  using P = Products<T>;
  using Vector = decltype(P::loaded(q));
  for (int64_t n = 0; n < n_rows; n += 4) {
    const T* row[4];
    for (int64_t i = 0; i < 4; ++i) row[i] = rows[at_most(n + i, n_rows - 1)];
    F sums[H][4];
    unrolled<H * 4>([&](auto i) WN_ALWAYS { sums[i / 4][i % 4] = zero(); });
    for (int64_t c = 0; c < dim; c += P::kStep) {
      Vector query[H];
      unrolled<H>([&](auto h) WN_ALWAYS { query[h] = P::loaded(q + h * dim + c); });
      unrolled<4>([&](auto i) WN_ALWAYS {
        const Vector key = P::loaded(row[i] + c);
        unrolled<H>([&](auto h) WN_ALWAYS { sums[h][i] = P::added(sums[h][i], query[h], key); });
      });
    }
#ifdef WN_BF16_DOT
    if constexpr (H == 4) {
      F quarters[4];
      unrolled<4>([&](auto h) WN_ALWAYS {
        quarters[h] = quarter_sums(sums[h][0], sums[h][1], sums[h][2], sums[h][3]);
      });
      const F all =
          mul(folded_quarters(quarters[0], quarters[1], quarters[2], quarters[3]), splat(scale));
      unrolled<4>([&](auto h) WN_ALWAYS {
        _mm_storeu_ps(logits + h * logits_stride + n, quarter<h>(all));
      });
      continue;
    }
#endif
    unrolled<H>([&](auto h) WN_ALWAYS {  // logits have room for a multiple of 4
      const __m128 four = sums_of_four(sums[h][0], sums[h][1], sums[h][2], sums[h][3]);
      _mm_storeu_ps(logits + h * logits_stride + n, _mm_mul_ps(four, _mm_set1_ps(scale)));
    });
  }
}

// The logits become weights (rounded if asked); returns their sum, the sink's share included.
WN_INLINE float attention_weights(float* logits, int64_t n, float sink, bool round) {
  F largest = splat(sink);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) largest = max(largest, load(logits + i));
  float max_logit = largest_lane(largest);
  for (; i < n; ++i) max_logit = logits[i] > max_logit ? logits[i] : max_logit;

  F sums = zero();
  for (i = 0; i < n; i += kLanes) {
    const int64_t left = n - i;
    F weight = exponential(sub(load_first(logits + i, left), splat(max_logit)));
    if (left < kLanes) {  // lanes past the end hold no weight
      alignas(64) float lanes[kLanes];
      store(lanes, weight);
      weight = load_first(lanes, left);
    }
    sums = add(sums, weight);
    store_first(logits + i, round ? round_bf16(weight) : weight, left);
  }
  alignas(64) float sink_lanes[kLanes];
  store(sink_lanes, exponential(splat(sink - max_logit)));
  return sum_of_lanes(sums) + sink_lanes[0];
}

// sums[h] += sum_n weights[h][n] * rows[n] for H heads and V steps of channels from c on; the first
// time sums begin at zero.
template <int H, int V>
WN_INLINE void add_values(const float* weights,
                          int64_t weights_stride,
                          const float* const* rows,
                          int64_t n_rows,
                          int64_t c,
                          int64_t dim,
                          bool is_first,
                          float* out) {
  F sums[H][V];
  unrolled<H * V>([&](auto i) WN_ALWAYS {
    sums[i / V][i % V] = is_first ? zero() : load(out + i / V * dim + c + i % V * kLanes);
  });
  for (int64_t n = 0; n < n_rows; ++n) {
    F values[V];
    unrolled<V>([&](auto v) WN_ALWAYS { values[v] = load(rows[n] + c + v * kLanes); });
    unrolled<H>([&](auto h) WN_ALWAYS {
      const F weight = splat(weights[h * weights_stride + n]);
      unrolled<V>([&](auto v) WN_ALWAYS { sums[h][v] = fma(weight, values[v], sums[h][v]); });
    });
  }
  unrolled<H * V>(
      [&](auto i) WN_ALWAYS { store(out + i / V * dim + c + i % V * kLanes, sums[i / V][i % V]); });
}

// out = sums / total, one head's.
WN_INLINE void finish_values(const float*, int64_t dim, float total, bool round, float* out) {
  for (int64_t c = 0; c < dim; c += kLanes) {
    const F result = div(load(out + c), splat(total));
    store(out + c, round ? round_bf16(result) : result);
  }
}

#ifdef WN_BF16_DOT
// The same with rows and weights as BF16: rows meet in pairs, and sums lie interleaved.  The list's
// last row has a partner of weight 0 if it needs one.
template <int H, int V>
WN_INLINE void add_values(const uint16_t* weights,
                          int64_t weights_stride,
                          const uint16_t* const* rows,
                          int64_t n_rows,
                          int64_t c,
                          int64_t dim,
                          bool is_first,
                          float* out) {
  F sums[H][2 * V];
  unrolled<H * 2 * V>([&](auto i) WN_ALWAYS {
    constexpr int h = i / (2 * V);
    constexpr int v = i % (2 * V);
    sums[h][v] = is_first ? zero() : load(out + h * dim + c + v * kLanes);
  });
  for (int64_t n = 0; n < n_rows; n += 2) {
    Bf16 values[2 * V];
    unrolled<V>([&](auto v) WN_ALWAYS {
      interleave_bf16(load_bf16(rows[n] + c + 32 * v), load_bf16(rows[n + 1] + c + 32 * v),
                      values[2 * v], values[2 * v + 1]);
    });
    unrolled<H>([&](auto h) WN_ALWAYS {
      const Bf16 pair = splat_bf16_pair(weights + h * weights_stride + n);
      unrolled<2 * V>([&](auto v)
                          WN_ALWAYS { sums[h][v] = dot_bf16(sums[h][v], values[v], pair); });
    });
  }
  unrolled<H * 2 * V>([&](auto i) WN_ALWAYS {
    constexpr int h = i / (2 * V);
    constexpr int v = i % (2 * V);
    store(out + h * dim + c + v * kLanes, sums[h][v]);
  });
}

WN_INLINE void finish_values(const uint16_t*, int64_t dim, float total, bool, float* out) {
  for (int64_t c = 0; c < dim; c += 2 * kLanes) {
    F low;
    F high;
    deinterleaved(load(out + c), load(out + c + kLanes), low, high);
    store(out + c, round_bf16(div(low, splat(total))));
    store(out + c + kLanes, round_bf16(div(high, splat(total))));
  }
}

// Numbers as rows of the call's type have them: n of them, in `words` if they are not there
// already.
WN_INLINE const uint16_t* as_rows(const float* x, int64_t n, uint16_t* words) {
  floats_to_bf16(x, n, words);
  return words;
}
#endif
WN_INLINE const float* as_rows(const float* x, int64_t, float*) {
  return x;
}

// The tokens that meet a panel of rows together, and what they need.
constexpr int64_t kTokensAtOnce = 4;
template <typename T>
struct AttendingTokens {
  int64_t n = 0;
  const T** rows[kTokensAtOnce];  // each token's: of the window, then entries
  int64_t n_rows[kTokensAtOnce];
  const T* queries[kTokensAtOnce];  // [n_heads, dim]
  float* out[kTokensAtOnce];        // [n_heads, dim]
};

// body(h, H) for blocks of kHeadBlock heads, H known at compile time, then for each head left.
template <typename Body>
WN_INLINE void for_head_blocks(int64_t n_heads, const Body& body) {
  int64_t h = 0;
  for (; h + kHeadBlock <= n_heads; h += kHeadBlock) {
    body(h, std::integral_constant<int, kHeadBlock>());
  }
  for (; h < n_heads; ++h) body(h, std::integral_constant<int, 1>());
}

// Rows come by in panels that stay in the nearest cache while all heads of all tokens meet them:
// once for the logits and once for the values.  A token's result is the same in any company.
// `logits` and `words` have room for [n_heads, stride] numbers of each token.
template <typename T>
void attend_panels(const AttentionCall<T>& call,
                   const AttendingTokens<T>& tokens,
                   int64_t stride,
                   float* logits,
                   T* words,
                   float* totals) {
  const int64_t dim = call.dim;
  const int64_t n_heads = call.n_heads;
  const int64_t panel = at_least(32768 / (dim * static_cast<int64_t>(sizeof(T))) / 32 * 32, 32);
  int64_t n_rows_max = 0;
  for (int64_t t = 0; t < tokens.n; ++t) n_rows_max = at_least(n_rows_max, tokens.n_rows[t]);

  for (int64_t first = 0; first < n_rows_max; first += panel) {
    for (int64_t t = 0; t < tokens.n; ++t) {
      const int64_t n_here = at_most(tokens.n_rows[t] - first, panel);
      if (n_here <= 0) continue;
      for_head_blocks(n_heads, [&](int64_t h, auto heads) WN_ALWAYS {
        attention_logits<heads()>(tokens.queries[t] + h * dim, tokens.rows[t] + first, n_here, dim,
                                  call.in->scale, logits + (t * n_heads + h) * stride + first,
                                  stride);
      });
    }
  }
  const T* weights = nullptr;
  for (int64_t t = 0; t < tokens.n; ++t) {
    for (int64_t h = 0; h < n_heads; ++h) {
      const int64_t row = t * n_heads + h;
      totals[row] = attention_weights(logits + row * stride, tokens.n_rows[t], call.in->sinks[h],
                                      call.in->round_to_bf16);
      const T* of_head = as_rows(logits + row * stride, tokens.n_rows[t], words + row * stride);
      if (row == 0) weights = of_head;
    }
  }
  constexpr int kSteps = sizeof(T) == 4 ? 4 : 2;
  constexpr int64_t kStep = Products<T>::kStep;
  for (int64_t first = 0; first < n_rows_max; first += panel) {
    for (int64_t t = 0; t < tokens.n; ++t) {
      const int64_t n_here = at_most(tokens.n_rows[t] - first, panel);
      if (n_here <= 0) continue;
      for_head_blocks(n_heads, [&](int64_t h, auto heads) WN_ALWAYS {
        const T* of_heads = weights + (t * n_heads + h) * stride + first;
        float* out = tokens.out[t] + h * dim;
        int64_t c = 0;
        for (; c + kSteps * kStep <= dim; c += kSteps * kStep) {
          add_values<heads(), kSteps>(of_heads, stride, tokens.rows[t] + first, n_here, c, dim,
                                      first == 0, out);
        }
        for (; c < dim; c += kStep) {
          add_values<heads(), 1>(of_heads, stride, tokens.rows[t] + first, n_here, c, dim,
                                 first == 0, out);
        }
      });
    }
  }
  for (int64_t t = 0; t < tokens.n; ++t) {
    for (int64_t h = 0; h < n_heads; ++h) {
      finish_values(tokens.queries[t], dim, totals[t * n_heads + h], call.in->round_to_bf16,
                    tokens.out[t] + h * dim);
    }
  }
}

// The rows that token t attends to; `unpacked` has room for its entries where they are not unpacked
// yet.  Returns how many.
template <typename T>
int64_t list_rows(const AttentionCall<T>& call, int64_t t, T* unpacked, const T** rows) {
  const AttentionInputs& in = *call.in;
  const int64_t position = in.first_position + t;
  const int64_t window_first = at_least(in.first_window_position, position - in.window_length + 1);
  const int64_t n_window = position - window_first + 1;
  const int64_t n_entries = in.n_selected == nullptr ? 0 : in.n_selected[t];
  const int64_t first_row = window_first - in.first_window_position;
  WN_CHECK(n_window > 0 && first_row + n_window <= in.window.dim(0));
  for (int64_t i = 0; i < n_window; ++i) rows[i] = call.window + (first_row + i) * call.dim;
  for (int64_t i = 0; i < n_entries; ++i) {
    const int64_t entry =
        in.selected.data() == nullptr ? i : in.selected.data()[t * in.selected.dim(1) + i];
    if (call.entries != nullptr) {
      rows[n_window + i] = call.entries + entry * call.dim;
    } else {
      unpack_row(in.entries.row(entry, in.layout.row_bytes()), in.layout, unpacked + i * call.dim);
      rows[n_window + i] = unpacked + i * call.dim;
    }
  }
  const int64_t n_rows = n_window + n_entries;
  rows[n_rows] = rows[n_rows - 1];
  return n_rows;
}

template <typename T>
void attend_tokens(const AttentionCall<T>& call, int64_t first, int64_t last, float* out) {
  const AttentionInputs& in = *call.in;
  const int64_t dim = call.dim;
  const int64_t n_heads = call.n_heads;
  int64_t n_entries_max = 0;
  for (int64_t t = first; t < last && in.n_selected != nullptr; ++t) {
    n_entries_max = at_least(n_entries_max, in.n_selected[t]);
  }
  // Tokens gain by company where they attend to the same entries.
  const bool is_dense = in.selected.data() == nullptr && call.entries != nullptr;
  const int64_t at_once = is_dense ? kTokensAtOnce : 1;
  const int64_t n_rows_max = in.window_length + n_entries_max;
  const int64_t stride = round_up(n_rows_max, 32);
  const Scratch pointers(at_once * (n_rows_max + 1) * static_cast<int64_t>(sizeof(T*)));
  const Scratch unpacked(call.entries == nullptr ? n_entries_max * dim * 4 : 0);
  const Scratch logits(at_once * n_heads * stride * 4);
  const Scratch words(at_once * n_heads * stride * 2);
  const Scratch queries(at_once * n_heads * dim * 2);
  const Scratch totals(at_once * n_heads * 4);

  for (int64_t t = first; t < last; t += at_once) {
    AttendingTokens<T> tokens;
    for (; tokens.n < at_most(at_once, last - t); ++tokens.n) {
      const int64_t i = tokens.n;
      const int64_t of_token = (t + i) * n_heads * dim;
      tokens.rows[i] = pointers.pointers<T>() + i * (n_rows_max + 1);
      tokens.n_rows[i] = list_rows(call, t + i, unpacked.as<T>(), tokens.rows[i]);
      tokens.queries[i] =
          as_rows(in.q.data() + of_token, n_heads * dim, queries.as<T>() + i * n_heads * dim);
      tokens.out[i] = out + of_token;
    }
    attend_panels(call, tokens, stride, logits.floats(), words.as<T>(), totals.floats());
  }
}

// Attends with rows of type T; `window` are the call's window rows as such.
template <typename T>
void attend(Stream& stream, const AttentionInputs& in, const T* window, View<float, 3> out) {
  const int64_t n_tokens = in.q.dim(0);
  const int64_t dim = in.q.dim(2);
  // Entries that several tokens read are unpacked once for all, where they fit.
  constexpr int64_t kUnpackedMax = int64_t{1} << 24;  // numbers
  int64_t n_entries = 0;
  int64_t n_reads = 0;
  for (int64_t t = 0; t < n_tokens && in.n_selected != nullptr; ++t) {
    const int64_t n = in.n_selected[t];
    if (n > 0) {
      const int64_t last = in.selected.data() == nullptr
                               ? n - 1
                               : in.selected.data()[t * in.selected.dim(1) + n - 1];
      n_entries = at_least(n_entries, last + 1);
    }
    n_reads += n;
  }
  const bool unpacks_all = n_entries > 0 && n_entries <= n_reads && n_entries * dim <= kUnpackedMax;
  const Scratch unpacked(unpacks_all ? n_entries * dim * static_cast<int64_t>(sizeof(T)) : 0);
  if (unpacks_all) {
    parallel_for(stream, n_entries, piece_for(dim * 2), [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) {
        unpack_row(in.entries.row(i, in.layout.row_bytes()), in.layout, unpacked.as<T>() + i * dim);
      }
    });
  }
  const AttentionCall<T> call{&in, in.q.dim(1), dim, window,
                              unpacks_all ? unpacked.as<T>() : nullptr};
  float* to = out.data();
  const int64_t cost = in.q.dim(1) * dim * 2 * (in.window_length + n_reads / at_least(n_tokens, 1));
  parallel_for(stream, n_tokens, piece_for(cost),
               [&](int64_t first, int64_t last) { attend_tokens(call, first, last, to); });
}

void attention(Stream& stream, const AttentionInputs& in, View<float, 3> out) {
  const int64_t dim = in.q.dim(2);
  WN_CHECK(in.window.dim(1) == dim && out.size() == in.q.size());
  if (dim % kLanes != 0) return attention_reference(stream, in, out);
#ifdef WN_BF16_DOT
  if (in.round_to_bf16 && in.layout.packed && dim % 32 == 0 && in.layout.n_codes() % 32 == 0) {
    const int64_t n_window = in.window.dim(0);
    const Scratch window(n_window * dim * 2);
    parallel_for(stream, n_window, piece_for(dim), [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) {
        floats_to_bf16(in.window[i].data(), dim, window.words() + i * dim);
      }
    });
    return attend(stream, in, static_cast<const uint16_t*>(window.words()), out);
  }
#endif
  attend(stream, in, in.window.data(), out);
}

}  // namespace
}  // namespace widenet::kernels
