// Moving rows about: embedding look-up, gather, scatter-add, rounding.  Plain loops everywhere; all
// are bit-identical on every backend.
#pragma once

#include "kernels/stream.h"
#include "kernels/weight.h"

namespace widenet::kernels {

// out[i] = row ids[i] of `table`, in float32.
void look_up_rows(Stream&, const Weight& table, const int32_t* ids, Rows<float> out);

// out[i] = x[ids[i]], for out.count ids.
void gather_rows(Stream&, Rows<const float> x, const int32_t* ids, Rows<float> out);

// out[ids[i]] += x[i], for x.count ids, all different.
void add_rows_at(Stream&, Rows<const float> x, const int32_t* ids, Rows<float> out);

// out[t] = x[ids[t * n]] + ... + x[ids[t * n + n - 1]], in that order; rounded to BF16 if asked.
void sum_rows(Stream&,
              Rows<const float> x,
              const int32_t* ids,
              int64_t n,
              bool round_output,
              Rows<float> out);

// y[i * n + j] += x[i] for the n = y.count / x.count rows of each group, rounded to BF16 if asked.
void add_to_groups(Stream&, Rows<const float> x, bool round_output, Rows<float> y);

void round_rows_to_bf16(Stream&, Rows<float> x);

// x *= factor, rounded to BF16 if asked.
void scale_rows(Stream&, float factor, bool round_output, Rows<float> x);

}  // namespace widenet::kernels
