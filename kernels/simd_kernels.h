// The SIMD kernels, written once over a vector of kLanes floats.  Included at the end of
// simd_avx2.cc and simd_avx512.cc, which define the vector, WN_ISA and what only they can do.
//
// Every sum runs over lanes first, in an order that depends on the row's length alone, and is then
// folded by sums_of_four(): a result never depends on its neighbours.
#pragma once

namespace widenet::kernels {
namespace {

constexpr int64_t round_up(int64_t n, int64_t multiple) {
  return (n + multiple - 1) / multiple * multiple;
}
WN_INLINE int64_t at_most(int64_t a, int64_t b) {
  return a < b ? a : b;
}
WN_INLINE int64_t at_least(int64_t a, int64_t b) {
  return a > b ? a : b;
}

WN_INLINE F round_bf16(F v) {
  return round_mantissa<16>(v);
}

WN_INLINE float sum_of_lanes(F v) {
  return _mm_cvtss_f32(sums_of_four(v, v, v, v));
}

// e^x to about 2 ulp (Cephes): reduction by multiples of ln 2, then a polynomial.  0 below -87.3,
// where the result would be subnormal.
WN_INLINE F exponential(F x) {
  const F clamped = min(max(x, splat(-87.3f)), splat(88.7f));
  const F n = nearest_integer(mul(clamped, splat(1.44269504088896341f)));
  F r = fma(n, splat(-0.693359375f), clamped);
  r = fma(n, splat(2.12194440e-4f), r);
  F p = splat(1.9875691500e-4f);
  p = fma(p, r, splat(1.3981999507e-3f));
  p = fma(p, r, splat(8.3334519073e-3f));
  p = fma(p, r, splat(4.1665795894e-2f));
  p = fma(p, r, splat(1.6666665459e-1f));
  p = fma(p, r, splat(5.0000001201e-1f));
  p = fma(mul(p, r), r, add(r, splat(1.0f)));
  const F low = times_power_of_two(p, min(n, splat(127.0f)));  // n = 128: in two steps
  const F value = times_power_of_two(low, sub(n, min(n, splat(127.0f))));
  return where_less(x, splat(-87.3f), zero(), value);
}

WN_INLINE F sigmoid(F x) {
  return div(splat(1.0f), add(splat(1.0f), exponential(sub(zero(), x))));
}

// ------------------------------------------------------------------------------------------------
// Linear.  A few rows of the weight are decoded into a panel, then meet all tokens.
// ------------------------------------------------------------------------------------------------

constexpr int64_t kPanelRows = 8;
constexpr int64_t kFloatStep = kLanes;

// sums[c][r] of R weight rows and C tokens, over k floats (a multiple of kFloatStep).
template <int R, int C>
WN_INLINE void multiply_floats(const float* w,
                               int64_t w_stride,
                               const float* x,
                               int64_t x_stride,
                               int64_t k,
                               F (&sums)[C][R]) {
  for (int c = 0; c < C; ++c) {
    for (int r = 0; r < R; ++r) sums[c][r] = zero();
  }
  for (int64_t i = 0; i < k; i += kFloatStep) {
    F tokens[C];
    for (int c = 0; c < C; ++c) tokens[c] = load(x + c * x_stride + i);
    for (int r = 0; r < R; ++r) {
      const F row = load(w + r * w_stride + i);
      for (int c = 0; c < C; ++c) sums[c][r] = fma(row, tokens[c], sums[c][r]);
    }
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
  for (int c = 0; c < C; ++c) {
    for (int r = 0; r < R; ++r) sums[c][r] = zero();
  }
  for (int64_t i = 0; i < k; i += kPanelStep) {
    for (int c = 0; c < C; ++c) {
      for (int r = 0; r < R; ++r) {
        sums[c][r] = dot_bf16(sums[c][r], w + r * w_stride + i, x + c * x_stride + i);
      }
    }
  }
}
#endif

// Folds and stores the sums of C tokens with R rows (a multiple of 4), the first n of which exist.
template <int R, int C>
WN_INLINE void store_sums(
    const F (&sums)[C][R], int64_t n, bool round_output, float* out, int64_t out_stride) {
  for (int c = 0; c < C; ++c) {
    alignas(16) float results[R];
    for (int r = 0; r < R; r += 4) {
      _mm_store_ps(results + r,
                   sums_of_four(sums[c][r], sums[c][r + 1], sums[c][r + 2], sums[c][r + 3]));
    }
    for (int64_t r = 0; r < n; ++r) {
      out[c * out_stride + r] = round_output ? round_to_bf16(results[r]) : results[r];
    }
  }
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
  const Scratch panel(kPanelRows * call.k * 4);
  const Scratch row_scratch(call.k * 4);
  for (int64_t row = first; row < last; row += kPanelRows) {
    const int64_t n = at_most(kPanelRows, last - row);
    for (int64_t r = 0; r < kPanelRows; ++r) {  // rows past the end repeat the last: not stored
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
      linear_block<4, kLinearTokens>(call, panel.floats(), 0, at_most(n, 4), t, row);
      if (n > 4) linear_block<4, kLinearTokens>(call, panel.floats(), 4, n - 4, t, row + 4);
    }
    for (; t < t_last; ++t) linear_block<8, 1>(call, panel.floats(), 0, n, t, row);
  }
}

}  // namespace

void WN_ISA(linear)(Stream& stream,
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
    for (int64_t t = 0; t < x.count; ++t) {
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
    call.x_floats = copy.floats();
    call.x_bf16 = copy.words();
  } else {
    call.x_floats = x.data;
    call.x_stride = x.stride;
  }

  const int64_t n_panels = (weight.n_rows + kPanelRows - 1) / kPanelRows;
  if (n_panels >= 8 || x.count < 8) {
    const int64_t piece = piece_for(kPanelRows * call.k * at_least(x.count, 8));
    parallel_for(stream, n_panels, piece, [&](int64_t first, int64_t last) {
      linear_part(call, first * kPanelRows, at_most(last * kPanelRows, weight.n_rows), 0, x.count);
    });
  } else {
    const int64_t piece = round_up(piece_for(weight.n_rows * call.k), kLinearTokens);
    parallel_for(stream, x.count, piece, [&](int64_t first, int64_t last) {
      linear_part(call, 0, weight.n_rows, first, last);
    });
  }
}

// ------------------------------------------------------------------------------------------------
// Rounding and norms
// ------------------------------------------------------------------------------------------------

namespace {

// The nearest E4M3 number to v, |v| clamped to 448; the sign survives in zeros too.
WN_INLINE F round_e4m3(F v) {
  const F size = min(magnitude(v), splat(kE4m3Max));
  const F normal = round_mantissa<20>(size);
  const F small = sub(add(size, splat(0x1p14f)), splat(0x1p14f));
  return with_sign_of(where_less(size, splat(0x1p-6f), small, normal), v);
}

float largest_magnitude(const float* x, int64_t n) {
  F largest = zero();
  for (int64_t i = 0; i < n; i += kLanes) {
    largest = max(largest, magnitude(load_first(x + i, n - i)));
  }
  return largest_lane(largest);
}

}  // namespace

void WN_ISA(quantise_activations)(Stream& stream, Rows<const float> x, Rows<float> out) {
  constexpr int64_t kBlock = 128;
  WN_CHECK(x.count == out.count && x.dim == out.dim);
  parallel_for(stream, x.count, piece_for(x.dim * 8), [&](int64_t t_first, int64_t t_last) {
    for (int64_t t = t_first; t < t_last; ++t) {
      for (int64_t first = 0; first < x.dim; first += kBlock) {
        const int64_t n = at_most(kBlock, x.dim - first);
        const float* from = x.data + t * x.stride + first;
        float* to = out.data + t * out.stride + first;
        const float scale = e8m0_to_float(fp8_block_scale(largest_magnitude(from, n)));
        for (int64_t i = 0; i < n; i += kLanes) {
          const F v = mul(load_first(from + i, n - i), splat(1.0f / scale));
          store_first(to + i, mul(round_e4m3(v), splat(scale)), n - i);
        }
      }
    }
  });
}

namespace {

float sum_of_squares(const float* x, int64_t n) {
  F squares = zero();
  for (int64_t i = 0; i < n; i += kLanes) {
    const F v = load_first(x + i, n - i);
    squares = fma(v, v, squares);
  }
  return sum_of_lanes(squares);
}

float sum_of_rounded_squares(const float* x, int64_t n) {
  F squares = zero();
  for (int64_t i = 0; i < n; i += kLanes) {
    const F v = load_first(x + i, n - i);
    squares = add(round_bf16(mul(v, v)), squares);
  }
  return sum_of_lanes(squares);
}

float inverse_rms(const float* x, int64_t n, const RmsNormOptions& options) {
  if (!options.bf16_steps) {
    return 1.0f / std::sqrt(sum_of_squares(x, n) / static_cast<float>(n) + options.eps);
  }
  const float mean = round_to_bf16(sum_of_rounded_squares(x, n) / static_cast<float>(n));
  return round_to_bf16(1.0f / std::sqrt(round_to_bf16(mean + options.eps)));
}

}  // namespace

void WN_ISA(rms_norm)(Stream& stream,
                      Rows<const float> x,
                      const float* weight,
                      RmsNormOptions options,
                      Rows<float> out) {
  WN_CHECK(x.count == out.count && x.dim == out.dim);
  parallel_for(stream, x.count, piece_for(x.dim * 4), [&](int64_t first, int64_t last) {
    for (int64_t t = first; t < last; ++t) {
      const float* from = x.data + t * x.stride;
      float* to = out.data + t * out.stride;
      const F scale = splat(inverse_rms(from, x.dim, options));
      for (int64_t i = 0; i < x.dim; i += kLanes) {
        F v = mul(load_first(from + i, x.dim - i), scale);
        if (weight != nullptr) v = mul(v, load_first(weight + i, x.dim - i));
        store_first(to + i, options.round_output ? round_bf16(v) : v, x.dim - i);
      }
    }
  });
}

void WN_ISA(rope)(Stream& stream,
                  View<const float, 3> table,
                  RopeOptions options,
                  View<float, 3> x) {
  const int64_t rope_dim = 2 * table.dim(1);
  const int64_t n_heads = x.dim(1);
  const int64_t head_dim = x.dim(2);
  WN_CHECK(table.dim(0) == x.dim(0) && rope_dim <= head_dim);
  if (rope_dim % kLanes != 0) return rope_reference(stream, table, options, x);
  const float* angles = table.data();
  float* data = x.data();
  parallel_for(stream, x.dim(0), piece_for(n_heads * rope_dim), [&](int64_t first, int64_t last) {
    for (int64_t t = first; t < last; ++t) {
      for (int64_t i = 0; i < rope_dim; i += kLanes) {
        const F pairs = load(angles + t * rope_dim + i);  // cos, sin, cos, sin, ...
        const F cos = even_twice(pairs);
        F sin = odd_twice(pairs);
        if (options.inverse) sin = sub(zero(), sin);
        for (int64_t h = 0; h < n_heads; ++h) {
          float* p = data + (t * n_heads + h) * head_dim + head_dim - rope_dim + i;
          const F v = load(p);
          const F turned = add(mul(v, cos), negate_even(mul(swap_pairs(v), sin)));
          store(p, options.round_output ? round_bf16(turned) : turned);
        }
      }
    }
  });
}

void WN_ISA(swiglu)(Stream& stream,
                    Rows<const float> gate,
                    Rows<const float> up,
                    const SwigluOptions& options,
                    Rows<float> out) {
  WN_CHECK(gate.count == up.count && gate.dim == up.dim && out.dim == up.dim);
  const int64_t dim = gate.dim;
  parallel_for(stream, gate.count, piece_for(dim * 8), [&](int64_t first, int64_t last) {
    for (int64_t t = first; t < last; ++t) {
      const F row_weight = splat(options.row_weights != nullptr ? options.row_weights[t] : 1.0f);
      for (int64_t i = 0; i < dim; i += kLanes) {
        F g = load_first(gate.data + t * gate.stride + i, dim - i);
        F u = load_first(up.data + t * up.stride + i, dim - i);
        if (options.limit > 0.0f) {
          g = min(g, splat(options.limit));
          u = max(min(u, splat(options.limit)), splat(-options.limit));
        }
        const F silu = div(g, add(splat(1.0f), exponential(sub(zero(), g))));
        const F v = mul(mul(silu, u), row_weight);
        store_first(out.data + t * out.stride + i, options.round_output ? round_bf16(v) : v,
                    dim - i);
      }
    }
  });
}

void WN_ISA(hadamard)(Stream& stream, Rows<float> x) {
  if (x.dim % kLanes != 0) return hadamard_reference(stream, x);
  WN_CHECK((x.dim & (x.dim - 1)) == 0);
  const auto scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(x.dim)));
  parallel_for(stream, x.count, piece_for(x.dim * 4), [&](int64_t first, int64_t last) {
    for (int64_t t = first; t < last; ++t) {
      float* v = x.data + t * x.stride;
      for (int64_t i = 0; i < x.dim; i += kLanes) store(v + i, butterflies(load(v + i)));
      for (int64_t distance = kLanes; distance < x.dim; distance *= 2) {
        for (int64_t i = 0; i < x.dim; i += kLanes) {
          if ((i & distance) != 0) continue;
          const F a = load(v + i);
          const F b = load(v + i + distance);
          store(v + i, add(a, b));
          store(v + i + distance, sub(a, b));
        }
      }
      for (int64_t i = 0; i < x.dim; i += kLanes) {
        store(v + i, round_bf16(mul(load(v + i), splat(scale))));
      }
    }
  });
}

