// Linear layers: the product of activations with a stored weight.
#pragma once

#include "kernels/stream.h"
#include "kernels/weight.h"

namespace widenet::kernels {

struct LinearOptions {
  bool bf16_inputs = false;   // promise: every x is a BF16 number, so BF16 units lose nothing
  bool round_output = false;  // round each result to BF16
};

// out[t][r] = sum_i x[t][i] * weight[r][i]
//
//   x        [n_tokens, n_cols]
//   weight   [n_rows, n_cols], decoded as it is read
//   out      [n_tokens, n_rows], not overlapping x
//
// Any extents >= 0.  Accumulates in float32 in an order that depends on n_cols alone, so a row's
// result does not depend on the rows beside it nor on how many there are.  Backends agree to 1e-6
// times sum_i |x[t][i] * weight[r][i]|, not bit for bit.
using Linear =
    void(Stream&, Rows<const float> x, const Weight& weight, LinearOptions, Rows<float> out);

Linear linear_reference;

}  // namespace widenet::kernels
