// The Walsh-Hadamard transform that spreads an index vector before it is rounded to FP4.
#pragma once

#include "kernels/stream.h"
#include "kernels/weight.h"

namespace widenet::kernels {

// x[t] <- H x[t] / sqrt(dim), H in natural (Sylvester) order, each result rounded to BF16.  In
// place; dim is a power of two.  Butterflies in float32 from the smallest distance to the largest,
// so bit-identical on every backend.
using Hadamard = void(Stream&, Rows<float> x);

Hadamard hadamard_reference;

}  // namespace widenet::kernels
