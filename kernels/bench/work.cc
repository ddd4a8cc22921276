// The counts, each beside the formula that it counts.
#include "kernels/bench/work.h"

#include <bit>

namespace widenet::kernels::bench {
namespace {

constexpr int64_t kFloat = 4;  // bytes
constexpr int64_t kInt = 4;

int64_t blocks(int64_t n, int64_t block) {
  return (n + block - 1) / block;
}

// A row operation that reads and writes every element once.
Work elementwise(RowsShape x, int64_t operations) {
  const int64_t n = x.n_rows * x.dim;
  return {kFloat * n, kFloat * n, operations * n};
}

}  // namespace

int64_t weight_bytes(const Weight& weight) {
  const int64_t n = weight.n_rows * weight.n_cols;
  switch (weight.format) {
    case WeightFormat::f32:
      return kFloat * n;
    case WeightFormat::bf16:
      return 2 * n;
    case WeightFormat::fp8: {
      const int64_t scale = weight.scales_f32 != nullptr ? kFloat : 1;
      return n + scale * blocks(weight.n_rows, weight.block_rows) *
                     blocks(weight.n_cols, weight.block_cols);
    }
    case WeightFormat::fp4:
      return n / 2 + weight.n_rows * blocks(weight.n_cols, 32);
  }
  return 0;
}

Work linear_work(const Weight& weight, int64_t n_tokens) {
  return {weight_bytes(weight) + kFloat * n_tokens * weight.n_cols,
          kFloat * n_tokens * weight.n_rows, 2 * n_tokens * weight.n_rows * weight.n_cols};
}

// Largest magnitude; divide by the scale; round; multiply by the scale.
Work quantise_activations_work(RowsShape x) {
  return elementwise(x, 4);
}

// Square and add; times the inverse root; times the weight.
Work rms_norm_work(RowsShape x) {
  Work work = elementwise(x, 4);
  work.bytes_read += kFloat * x.dim;
  return work;
}

// log2(dim) butterflies; times the scale.
Work hadamard_work(RowsShape x) {
  const int log2_dim = std::countr_zero(static_cast<uint64_t>(x.dim));
  return elementwise(x, log2_dim + 1);
}

// Gate's clamp, up's two; negate and exponential, 1 +, divide; times up, times the row's weight.
Work swiglu_work(RowsShape x) {
  Work work = elementwise(x, 9);
  work.bytes_read = 2 * work.bytes_read + kFloat * x.n_rows;
  return work;
}

// A code: largest magnitude, divide, convert.  A rotated channel: convert.
Work pack_kv_rows_work(int64_t n_rows, const KvLayout& layout) {
  return {kFloat * n_rows * layout.head_dim, n_rows * layout.row_bytes(),
          n_rows * (3 * layout.n_codes() + layout.rope_dim)};
}

// A code: convert, multiply.  A rotated channel: convert.
Work unpack_kv_rows_work(int64_t n_rows, const KvLayout& layout) {
  return {n_rows * layout.row_bytes(), kFloat * n_rows * layout.head_dim,
          n_rows * (2 * layout.n_codes() + layout.rope_dim)};
}

// Largest magnitude, divide, convert.
Work pack_index_rows_work(int64_t n_rows, const IndexLayout& layout) {
  return {kFloat * n_rows * layout.dim, n_rows * layout.row_bytes(), 3 * n_rows * layout.dim};
}

// A pair: four multiplications, two additions.
Work rope_work(RopeShape x) {
  const int64_t n = x.n_tokens * x.n_heads * x.rope_dim;
  return {kFloat * (n + x.n_tokens * x.rope_dim), kFloat * n, 6 * n / 2};
}

// The projection; square and add; a result times the inverse root.
Work hc_project_work(StreamsShape x) {
  const int64_t n_mixes = (2 + x.n_streams) * x.n_streams;
  const int64_t n_cols = x.n_streams * x.dim;
  return {kFloat * (n_mixes * n_cols + x.n_tokens * n_cols), kFloat * x.n_tokens * n_mixes,
          x.n_tokens * (2 * n_mixes * n_cols + 2 * n_cols + n_mixes)};
}

Work hc_mixes_work(StreamsShape x, int64_t sinkhorn_iters) {
  const int64_t m = x.n_streams;
  const int64_t n_mixes = (2 + m) * m;
  const int64_t n_normalisations = 2 * sinkhorn_iters - 1;
  const int64_t operations = 2 * n_mixes +  // times scale, plus base
                             8 * m +        // sigmoids: negate, exponential, 1 +, divide
                             2 * m +        // plus eps; times 2
                             6 * m * m +    // softmax: maximum, minus, exponential, sum, /, + eps
                             n_normalisations * (m * m + m + m * m);  // sum, + eps, divide
  return {kFloat * (x.n_tokens * n_mixes + n_mixes + 3), kFloat * x.n_tokens * n_mixes,
          x.n_tokens * operations};
}

Work hc_collapse_work(StreamsShape x) {
  return {kFloat * x.n_tokens * (x.n_streams * x.dim + x.n_streams), kFloat * x.n_tokens * x.dim,
          2 * x.n_tokens * x.n_streams * x.dim};
}

// A new element: post * z, then n_streams multiply-adds.
Work hc_expand_work(StreamsShape x) {
  const int64_t m = x.n_streams;
  return {kFloat * x.n_tokens * (x.dim + m + m * m + m * x.dim), kFloat * x.n_tokens * m * x.dim,
          x.n_tokens * m * x.dim * (1 + 2 * m)};
}

// A pooled element: maximum, minus, exponential, sum, multiply-add.  An entry's: divide.
Work compress_work(CompressShape x) {
  const int64_t n = x.n_entries * x.width;
  const int64_t pooled = (x.overlapping ? 2 : 1) * x.ratio * n;
  return {kFloat * 2 * pooled, kFloat * n, 6 * pooled + n};
}

// The dot products of all heads; their sum and the choice are a hundredth of them.
Work index_select_work(const IndexShape& x) {
  const int64_t n_queries = x.n_tokens * x.n_heads;
  return {(n_queries + x.n_keys) * x.layout.row_bytes() + kFloat * n_queries + kInt * x.n_tokens,
          kInt * x.n_tokens * (x.k + 1), 2 * n_queries * x.n_keys * x.layout.dim};
}

// A logit: exponential, 1 +, logarithm, root, plus bias, compare.  A choice: sum, divide, scale.
Work route_work(RouteShape x) {
  return {kFloat * (x.n_tokens * x.n + x.n), (kInt + kFloat) * x.n_tokens * x.k,
          x.n_tokens * (6 * x.n + 3 * x.k)};
}

// A row: dot product and weighted sum; scale, maximum, minus, exponential, sum of its logit.
Work attention_work(const AttentionShape& x) {
  const int64_t dim = x.layout.head_dim;
  const int64_t q = x.n_tokens * x.n_heads * dim;
  const int64_t n_listed = x.window_length + x.k;
  const int64_t n_window_rows = x.n_tokens + x.window_length - 1;
  return {kFloat * (q + n_window_rows * dim + x.n_heads) + x.n_distinct * x.layout.row_bytes() +
              kInt * x.n_tokens * (x.k + 1),
          kFloat * q, x.n_tokens * x.n_heads * n_listed * (4 * dim + 5)};
}

}  // namespace widenet::kernels::bench