// ------------------------------------------------------------------------------------------------
// Hyper-connections
// ------------------------------------------------------------------------------------------------

void WN_ISA(hc_project)(
    Stream& stream, Rows<const float> x, const Weight& projection, float eps, Rows<float> out) {
  WN_ISA(linear)(stream, x, projection, {}, out);
  parallel_for(stream, x.count, piece_for(x.dim), [&](int64_t first, int64_t last) {
    for (int64_t t = first; t < last; ++t) {
      const float scale = inverse_rms(x.data + t * x.stride, x.dim,
                                      {.eps = eps, .round_output = false, .bf16_steps = false});
      for (int64_t r = 0; r < out.dim; ++r) out.data[t * out.stride + r] *= scale;
    }
  });
}

namespace {

constexpr int64_t kStreamsMax = 8;

// A token in each lane; c[j * n + k].
WN_INLINE void normalise(F* c, int64_t n, int64_t outer, int64_t inner, F eps) {
  for (int64_t a = 0; a < n; ++a) {
    F sum = zero();
    for (int64_t b = 0; b < n; ++b) sum = add(sum, c[a * outer + b * inner]);
    sum = add(sum, eps);
    for (int64_t b = 0; b < n; ++b) c[a * outer + b * inner] = div(c[a * outer + b * inner], sum);
  }
}

WN_INLINE void sinkhorn(F* c, const HcMixOptions& options) {
  const int64_t n = options.n_streams;
  const F eps = splat(options.eps);
  for (int64_t j = 0; j < n; ++j) {
    F* row = c + j * n;
    F largest = row[0];
    for (int64_t k = 1; k < n; ++k) largest = max(largest, row[k]);
    F sum = zero();
    for (int64_t k = 0; k < n; ++k) {
      row[k] = exponential(sub(row[k], largest));
      sum = add(sum, row[k]);
    }
    for (int64_t k = 0; k < n; ++k) row[k] = add(div(row[k], sum), eps);
  }
  normalise(c, n, 1, n, eps);
  for (int64_t i = 1; i < options.sinkhorn_iters; ++i) {
    normalise(c, n, n, 1, eps);
    normalise(c, n, 1, n, eps);
  }
}

// Lane l of the result is p[l * stride], for the first n lanes; the others repeat the last.
WN_INLINE F load_strided(const float* p, int64_t stride, int64_t n) {
  alignas(64) float values[kLanes];
  for (int64_t l = 0; l < kLanes; ++l) values[l] = p[at_most(l, n - 1) * stride];
  return load(values);
}

WN_INLINE void store_strided(float* p, int64_t stride, int64_t n, F v) {
  alignas(64) float values[kLanes];
  store(values, v);
  for (int64_t l = 0; l < n; ++l) p[l * stride] = values[l];
}

}  // namespace

