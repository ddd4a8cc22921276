// Attention of every head to one list of rows: the sliding window, then selected entries.
#pragma once

#include "kernels/kv_rows.h"
#include "kernels/paged_rows.h"
#include "kernels/stream.h"
#include "kernels/view.h"

namespace widenet::kernels {

// Token t stands at position first_position + t.  Its list is
//   the window rows of positions max(first_window_position, position - window_length + 1) ..
//   position, in that order,
//   then entries: selected[t][0 .. n_selected[t]), or without `selected` entries 0 ..
//   n_selected[t].
// A row is key and value of all heads.
struct AttentionInputs {
  View<const float, 3> q;             // [n_tokens, n_heads, head_dim]
  View<const float, 2> window;        // [n_window_rows, head_dim], consecutive positions
  int64_t first_position = 0;         // of token 0
  int64_t first_window_position = 0;  // of window row 0
  int64_t window_length = 128;

  PagedRows entries;  // rows of `layout`
  KvLayout layout;
  View<const int32_t, 2> selected;      // [n_tokens, k], or empty
  const int32_t* n_selected = nullptr;  // [n_tokens]

  const float* sinks = nullptr;  // [n_heads]
  float scale = 1.0f;
  bool round_to_bf16 = false;  // the weights before they meet the values, and the result
};

// l_n = scale * (q . row_n);  M = max(max_n l_n, sink);  p_n = exp(l_n - M)
// out[t][h] = (sum_n p_n row_n) / (sum_n p_n + exp(sink_h - M))
//
// In float32, summed in list order: a token's result depends on its list alone, not on the other
// tokens of the call.  Backends agree to 1e-5 of the largest row element (with rounding: 1e-2).
using Attention = void(Stream&, const AttentionInputs&, View<float, 3> out);

Attention attention_reference;

}  // namespace widenet::kernels
