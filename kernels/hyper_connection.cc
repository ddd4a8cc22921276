// The definition of the mixing around a sub-layer.
#include "kernels/hyper_connection.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/linear.h"
#include "kernels/number_formats.h"

namespace widenet::kernels {
namespace {

float sigmoid(float x) {
  return 1.0f / (1.0f + std::exp(-x));
}

void softmax_rows(View<float, 2> c, float eps) {
  const int64_t n = c.dim(0);
  for (int64_t j = 0; j < n; ++j) {
    float* row = c[j].data();
    const float max = *std::max_element(row, row + n);
    float sum = 0.0f;
    for (int64_t k = 0; k < n; ++k) sum += row[k] = std::exp(row[k] - max);
    for (int64_t k = 0; k < n; ++k) row[k] = row[k] / sum + eps;
  }
}

void normalise_rows(View<float, 2> c, float eps) {
  const int64_t n = c.dim(0);
  for (int64_t j = 0; j < n; ++j) {
    float sum = 0.0f;
    for (int64_t k = 0; k < n; ++k) sum += c[j][k];
    for (int64_t k = 0; k < n; ++k) c[j][k] /= sum + eps;
  }
}

void normalise_columns(View<float, 2> c, float eps) {
  const int64_t n = c.dim(0);
  for (int64_t k = 0; k < n; ++k) {
    float sum = 0.0f;
    for (int64_t j = 0; j < n; ++j) sum += c[j][k];
    for (int64_t j = 0; j < n; ++j) c[j][k] /= sum + eps;
  }
}

}  // namespace

void hc_project_reference(
    Stream& stream, Rows<const float> x, const Weight& projection, float eps, Rows<float> out) {
  linear_reference(stream, x, projection, {}, out);
  for (int64_t t = 0; t < x.count; ++t) {
    double squares = 0.0;
    for (int64_t i = 0; i < x.dim; ++i) {
      squares += static_cast<double>(x[t][i]) * static_cast<double>(x[t][i]);
    }
    const auto mean = static_cast<float>(squares / static_cast<double>(x.dim));
    const float scale = 1.0f / std::sqrt(mean + eps);
    for (int64_t r = 0; r < out.dim; ++r) out[t][r] *= scale;
  }
}

void hc_mixes_reference(Stream&,
                        Rows<const float> projected,
                        const float* base,
                        const float* scale,
                        const HcMixOptions& options,
                        const HcMix& out) {
  const int64_t n = options.n_streams;
  WN_CHECK(projected.dim == (2 + n) * n);
  for (int64_t t = 0; t < projected.count; ++t) {
    const float* m = projected[t];
    for (int64_t j = 0; j < n; ++j) {
      out.pre[t][j] = sigmoid(m[j] * scale[0] + base[j]) + options.eps;
      out.post[t][j] = 2.0f * sigmoid(m[n + j] * scale[1] + base[n + j]);
    }
    const View<float, 2> comb = out.comb[t];
    for (int64_t i = 0; i < n * n; ++i) {
      comb.data()[i] = m[2 * n + i] * scale[2] + base[2 * n + i];
    }
    softmax_rows(comb, options.eps);
    normalise_columns(comb, options.eps);
    for (int64_t iteration = 1; iteration < options.sinkhorn_iters; ++iteration) {
      normalise_rows(comb, options.eps);
      normalise_columns(comb, options.eps);
    }
  }
}

void hc_head_mix(
    Rows<const float> projected, const float* base, float scale, float eps, View<float, 2> pre) {
  for (int64_t t = 0; t < projected.count; ++t) {
    for (int64_t j = 0; j < projected.dim; ++j) {
      pre[t][j] = sigmoid(projected[t][j] * scale + base[j]) + eps;
    }
  }
}

void hc_collapse_reference(Stream&,
                           View<const float, 3> x,
                           View<const float, 2> pre,
                           bool round_output,
                           View<float, 2> y) {
  for (int64_t t = 0; t < x.dim(0); ++t) {
    for (int64_t i = 0; i < x.dim(2); ++i) {
      float sum = 0.0f;
      for (int64_t j = 0; j < x.dim(1); ++j) sum += pre[t][j] * x[t][j][i];
      y[t][i] = round_output ? round_to_bf16(sum) : sum;
    }
  }
}

void hc_expand_reference(Stream&,
                         View<const float, 2> z,
                         View<const float, 2> post,
                         View<const float, 3> comb,
                         bool round_output,
                         View<float, 3> x) {
  const int64_t n = x.dim(1);
  std::vector<float> before(static_cast<size_t>(n));
  for (int64_t t = 0; t < x.dim(0); ++t) {
    for (int64_t i = 0; i < x.dim(2); ++i) {
      for (int64_t j = 0; j < n; ++j) before[static_cast<size_t>(j)] = x[t][j][i];
      for (int64_t k = 0; k < n; ++k) {
        float sum = post[t][k] * z[t][i];
        for (int64_t j = 0; j < n; ++j) sum += comb[t][j][k] * before[static_cast<size_t>(j)];
        x[t][k][i] = round_output ? round_to_bf16(sum) : sum;
      }
    }
  }
}

}  // namespace widenet::kernels