void WN_ISA(hc_mixes)(Stream& stream,
                      Rows<const float> projected,
                      const float* base,
                      const float* scale,
                      const HcMixOptions& options,
                      const HcMix& out) {
  const int64_t n = options.n_streams;
  WN_CHECK(projected.dim == (2 + n) * n);
  if (n > kStreamsMax) {
    return hc_mixes_reference(stream, projected, base, scale, options, out);
  }
  float* pre = out.pre.data();
  float* post = out.post.data();
  float* comb = out.comb.data();
  const int64_t n_groups = (projected.count + kLanes - 1) / kLanes;
  parallel_for(stream, n_groups, 16, [&](int64_t first, int64_t last) {
    F c[kStreamsMax * kStreamsMax];
    for (int64_t t = first * kLanes; t < at_most(last * kLanes, projected.count); t += kLanes) {
      const int64_t n_here = at_most(kLanes, projected.count - t);
      const float* m = projected.data + t * projected.stride;
      const auto mixed = [&](int64_t i, int64_t part) {
        return add(mul(load_strided(m + i, projected.stride, n_here), splat(scale[part])),
                   splat(base[i]));
      };
      for (int64_t j = 0; j < n; ++j) {
        store_strided(pre + t * n + j, n, n_here, add(sigmoid(mixed(j, 0)), splat(options.eps)));
        store_strided(post + t * n + j, n, n_here, mul(splat(2.0f), sigmoid(mixed(n + j, 1))));
      }
      for (int64_t i = 0; i < n * n; ++i) c[i] = mixed(2 * n + i, 2);
      sinkhorn(c, options);
      for (int64_t i = 0; i < n * n; ++i) store_strided(comb + t * n * n + i, n * n, n_here, c[i]);
    }
  });
}

