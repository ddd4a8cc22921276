// Hyper-connections; a token in each lane where the streams are mixed.
#pragma once

#include "kernels/simd/linear.h"
#include "kernels/simd/rows.h"

namespace widenet::kernels {
namespace {

void hc_project(
    Stream& stream, Rows<const float> x, const Weight& projection, float eps, Rows<float> out) {
  linear(stream, x, projection, {}, out);
  parallel_for(stream, x.count, piece_for(x.dim), [&](int64_t first, int64_t last) {
    for (int64_t t = first; t < last; ++t) {
      const float scale = inverse_rms(x.data + t * x.stride, x.dim,
                                      {.eps = eps, .round_output = false, .bf16_steps = false});
      for (int64_t r = 0; r < out.dim; ++r) out.data[t * out.stride + r] *= scale;
    }
  });
}

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

void hc_mixes(Stream& stream,
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
  parallel_for(stream, n_groups, 2, [&](int64_t first, int64_t last) {
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

// The number of streams that models have; others go to the reference.
constexpr int kStreams = 4;

void hc_collapse(Stream& stream,
                 View<const float, 3> x,
                 View<const float, 2> pre,
                 bool round_output,
                 View<float, 2> y) {
  const int64_t dim = x.dim(2);
  if (x.dim(1) != kStreams) return hc_collapse_reference(stream, x, pre, round_output, y);
  const float* streams = x.data();
  float* out = y.data();
  parallel_for(stream, x.dim(0), piece_for(kStreams * dim * 4), [&](int64_t first, int64_t last) {
    for (int64_t t = first; t < last; ++t) {
      F weights[kStreams];
      unrolled<kStreams>([&](auto j) WN_ALWAYS { weights[j] = splat(pre[t][j]); });
      for (int64_t i = 0; i < dim; i += kLanes) {
        F sum = zero();
        unrolled<kStreams>([&](auto j) WN_ALWAYS {
          const F v = load_first(streams + (t * kStreams + j) * dim + i, dim - i);
          sum = add(sum, mul(weights[j], v));
        });
        store_first(out + t * dim + i, round_output ? round_bf16(sum) : sum, dim - i);
      }
    }
  });
}

void hc_expand(Stream& stream,
               View<const float, 2> z,
               View<const float, 2> post,
               View<const float, 3> comb,
               bool round_output,
               View<float, 3> x) {
  const int64_t dim = x.dim(2);
  if (x.dim(1) != kStreams) return hc_expand_reference(stream, z, post, comb, round_output, x);
  const float* added = z.data();
  float* streams = x.data();
  const int64_t cost = kStreams * kStreams * dim;
  parallel_for(stream, x.dim(0), piece_for(cost), [&](int64_t first, int64_t last) {
    for (int64_t t = first; t < last; ++t) {
      F posts[kStreams];
      F combs[kStreams * kStreams];  // [from, to]
      unrolled<kStreams>([&](auto k) WN_ALWAYS { posts[k] = splat(post[t][k]); });
      unrolled<kStreams * kStreams>(
          [&](auto i) WN_ALWAYS { combs[i] = splat(comb[t][i / kStreams][i % kStreams]); });
      for (int64_t i = 0; i < dim; i += kLanes) {
        F before[kStreams];
        unrolled<kStreams>([&](auto j) WN_ALWAYS {
          const float* from = streams + (t * kStreams + j) * dim + i;
          __builtin_prefetch(from + kStreams * dim, 1);  // the next token: too few for the hardware
          before[j] = load_first(from, dim - i);
        });
        __builtin_prefetch(added + (t + 1) * dim + i);
        const F addend = load_first(added + t * dim + i, dim - i);
        unrolled<kStreams>([&](auto k) WN_ALWAYS {
          F sum = mul(posts[k], addend);
          unrolled<kStreams>(
              [&](auto j) WN_ALWAYS { sum = add(sum, mul(combs[j * kStreams + k], before[j])); });
          store_first(streams + (t * kStreams + k) * dim + i, round_output ? round_bf16(sum) : sum,
                      dim - i);
        });
      }
    }
  });
}

}  // namespace
}  // namespace widenet::kernels
