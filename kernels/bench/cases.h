// The table of cases, and the list of operations that it has to cover.
#pragma once

#include <cstddef>
#include <iterator>
#include <vector>

#include "kernels/backend.h"
#include "kernels/bench/case.h"

namespace widenet::kernels::bench {

// The members of Backend, in its order.
inline constexpr const char* kOperations[] = {"linear",       "quantise_activations",
                                              "rms_norm",     "rope",
                                              "pack_kv_rows", "unpack_kv_rows",
                                              "hadamard",     "pack_index_rows",
                                              "index_select", "hc_project",
                                              "hc_mixes",     "hc_collapse",
                                              "hc_expand",    "compress",
                                              "attention",    "route",
                                              "swiglu"};
static_assert(sizeof(Backend) == sizeof(const char*) + std::size(kOperations) * sizeof(Linear*),
              "a new operation is measured too: name it here and add a case");

// Every operation at the shapes of one model, in the order of kOperations.
std::vector<Case> make_cases(const ModelShape& model);

}  // namespace widenet::kernels::bench
