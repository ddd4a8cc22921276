// Pooling of windows into entries.
#pragma once

#include "kernels/simd/arithmetic.h"

namespace widenet::kernels {
namespace {

void compress(Stream& stream, const CompressorInputs& in, Rows<float> out) {
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

}  // namespace
}  // namespace widenet::kernels
