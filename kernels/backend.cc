// The tables, and which of them this processor can run.
#include "kernels/backend.h"

#include <cstdlib>
#include <vector>

#include "kernels/simd/backends.h"

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
    .index_select = index_select_reference,
    .hc_project = hc_project_reference,
    .hc_mixes = hc_mixes_reference,
    .hc_collapse = hc_collapse_reference,
    .hc_expand = hc_expand_reference,
    .compress = compress_reference,
    .attention = attention_reference,
    .route = route_reference,
    .swiglu = swiglu_reference,
};

// AVX-512 as Sapphire Rapids and Zen 4 have it: with BF16, VNNI and VBMI.  Older ones run avx2.
bool has_avx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vnni") &&
         __builtin_cpu_supports("avx512bf16");
}

std::vector<const Backend*> find_backends() {
  std::vector<const Backend*> backends = {&kReference};
  const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (has_avx2) backends.push_back(&avx2_backend);
  if (has_avx2 && has_avx512()) backends.push_back(&avx512_backend);
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
