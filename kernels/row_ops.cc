// Row movements.
#include "kernels/row_ops.h"

#include <algorithm>

#include "kernels/number_formats.h"
#include "kernels/thread_pool.h"

namespace widenet::kernels {
namespace {

// body(i) for each of `count` rows of `dim` numbers.
template <typename Body>
void for_each_row(Stream& stream, int64_t count, int64_t dim, const Body& body) {
  parallel_for(stream, count, piece_for(4 * dim), [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) body(i);
  });
}

}  // namespace

void look_up_rows(Stream& stream, const Weight& table, const int32_t* ids, Rows<float> out) {
  WN_CHECK(table.n_cols == out.dim);
  for_each_row(stream, out.count, out.dim,
               [&](int64_t i) { dequantise_row(table, ids[i], out[i]); });
}

void gather_rows(Stream& stream, Rows<const float> x, const int32_t* ids, Rows<float> out) {
  for_each_row(stream, out.count, x.dim, [&](int64_t i) { std::copy_n(x[ids[i]], x.dim, out[i]); });
}

void add_rows_at(Stream& stream, Rows<const float> x, const int32_t* ids, Rows<float> out) {
  for_each_row(stream, x.count, x.dim, [&](int64_t i) {
    const float* source = x[i];
    float* target = out[ids[i]];
    for (int64_t c = 0; c < x.dim; ++c) target[c] += source[c];
  });
}

void sum_rows(Stream& stream,
              Rows<const float> x,
              const int32_t* ids,
              int64_t n,
              bool round_output,
              Rows<float> out) {
  for_each_row(stream, out.count, n * out.dim, [&](int64_t t) {
    float* sum = out[t];
    std::fill_n(sum, out.dim, 0.0f);
    for (int64_t i = 0; i < n; ++i) {
      const float* row = x[ids[t * n + i]];
      for (int64_t c = 0; c < out.dim; ++c) sum[c] += row[c];
    }
    for (int64_t c = 0; c < out.dim && round_output; ++c) sum[c] = round_to_bf16(sum[c]);
  });
}

void add_to_groups(Stream& stream, Rows<const float> x, bool round_output, Rows<float> y) {
  const int64_t group = y.count / std::max<int64_t>(x.count, 1);
  for_each_row(stream, y.count, y.dim, [&](int64_t i) {
    const float* source = x[i / group];
    float* target = y[i];
    for (int64_t c = 0; c < y.dim; ++c) {
      const float sum = target[c] + source[c];
      target[c] = round_output ? round_to_bf16(sum) : sum;
    }
  });
}

void round_rows_to_bf16(Stream& stream, Rows<float> x) {
  for_each_row(stream, x.count, x.dim, [&](int64_t t) {
    float* row = x[t];
    for (int64_t i = 0; i < x.dim; ++i) row[i] = round_to_bf16(row[i]);
  });
}

void scale_rows(Stream& stream, float factor, bool round_output, Rows<float> x) {
  for_each_row(stream, x.count, x.dim, [&](int64_t t) {
    for (int64_t i = 0; i < x.dim; ++i) {
      const float value = x[t][i] * factor;
      x[t][i] = round_output ? round_to_bf16(value) : value;
    }
  });
}

}  // namespace widenet::kernels
