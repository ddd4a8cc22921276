// Row movements.
#include "kernels/row_ops.h"

#include <algorithm>

#include "kernels/number_formats.h"

namespace widenet::kernels {

void look_up_rows(const Weight& table, const int32_t* ids, Rows<float> out) {
  WN_CHECK(table.n_cols == out.dim);
  for (int64_t i = 0; i < out.count; ++i) dequantise_row(table, ids[i], out[i]);
}

void gather_rows(Rows<const float> x, const int32_t* ids, Rows<float> out) {
  for (int64_t i = 0; i < out.count; ++i) std::copy_n(x[ids[i]], x.dim, out[i]);
}

void add_rows_at(Rows<const float> x, const int32_t* ids, Rows<float> out) {
  for (int64_t i = 0; i < x.count; ++i) {
    const float* source = x[i];
    float* target = out[ids[i]];
    for (int64_t c = 0; c < x.dim; ++c) target[c] += source[c];
  }
}

void round_rows_to_bf16(Rows<float> x) {
  for (int64_t t = 0; t < x.count; ++t) {
    for (int64_t i = 0; i < x.dim; ++i) x[t][i] = round_to_bf16(x[t][i]);
  }
}

void scale_rows(float factor, bool round_output, Rows<float> x) {
  for (int64_t t = 0; t < x.count; ++t) {
    for (int64_t i = 0; i < x.dim; ++i) {
      const float value = x[t][i] * factor;
      x[t][i] = round_output ? round_to_bf16(value) : value;
    }
  }
}

}  // namespace widenet::kernels
