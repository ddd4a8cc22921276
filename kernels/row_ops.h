// Moving rows about: embedding look-up, gather, scatter-add, rounding.  Plain loops everywhere; all
// are bit-identical on every backend.
#pragma once

#include "kernels/weight.h"

namespace widenet::kernels {

// out[i] = row ids[i] of `table`, in float32.
void look_up_rows(const Weight& table, const int32_t* ids, Rows<float> out);

// out[i] = x[ids[i]], for out.count ids.
void gather_rows(Rows<const float> x, const int32_t* ids, Rows<float> out);

// out[ids[i]] += x[i], i in order, for x.count ids.
void add_rows_at(Rows<const float> x, const int32_t* ids, Rows<float> out);

void round_rows_to_bf16(Rows<float> x);

// x *= factor, rounded to BF16 if asked.
void scale_rows(float factor, bool round_output, Rows<float> x);

}  // namespace widenet::kernels
