// The tables, and which of them this processor can run.
#include "kernels/backend.h"

#include <cstdlib>
#include <vector>

namespace widenet::kernels {
namespace {

constexpr Backend kReference = {
    .name = "reference",
    .linear = linear_reference,
    .quantise_activations = quantise_activations_reference,
    .rms_norm = rms_norm_reference,
    .rope = rope_reference,
    .pack_kv_rows = pack_kv_rows_reference,
    .unpack_kv_rows = unpack_kv_rows_reference,
    .hadamard = hadamard_reference,
    .pack_index_rows = pack_index_rows_reference,
    .index_scores = index_scores_reference,
    .top_k = top_k_reference,
    .hc_project = hc_project_reference,
    .hc_mixes = hc_mixes_reference,
    .hc_collapse = hc_collapse_reference,
    .hc_expand = hc_expand_reference,
    .compress = compress_reference,
    .attention = attention_reference,
    .route = route_reference,
    .swiglu = swiglu_reference,
};

constexpr Backend kAvx2 = {
    .name = "avx2",
    .linear = linear_avx2,
    .quantise_activations = quantise_activations_avx2,
    .rms_norm = rms_norm_avx2,
    .rope = rope_avx2,
    .pack_kv_rows = pack_kv_rows_reference,
    .unpack_kv_rows = unpack_kv_rows_avx2,
    .hadamard = hadamard_avx2,
    .pack_index_rows = pack_index_rows_reference,
    .index_scores = index_scores_avx2,
    .top_k = top_k_reference,
    .hc_project = hc_project_avx2,
    .hc_mixes = hc_mixes_avx2,
    .hc_collapse = hc_collapse_avx2,
    .hc_expand = hc_expand_avx2,
    .compress = compress_avx2,
    .attention = attention_avx2,
    .route = route_reference,
    .swiglu = swiglu_avx2,
};

constexpr Backend kAvx512 = {
    .name = "avx512",
    .linear = linear_avx512,
    .quantise_activations = quantise_activations_avx512,
    .rms_norm = rms_norm_avx512,
    .rope = rope_avx512,
    .pack_kv_rows = pack_kv_rows_reference,
    .unpack_kv_rows = unpack_kv_rows_avx512,
    .hadamard = hadamard_avx512,
    .pack_index_rows = pack_index_rows_reference,
    .index_scores = index_scores_avx512,
    .top_k = top_k_reference,
    .hc_project = hc_project_avx512,
    .hc_mixes = hc_mixes_avx512,
    .hc_collapse = hc_collapse_avx512,
    .hc_expand = hc_expand_avx512,
    .compress = compress_avx512,
    .attention = attention_avx512,
    .route = route_reference,
    .swiglu = swiglu_avx512,
};

// AVX-512 as Cooper Lake, Sapphire Rapids and Zen 4 have it: with BF16 and VNNI.  Older ones run
// avx2.
bool has_avx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bf16");
}

std::vector<const Backend*> find_backends() {
  std::vector<const Backend*> backends = {&kReference};
  const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (has_avx2) backends.push_back(&kAvx2);
  if (has_avx2 && has_avx512()) backends.push_back(&kAvx512);
  return backends;
}

}  // namespace

std::span<const Backend* const> available_backends() {
  static const std::vector<const Backend*> backends = find_backends();
  return backends;
}

const Backend* find_backend(std::string_view name) {
  for (const Backend* backend : available_backends()) {
    if (backend->name == name) return backend;
  }
  return nullptr;
}

const Backend& default_backend() {
  const char* name = std::getenv("WN_BACKEND");
  const Backend* named = name == nullptr ? nullptr : find_backend(name);
  return named != nullptr ? *named : *available_backends().back();
}

}  // namespace widenet::kernels