void WN_ISA(hc_collapse)(Stream& stream,
                         View<const float, 3> x,
                         View<const float, 2> pre,
                         bool round_output,
                         View<float, 2> y) {
  const int64_t n = x.dim(1);
  const int64_t dim = x.dim(2);
  const float* streams = x.data();
  const float* weights = pre.data();
  float* out = y.data();
  parallel_for(stream, x.dim(0), piece_for(n * dim * 4), [&](int64_t first, int64_t last) {
    for (int64_t t = first; t < last; ++t) {
      for (int64_t i = 0; i < dim; i += kLanes) {
        F sum = zero();
        for (int64_t j = 0; j < n; ++j) {
          const F v = load_first(streams + (t * n + j) * dim + i, dim - i);
          sum = add(sum, mul(splat(weights[t * n + j]), v));
        }
        store_first(out + t * dim + i, round_output ? round_bf16(sum) : sum, dim - i);
      }
    }
  });
}

void WN_ISA(hc_expand)(Stream& stream,
                       View<const float, 2> z,
                       View<const float, 2> post,
                       View<const float, 3> comb,
                       bool round_output,
                       View<float, 3> x) {
  const int64_t n = x.dim(1);
  const int64_t dim = x.dim(2);
  if (n > kStreamsMax) return hc_expand_reference(stream, z, post, comb, round_output, x);
  const float* added = z.data();
  const float* post_weights = post.data();
  const float* comb_weights = comb.data();
  float* streams = x.data();
  parallel_for(stream, x.dim(0), piece_for(n * n * dim), [&](int64_t first, int64_t last) {
    for (int64_t t = first; t < last; ++t) {
      for (int64_t i = 0; i < dim; i += kLanes) {
        F before[kStreamsMax];
        for (int64_t j = 0; j < n; ++j) {
          before[j] = load_first(streams + (t * n + j) * dim + i, dim - i);
        }
        const F addend = load_first(added + t * dim + i, dim - i);
        for (int64_t k = 0; k < n; ++k) {
          F sum = mul(splat(post_weights[t * n + k]), addend);
          for (int64_t j = 0; j < n; ++j) {
            sum = add(sum, mul(splat(comb_weights[(t * n + j) * n + k]), before[j]));
          }
          store_first(streams + (t * n + k) * dim + i, round_output ? round_bf16(sum) : sum,
                      dim - i);
        }
      }
    }
  });
}

