// What each operation must do at least: the bytes it moves and the arithmetic that defines it.
#pragma once

#include <cstdint>

#include "kernels/index_rows.h"
#include "kernels/kv_rows.h"
#include "kernels/weight.h"

namespace widenet::kernels::bench {

// Bytes: every operand once, as if caches were perfect within a call and empty before it.  A
// written byte counts once, though the processor may first have to read its line.
//
// Operations: an addition, multiplication, division, comparison, conversion between formats or
// elementary function is one, a multiply-add two.  Where a product of matrices dominates, what its
// formats cost to decode is overhead and not counted; nor is rounding a result to BF16.
struct Work {
  int64_t bytes_read = 0;
  int64_t bytes_written = 0;
  int64_t operations = 0;

  int64_t bytes() const { return bytes_read + bytes_written; }
};

// Bytes of a weight as it is stored, scales included.
int64_t weight_bytes(const Weight& weight);

Work linear_work(const Weight& weight, int64_t n_tokens);

struct RowsShape {
  int64_t n_rows = 0;
  int64_t dim = 0;
};
Work quantise_activations_work(RowsShape x);
Work rms_norm_work(RowsShape x);
Work hadamard_work(RowsShape x);
Work swiglu_work(RowsShape x);
Work pack_kv_rows_work(int64_t n_rows, const KvLayout& layout);
Work unpack_kv_rows_work(int64_t n_rows, const KvLayout& layout);
Work pack_index_rows_work(int64_t n_rows, const IndexLayout& layout);

struct RopeShape {
  int64_t n_tokens = 0;
  int64_t n_heads = 0;
  int64_t rope_dim = 0;
};
Work rope_work(RopeShape x);

struct StreamsShape {
  int64_t n_tokens = 0;
  int64_t n_streams = 0;
  int64_t dim = 0;
};
Work hc_project_work(StreamsShape x);
Work hc_mixes_work(StreamsShape x, int64_t sinkhorn_iters);
Work hc_collapse_work(StreamsShape x);
Work hc_expand_work(StreamsShape x);

// Not the first window, so that every entry pools all of its rows.
struct CompressShape {
  int64_t n_entries = 0;
  int64_t ratio = 0;
  int64_t width = 0;
  bool overlapping = false;
};
Work compress_work(CompressShape x);

// Every key is visible to every token, which selects k of them.
struct IndexShape {
  int64_t n_tokens = 0;
  int64_t n_heads = 0;
  int64_t n_keys = 0;
  int64_t k = 0;
  IndexLayout layout;
};
Work index_select_work(const IndexShape& x);

struct RouteShape {  // k of n experts, for each token
  int64_t n_tokens = 0;
  int64_t n = 0;
  int64_t k = 0;
};
Work route_work(RouteShape x);

// Consecutive tokens, each with a full window and k selected entries; together they select
// n_distinct different ones.
struct AttentionShape {
  int64_t n_tokens = 0;
  int64_t n_heads = 0;
  int64_t window_length = 0;
  int64_t k = 0;
  int64_t n_distinct = 0;
  KvLayout layout;
};
Work attention_work(const AttentionShape& x);

}  // namespace widenet::kernels::bench
