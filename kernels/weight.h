// Weight: the matrix of a linear layer as the checkpoint stores it; and rows with a stride.
#pragma once

#include <cstdint>

#include "base/check.h"
#include "kernels/view.h"

namespace widenet::kernels {

enum class WeightFormat { f32, bf16, fp8, fp4 };

// [n_rows, n_cols], row-major, non-owning: out = x . weight^T.
//
//   f32, bf16  plain elements, no scale
//   fp8        e4m3 bytes; one scale for each block of [block_rows, block_cols]
//   fp4        two e2m1 codes a byte, low nibble first (n_cols is even); an e8m0 scale for each 32
//              consecutive columns of a row
struct Weight {
  WeightFormat format = WeightFormat::f32;
  const void* data = nullptr;
  const uint8_t* scales_e8m0 = nullptr;  // fp8 and fp4: powers of two ...
  const float* scales_f32 = nullptr;     // ... or, fp8 only, any float
  int64_t n_rows = 0;
  int64_t n_cols = 0;
  int64_t block_rows = 128;
  int64_t block_cols = 128;
  int64_t first_row = 0;  // where row 0 lies in the matrix that data and scales point at

  // Rows [first, first + count) as a weight by themselves.
  Weight rows(int64_t first, int64_t count) const {
    WN_CHECK(0 <= first && 0 <= count && first + count <= n_rows);
    Weight part = *this;
    part.first_row = first_row + first;
    part.n_rows = count;
    return part;
  }

  // Whether every element, scale included, is a BF16 number.
  bool is_bf16_exact() const {
    return format != WeightFormat::f32 && (format != WeightFormat::fp8 || scales_f32 == nullptr);
  }
  bool is_quantised() const { return format == WeightFormat::fp8 || format == WeightFormat::fp4; }
};

// Row `row` in float32, out [n_cols]: each element times its scale, exactly (f32 scales: rounded).
void dequantise_row(const Weight& weight, int64_t row, float* out);

// Look-up tables: the BF16 numbers of the 128 non-negative E4M3 codes, and of the 16 E2M1 codes,
// twice.
const uint16_t* e4m3_bf16_table();
const uint16_t* e2m1_bf16_table();

// Rows of equal length, a fixed distance apart.  Any View of rank 2 is one.
template <typename T>
struct Rows {
  T* data = nullptr;
  int64_t count = 0;
  int64_t dim = 0;
  int64_t stride = 0;

  Rows() = default;
  Rows(T* data_, int64_t count_, int64_t dim_, int64_t stride_)
      : data(data_), count(count_), dim(dim_), stride(stride_) {}
  Rows(View<T, 2> view)  // NOLINT(google-explicit-constructor)
      : Rows(view.data(), view.dim(0), view.dim(1), view.dim(1)) {}
  template <typename U, typename = std::enable_if_t<std::is_same_v<T, const U>>>
  Rows(View<U, 2> view)  // NOLINT(google-explicit-constructor)
      : Rows(View<T, 2>(view)) {}
  template <typename U, typename = std::enable_if_t<std::is_same_v<T, const U>>>
  Rows(Rows<U> other)  // NOLINT(google-explicit-constructor)
      : Rows(other.data, other.count, other.dim, other.stride) {}

  T* operator[](int64_t i) const { return data + i * stride; }
};

}  // namespace widenet::kernels
