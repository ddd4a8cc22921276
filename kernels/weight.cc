// Weight elements in float32.
#include "kernels/weight.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "kernels/number_formats.h"

namespace widenet::kernels {
namespace {

std::array<float, 256> make_e4m3_table() {
  std::array<float, 256> table = {};
  for (size_t i = 0; i < table.size(); ++i) table[i] = e4m3_to_float(static_cast<uint8_t>(i));
  return table;
}

void dequantise_fp8(const Weight& weight, int64_t row, float* out) {
  static const std::array<float, 256> table = make_e4m3_table();
  const auto* codes = static_cast<const uint8_t*>(weight.data) + row * weight.n_cols;
  const int64_t n_blocks = (weight.n_cols + weight.block_cols - 1) / weight.block_cols;
  for (int64_t b = 0; b < n_blocks; ++b) {
    const int64_t block = row / weight.block_rows * n_blocks + b;
    const float scale = weight.scales_f32 != nullptr ? weight.scales_f32[block]
                                                     : e8m0_to_float(weight.scales_e8m0[block]);
    const int64_t last = std::min((b + 1) * weight.block_cols, weight.n_cols);
    for (int64_t i = b * weight.block_cols; i < last; ++i) out[i] = table[codes[i]] * scale;
  }
}

void dequantise_fp4(const Weight& weight, int64_t row, float* out) {
  constexpr int64_t kBlock = 32;
  const auto* codes = static_cast<const uint8_t*>(weight.data) + row * (weight.n_cols / 2);
  const int64_t n_blocks = (weight.n_cols + kBlock - 1) / kBlock;
  for (int64_t b = 0; b < n_blocks; ++b) {
    const float half_scale = 0.5f * e8m0_to_float(weight.scales_e8m0[row * n_blocks + b]);
    const int64_t last = std::min((b + 1) * kBlock, weight.n_cols);
    for (int64_t i = b * kBlock; i < last; i += 2) {
      const unsigned byte = codes[i / 2];
      out[i] = static_cast<float>(kE2m1Doubled[byte & 15u]) * half_scale;
      out[i + 1] = static_cast<float>(kE2m1Doubled[byte >> 4]) * half_scale;
    }
  }
}

}  // namespace

const uint16_t* e4m3_bf16_table() {
  static const auto table = [] {
    std::array<uint16_t, 128> words = {};
    for (size_t i = 0; i < words.size(); ++i) {
      words[i] = float_to_bf16(e4m3_to_float(static_cast<uint8_t>(i)));
    }
    return words;
  }();
  return table.data();
}

const uint16_t* e2m1_bf16_table() {
  static const auto table = [] {
    std::array<uint16_t, 32> words = {};
    for (size_t i = 0; i < words.size(); ++i) {
      words[i] = float_to_bf16(e2m1_to_float(static_cast<uint8_t>(i % 16)));
    }
    return words;
  }();
  return table.data();
}

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
