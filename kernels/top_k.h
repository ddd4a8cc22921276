// Exact top-k: which entries a query may see.
#pragma once

#include "kernels/stream.h"
#include "kernels/view.h"

namespace widenet::kernels {

// For each token the min(k, n_visible[t]) entries s < n_visible[t] with the largest scores[t][s],
// ties to the lower s, in ascending order of s.  k = selected.dim(1).
//
//   scores      [n_tokens, n_entries]  no NaN
//   n_visible   [n_tokens]
//   selected    [n_tokens, k]
//   n_selected  [n_tokens]             how many of a row of `selected` are written
using TopK = void(Stream&,
                  View<const float, 2> scores,
                  const int32_t* n_visible,
                  View<int32_t, 2> selected,
                  int32_t* n_selected);

TopK top_k_reference;

}  // namespace widenet::kernels
