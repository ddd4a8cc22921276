// The SIMD kernels, written once over a vector F of kLanes floats.  Included at the end of avx2.cc
// and avx512.cc, which define the vector and what only they can do.
//
// Every sum runs over lanes first, in an order that depends on the row's length alone, and is then
// folded by sums_of_four(): a result never depends on its neighbours.
#pragma once

#include "kernels/simd/attention.h"
#include "kernels/simd/compressor.h"
#include "kernels/simd/hyper_connection.h"
#include "kernels/simd/index_rows.h"
#include "kernels/simd/index_select.h"
#include "kernels/simd/kv_rows.h"
#include "kernels/simd/linear.h"
#include "kernels/simd/router.h"
#include "kernels/simd/rows.h"

namespace widenet::kernels {
namespace {

constexpr Backend simd_backend(const char* name) {
  return {
      .name = name,
      .linear = linear,
      .quantise_activations = quantise_activations,
      .rms_norm = rms_norm,
      .rope = rope,
      .pack_kv_rows = pack_kv_rows,
      .unpack_kv_rows = unpack_kv_rows,
      .hadamard = hadamard,
      .pack_index_rows = pack_index_rows,
      .index_select = index_select,
      .hc_project = hc_project,
      .hc_mixes = hc_mixes,
      .hc_collapse = hc_collapse,
      .hc_expand = hc_expand,
      .compress = compress,
      .attention = attention,
      .route = route,
      .swiglu = swiglu,
  };
}

}  // namespace
}  // namespace widenet::kernels
