// The definition of linear: decode a row, then dot products in double.
#include "kernels/linear.h"

#include <vector>

#include "kernels/number_formats.h"
#include "kernels/thread_pool.h"

namespace widenet::kernels {

void linear_reference(Stream& stream,
                      Rows<const float> x,
                      const Weight& weight,
                      LinearOptions options,
                      Rows<float> out) {
  WN_CHECK(x.dim == weight.n_cols && out.dim == weight.n_rows && out.count == x.count);
  const auto compute_rows = [&](int64_t first, int64_t last) {
    std::vector<float> row(static_cast<size_t>(weight.n_cols));
    for (int64_t r = first; r < last; ++r) {
      dequantise_row(weight, r, row.data());
      for (int64_t t = 0; t < x.count; ++t) {
        double sum = 0.0;
        for (int64_t i = 0; i < x.dim; ++i) {
          sum += static_cast<double>(x[t][i]) * static_cast<double>(row[static_cast<size_t>(i)]);
        }
        const auto result = static_cast<float>(sum);
        out[t][r] = options.round_output ? round_to_bf16(result) : result;
      }
    }
  };
  parallel_for(stream, weight.n_rows, piece_for(x.count * x.dim), compute_rows);
}

}  // namespace widenet::kernels
