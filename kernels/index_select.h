// The lightning indexer: which entries a query attends to.
#pragma once

#include "kernels/index_rows.h"
#include "kernels/paged_rows.h"
#include "kernels/stream.h"
#include "kernels/view.h"

namespace widenet::kernels {

struct IndexInputs {
  const uint8_t* queries = nullptr;    // [n_tokens, n_heads] rows
  View<const float, 2> head_weights;   // [n_tokens, n_heads], may be negative
  PagedRows keys;                      // pages of a multiple of 16
  const int32_t* n_visible = nullptr;  // [n_tokens]: keys 0 .. n_visible - 1 are scored
  IndexLayout layout;
};

// For each token the min(k, n_visible[t]) keys s < n_visible[t] with the largest scores, ties to
// the lower s, in ascending order of s.  k = selected.dim(1).  The same on every backend.
//
//   score[t][s] = sum_h head_weights[t][h] * max(0, queries[t][h] . keys[s])
//
// With packed rows the dot product is exact up to the addition of the four-byte floats of its
// blocks in order, and (as the official code keeps them) dot products, their weighted values and
// the score are rounded to BF16; heads are added in order, in float32.  With float rows nothing is
// rounded.
//
//   selected    [n_tokens, k]
//   n_selected  [n_tokens]     how many of a row of `selected` are written; may be in.n_visible
//
// No score may be NaN.  Queries, weights and keys are not read where k keys or fewer are visible.
using IndexSelect = void(Stream&,
                         const IndexInputs&,
                         View<int32_t, 2> selected,
                         int32_t* n_selected);

IndexSelect index_select_reference;

}  // namespace widenet::kernels