// ------------------------------------------------------------------------------------------------
// Compressor, index scores, rows, attention
// ------------------------------------------------------------------------------------------------

void WN_ISA(compress)(Stream& stream, const CompressorInputs& in, Rows<float> out) {
  const int64_t width = out.dim;
  const bool has_previous = in.overlapping && !in.is_first;
  const int64_t first_row = has_previous ? in.ratio : 0;
  const int64_t half = in.overlapping ? width : 0;
  WN_CHECK(in.values.dim == (in.overlapping ? 2 : 1) * width && in.gates.dim == in.values.dim);
  WN_CHECK(first_row + out.count * in.ratio <= in.values.count);

  // Pooled row r of an entry: the previous window's half A, then its own window's half B.
  const auto pool = [&](int64_t window, int64_t n_previous, int64_t i, float* to) {
    const int64_t n_rows = n_previous + in.ratio;
    const auto offset = [&](int64_t r, int64_t stride) {
      return (window - n_previous + r) * stride + (r < n_previous ? 0 : half) + i;
    };
    F largest = splat(-INFINITY);
    for (int64_t r = 0; r < n_rows; ++r) {
      largest = max(largest, load_first(in.gates.data + offset(r, in.gates.stride), width - i));
    }
    F sum = zero();
    F weighted = zero();
    for (int64_t r = 0; r < n_rows; ++r) {
      const F gate = load_first(in.gates.data + offset(r, in.gates.stride), width - i);
      const F weight = exponential(sub(gate, largest));
      sum = add(sum, weight);
      weighted = fma(weight, load_first(in.values.data + offset(r, in.values.stride), width - i),
                     weighted);
    }
    store_first(to + i, div(weighted, sum), width - i);
  };
  parallel_for(stream, out.count, piece_for(in.ratio * width * 8),
               [&](int64_t first, int64_t last) {
                 for (int64_t e = first; e < last; ++e) {
                   const int64_t window = first_row + e * in.ratio;
                   const int64_t n_previous = in.overlapping && window >= in.ratio ? in.ratio : 0;
                   for (int64_t i = 0; i < width; i += kLanes) {
                     pool(window, n_previous, i, out.data + e * out.stride);
                   }
                 }
               });
}

