// Case: one operation at one shape, ready to be measured on any backend.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "kernels/backend.h"
#include "kernels/bench/roofs.h"
#include "kernels/bench/work.h"

namespace widenet::kernels::bench {

// Runs the operation once, on copy `call` of its operands.
using Call = std::function<void(const Backend&, Stream&, int64_t call)>;

struct Case {
  std::string operation;  // the member of Backend that is called, once, by every Call
  std::string variant;    // "fp8 gemm"; empty where there is one only
  std::string shape;      // "nano 512 x 128"
  Work work;              // of one call
  Unit unit;              // which its operations could keep busy
  // Takes the memory for n_copies copies of the operands, and owns it.
  std::function<Call(int64_t n_copies)> prepare;

  std::string name() const { return variant.empty() ? operation : operation + " " + variant; }
};

// The numbers of a model that shapes are made of.
struct ModelShape {
  const char* name;
  int64_t n_tokens;  // of a prefill chunk
  int64_t n_keys;    // compressed entries before it
  int64_t dim;
  int64_t n_heads;
  int64_t head_dim;
  int64_t ffn_dim;
  int64_t n_index_heads;
  int64_t index_topk;
  int64_t n_experts;
  int64_t experts_per_token;
  // The same in every model of the family.
  int64_t rope_dim = 64;
  int64_t window_length = 128;
  int64_t index_dim = 128;
  int64_t n_streams = 4;
  int64_t sinkhorn_iters = 20;

  KvLayout kv_layout() const { return {head_dim, rope_dim, /*packed=*/true}; }
  IndexLayout index_layout() const { return {index_dim, /*packed=*/true}; }
};

// models/nano and V4-Flash, a chunk of 512 tokens after 32K: 8192 entries of a layer with ratio 4.
// A test compares nano with its config.json.
inline constexpr ModelShape kNano = {.name = "nano",
                                     .n_tokens = 512,
                                     .n_keys = 8192,
                                     .dim = 384,
                                     .n_heads = 8,
                                     .head_dim = 128,
                                     .ffn_dim = 256,
                                     .n_index_heads = 4,
                                     .index_topk = 128,
                                     .n_experts = 6,
                                     .experts_per_token = 2};
inline constexpr ModelShape kFlash = {.name = "flash",
                                      .n_tokens = 512,
                                      .n_keys = 8192,
                                      .dim = 4096,
                                      .n_heads = 64,
                                      .head_dim = 512,
                                      .ffn_dim = 2048,
                                      .n_index_heads = 64,
                                      .index_topk = 512,
                                      .n_experts = 256,
                                      .experts_per_token = 6};

// "nano 512 x 128"
std::string shape_text(const ModelShape& model, const std::vector<int64_t>& extents);

// Each in X_cases.cc.
void add_linear_cases(const ModelShape& model, std::vector<Case>& cases);
void add_row_cases(const ModelShape& model, std::vector<Case>& cases);
void add_mixing_cases(const ModelShape& model, std::vector<Case>& cases);
void add_attention_cases(const ModelShape& model, std::vector<Case>& cases);

}  // namespace widenet::kernels::bench
