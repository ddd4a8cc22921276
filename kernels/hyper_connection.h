// Manifold-constrained hyper-connections (mHC): several residual streams, mixed around every
// sub-layer.
#pragma once

#include "kernels/stream.h"
#include "kernels/weight.h"

namespace widenet::kernels {

// M = n_streams.  A sub-layer has (2 + M) M mixing numbers a token: M for `pre`, M for `post`, then
// the M x M matrix `comb`, row-major.

// out[t][r] = (projection[r] . x[t]) / sqrt(mean(x[t]^2) + eps), x [n_tokens, M * dim], in float32.
using HcProject =
    void(Stream&, Rows<const float> x, const Weight& projection, float eps, Rows<float> out);

struct HcMixOptions {
  int64_t n_streams = 4;
  int64_t sinkhorn_iters = 20;
  float eps = 1e-6f;
};

// From the projections [n_tokens, (2 + M) M], with base [(2 + M) M] and scale [3]:
//   pre[j]     = sigmoid(m[j] * scale[0] + base[j]) + eps
//   post[j]    = 2 * sigmoid(m[M + j] * scale[1] + base[M + j])
//   comb[j][k] = m[2M + jM + k] * scale[2] + base[..], then Sinkhorn: softmax over each row, plus
//                eps; columns divided by (their sum + eps); then (iters - 1) times rows, columns.
//   pre, post [n_tokens, M];  comb [n_tokens, M, M]
// Bit-identical on every backend up to the exponential function: 1e-6.
struct HcMix {
  View<float, 2> pre;
  View<float, 2> post;
  View<float, 3> comb;
};
using HcMixes = void(Stream&,
                     Rows<const float> projected,
                     const float* base,
                     const float* scale,
                     const HcMixOptions&,
                     const HcMix& out);

// The final head's weights: pre[t][j] = sigmoid(m[t][j] * scale + base[j]) + eps.
void hc_head_mix(
    Rows<const float> projected, const float* base, float scale, float eps, View<float, 2> pre);

// y[t] = sum_j pre[t][j] * x[t][j], in float32, in order; rounded to BF16 if asked.
//   x [n_tokens, M, dim], y [n_tokens, dim].  Bit-identical on every backend.
using HcCollapse = void(
    Stream&, View<const float, 3> x, View<const float, 2> pre, bool round_output, View<float, 2> y);

// x[t][k] <- post[t][k] * z[t] + sum_j comb[t][j][k] * x[t][j]: the sum runs over the FIRST index.
// In float32, j in order, one rounding to BF16 at the end if asked.  Bit-identical on every
// backend.
using HcExpand = void(Stream&,
                      View<const float, 2> z,
                      View<const float, 2> post,
                      View<const float, 3> comb,
                      bool round_output,
                      View<float, 3> x);

HcProject hc_project_reference;
HcMixes hc_mixes_reference;
HcCollapse hc_collapse_reference;
HcExpand hc_expand_reference;

}  // namespace widenet::kernels
