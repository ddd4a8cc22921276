// The definition of the Hadamard transform.
#include "kernels/hadamard.h"

#include <cmath>

#include "kernels/number_formats.h"

namespace widenet::kernels {

void hadamard_reference(Stream&, Rows<float> x) {
  WN_CHECK(x.dim > 0 && (x.dim & (x.dim - 1)) == 0);
  const auto scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(x.dim)));
  for (int64_t t = 0; t < x.count; ++t) {
    float* v = x[t];
    for (int64_t distance = 1; distance < x.dim; distance *= 2) {
      for (int64_t first = 0; first < x.dim; first += 2 * distance) {
        for (int64_t i = first; i < first + distance; ++i) {
          const float sum = v[i] + v[i + distance];
          v[i + distance] = v[i] - v[i + distance];
          v[i] = sum;
        }
      }
    }
    for (int64_t i = 0; i < x.dim; ++i) v[i] = round_to_bf16(v[i] * scale);
  }
}

}  // namespace widenet::kernels
