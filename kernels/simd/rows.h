// What treats each row by itself: quantisation, norms, rotation, SwiGLU, Hadamard.
#pragma once

#include "kernels/simd/arithmetic.h"

namespace widenet::kernels {
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

void quantise_activations(Stream& stream, Rows<const float> x, Rows<float> out) {
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

void rms_norm(Stream& stream,
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

void rope(Stream& stream, View<const float, 3> table, RopeOptions options, View<float, 3> x) {
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

void swiglu(Stream& stream,
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

void hadamard(Stream& stream, Rows<float> x) {
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

}  // namespace
}  // namespace widenet::kernels
