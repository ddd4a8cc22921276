// Weight elements in float32.
#include "kernels/weight.h"

#include <cstring>

#include "kernels/number_formats.h"

namespace widenet::kernels {
namespace {

void dequantise_fp8(const Weight& weight, int64_t row, float* out) {
  const auto* codes = static_cast<const uint8_t*>(weight.data) + row * weight.n_cols;
  const int64_t blocks = (weight.n_cols + weight.block_cols - 1) / weight.block_cols;
  const int64_t first_scale = row / weight.block_rows * blocks;
  for (int64_t i = 0; i < weight.n_cols; ++i) {
    const int64_t block = first_scale + i / weight.block_cols;
    const float scale = weight.scales_f32 != nullptr ? weight.scales_f32[block]
                                                     : e8m0_to_float(weight.scales_e8m0[block]);
    out[i] = e4m3_to_float(codes[i]) * scale;
  }
}

void dequantise_fp4(const Weight& weight, int64_t row, float* out) {
  const auto* codes = static_cast<const uint8_t*>(weight.data) + row * (weight.n_cols / 2);
  const uint8_t* scales = weight.scales_e8m0 + row * ((weight.n_cols + 31) / 32);
  for (int64_t i = 0; i < weight.n_cols; ++i) {
    const unsigned nibble = (codes[i / 2] >> (4 * (i % 2))) & 15u;
    out[i] = e2m1_to_float(static_cast<uint8_t>(nibble)) * e8m0_to_float(scales[i / 32]);
  }
}

}  // namespace

void dequantise_row(const Weight& weight, int64_t row, float* out) {
  WN_CHECK(0 <= row && row < weight.n_rows);
  const int64_t stored_row = weight.first_row + row;
  switch (weight.format) {
    case WeightFormat::f32:
      std::memcpy(out, static_cast<const float*>(weight.data) + stored_row * weight.n_cols,
                  static_cast<size_t>(weight.n_cols) * sizeof(float));
      break;
    case WeightFormat::bf16: {
      const auto* bits = static_cast<const uint16_t*>(weight.data) + stored_row * weight.n_cols;
      for (int64_t i = 0; i < weight.n_cols; ++i) out[i] = bf16_to_float(bits[i]);
      break;
    }
    case WeightFormat::fp8:
      dequantise_fp8(weight, stored_row, out);
      break;
    case WeightFormat::fp4:
      dequantise_fp4(weight, stored_row, out);
      break;
  }
}

}  // namespace widenet::kernels