namespace {

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

}  // namespace

void WN_ISA(unpack_kv_rows)(Stream& stream,
                            const uint8_t* rows,
                            const KvLayout& layout,
                            Rows<float> out) {
  WN_CHECK(out.dim == layout.head_dim);
  parallel_for(stream, out.count, piece_for(out.dim * 2), [&](int64_t first, int64_t last) {
    for (int64_t t = first; t < last; ++t) {
      unpack_row(rows + t * layout.row_bytes(), layout, out.data + t * out.stride);
    }
  });
}

namespace {

// One token's attention: its rows in list order, then logits [n_heads, n], then sums.
struct AttentionCall {
  const AttentionInputs* in;
  int64_t n_heads;
  int64_t dim;
  const float* entries;  // all entries unpacked, or null: unpack those selected
};

// logits[h][n] for H heads and rows n .. n + 3 (past the end they repeat the last).
template <int H>
WN_INLINE void attention_logits(const float* q,
                                const float* const* rows,
                                int64_t n_rows,
                                int64_t dim,
                                float scale,
                                float* logits,
                                int64_t logits_stride) {
  for (int64_t n = 0; n < n_rows; n += 4) {
    const float* row[4];
    for (int64_t i = 0; i < 4; ++i) row[i] = rows[at_most(n + i, n_rows - 1)];
    F sums[H][4];
    for (int h = 0; h < H; ++h) {
      for (int i = 0; i < 4; ++i) sums[h][i] = zero();
    }
    for (int64_t c = 0; c < dim; c += kLanes) {
      F query[H];
      for (int h = 0; h < H; ++h) query[h] = load(q + h * dim + c);
      for (int i = 0; i < 4; ++i) {
        const F key = load(row[i] + c);
        for (int h = 0; h < H; ++h) sums[h][i] = fma(query[h], key, sums[h][i]);
      }
    }
    for (int h = 0; h < H; ++h) {  // logits have room for a multiple of 4
      const __m128 four = sums_of_four(sums[h][0], sums[h][1], sums[h][2], sums[h][3]);
      _mm_storeu_ps(logits + h * logits_stride + n, _mm_mul_ps(four, _mm_set1_ps(scale)));
    }
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

// out[h] = sum_n weights[h][n] * rows[n] / totals[h] for H heads and V vectors of channels.
template <int H, int V>
WN_INLINE void attention_values(const float* weights,
                                int64_t weights_stride,
                                const float* const* rows,
                                int64_t n_rows,
                                const float* totals,
                                bool round,
                                int64_t dim,
                                float* out) {
  F sums[H][V];
  for (int h = 0; h < H; ++h) {
    for (int v = 0; v < V; ++v) sums[h][v] = zero();
  }
  for (int64_t n = 0; n < n_rows; ++n) {
    F values[V];
    for (int v = 0; v < V; ++v) values[v] = load(rows[n] + v * kLanes);
    for (int h = 0; h < H; ++h) {
      const F weight = splat(weights[h * weights_stride + n]);
      for (int v = 0; v < V; ++v) sums[h][v] = fma(weight, values[v], sums[h][v]);
    }
  }
  for (int h = 0; h < H; ++h) {
    for (int v = 0; v < V; ++v) {
      const F result = div(sums[h][v], splat(totals[h]));
      store(out + h * dim + v * kLanes, round ? round_bf16(result) : result);
    }
  }
}

template <int H>
WN_INLINE void attend_heads(const AttentionCall& call,
                            const float* q,
                            const float* sinks,
                            const float** rows,
                            int64_t n_rows,
                            float* logits,
                            float* out) {
  const int64_t stride = round_up(n_rows, kLanes);
  const bool round = call.in->round_to_bf16;
  attention_logits<H>(q, rows, n_rows, call.dim, call.in->scale, logits, stride);
  float totals[H];
  for (int h = 0; h < H; ++h) {
    totals[h] = attention_weights(logits + h * stride, n_rows, sinks[h], round);
  }
  constexpr int kVectors = 4;
  int64_t c = 0;
  for (; c + kVectors * kLanes <= call.dim; c += kVectors * kLanes) {
    attention_values<H, kVectors>(logits, stride, rows, n_rows, totals, round, call.dim, out + c);
    for (int64_t n = 0; n < n_rows; ++n) rows[n] += kVectors * kLanes;
  }
  for (; c < call.dim; c += kLanes) {
    attention_values<H, 1>(logits, stride, rows, n_rows, totals, round, call.dim, out + c);
    for (int64_t n = 0; n < n_rows; ++n) rows[n] += kLanes;
  }
  for (int64_t n = 0; n < n_rows; ++n) rows[n] -= call.dim;
}

void attend_tokens(const AttentionCall& call, int64_t first, int64_t last, float* out) {
  const AttentionInputs& in = *call.in;
  const int64_t dim = call.dim;
  const int64_t k = in.selected.dim(1);
  int64_t n_entries_max = 0;
  for (int64_t t = first; t < last && in.n_selected != nullptr; ++t) {
    n_entries_max = at_least(n_entries_max, in.n_selected[t]);
  }
  const int64_t n_rows_max = in.window_length + n_entries_max;
  const Scratch pointers(n_rows_max * static_cast<int64_t>(sizeof(float*)));
  const Scratch unpacked(call.entries == nullptr ? n_entries_max * dim * 4 : 0);
  const Scratch logits(kHeadBlock * round_up(n_rows_max, kLanes) * 4);
  const float** rows = pointers.pointers();

  for (int64_t t = first; t < last; ++t) {
    const int64_t position = in.first_position + t;
    const int64_t window_first = at_least(0, position - in.window_length + 1);
    const int64_t n_window = position - window_first + 1;
    const int64_t n_entries = in.n_selected == nullptr ? 0 : in.n_selected[t];
    const int64_t first_row = window_first - in.first_window_position;
    WN_CHECK(first_row >= 0 && first_row + n_window <= in.window.dim(0));
    for (int64_t i = 0; i < n_window; ++i) rows[i] = in.window.data() + (first_row + i) * dim;
    for (int64_t i = 0; i < n_entries; ++i) {
      const int64_t entry = in.selected.data() == nullptr ? i : in.selected.data()[t * k + i];
      if (call.entries != nullptr) {
        rows[n_window + i] = call.entries + entry * dim;
      } else {
        float* to = unpacked.floats() + i * dim;
        unpack_row(in.entries + entry * in.layout.row_bytes(), in.layout, to);
        rows[n_window + i] = to;
      }
    }
    const int64_t n_rows = n_window + n_entries;
    const float* q = in.q.data() + t * call.n_heads * dim;
    float* to = out + t * call.n_heads * dim;
    int64_t h = 0;
    for (; h + kHeadBlock <= call.n_heads; h += kHeadBlock) {
      attend_heads<kHeadBlock>(call, q + h * dim, in.sinks + h, rows, n_rows, logits.floats(),
                               to + h * dim);
    }
    for (; h < call.n_heads; ++h) {
      attend_heads<1>(call, q + h * dim, in.sinks + h, rows, n_rows, logits.floats(), to + h * dim);
    }
  }
}

}  // namespace

void WN_ISA(attention)(Stream& stream, const AttentionInputs& in, View<float, 3> out) {
  const int64_t n_tokens = in.q.dim(0);
  const int64_t dim = in.q.dim(2);
  WN_CHECK(in.window.dim(1) == dim && out.size() == in.q.size());
  if (dim % kLanes != 0) return attention_reference(stream, in, out);

  // Entries that several tokens read are unpacked once for all, where they fit.
  constexpr int64_t kUnpackedMax = int64_t{1} << 24;  // floats
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
  const Scratch unpacked(unpacks_all ? n_entries * dim * 4 : 0);
  if (unpacks_all) {
    WN_ISA(unpack_kv_rows)
    (stream, in.entries, in.layout, Rows<float>(unpacked.floats(), n_entries, dim, dim));
  }
  const AttentionCall call{&in, in.q.dim(1), dim, unpacks_all ? unpacked.floats() : nullptr};
  float* to = out.data();
  const int64_t cost = in.q.dim(1) * dim * 2 * (in.window_length + n_reads / at_least(n_tokens, 1));
  parallel_for(stream, n_tokens, piece_for(cost),
               [&](int64_t first, int64_t last) { attend_tokens(call, first, last, to); });
}

void WN_ISA(index_scores)(Stream& stream, const IndexScoreInputs& in, View<float, 2> scores) {
  const int64_t n_tokens = in.head_weights.dim(0);
  const int64_t n_heads = in.head_weights.dim(1);
  const IndexLayout& layout = in.layout;
  if (!layout.packed || layout.dim > kIndexDimMax)
    return index_scores_reference(stream, in, scores);
  int64_t n_keys = 0;
  for (int64_t t = 0; t < n_tokens; ++t) n_keys = at_least(n_keys, in.n_visible[t]);
  WN_CHECK(scores.dim(0) == n_tokens && n_keys <= scores.dim(1));
  const int64_t stride = scores.dim(1);
  float* out = scores.data();
  const float* head_weights = in.head_weights.data();

  const Scratch memory(n_tokens * n_heads * static_cast<int64_t>(sizeof(PreparedQuery)));
  auto* queries = reinterpret_cast<PreparedQuery*>(memory.floats());
  for (int64_t i = 0; i < n_tokens * n_heads; ++i) {
    prepare_query(in.queries + i * layout.row_bytes(), layout, queries[i]);
  }
  const int64_t n_tiles = (n_keys + kLanes - 1) / kLanes;
  const int64_t cost = n_tokens * n_heads * layout.dim * kLanes / 4 + kLanes * layout.dim;
  parallel_for(stream, n_tiles, piece_for(cost), [&](int64_t first, int64_t last) {
    KeyTile tile;
    for (int64_t s = first * kLanes; s < at_most(last * kLanes, n_keys); s += kLanes) {
      load_key_tile(in.keys + s * layout.row_bytes(), n_keys - s, layout, tile);
      for (int64_t t = 0; t < n_tokens; ++t) {
        const int64_t n_here = in.n_visible[t] - s;
        if (n_here <= 0) continue;
        F sum = zero();
        for (int64_t h = 0; h < n_heads; ++h) {
          const F dot = round_bf16(tile_dots(queries[t * n_heads + h], tile, layout.n_scales()));
          const F part = mul(max(dot, zero()), splat(head_weights[t * n_heads + h]));
          sum = add(sum, round_bf16(part));
        }
        store_first(out + t * stride + s, round_bf16(sum), n_here);
      }
    }
  });
}

}  // namespace widenet::kernels
