// Rounding of activations to FP8, as they enter a quantised linear layer.
#pragma once

#include "kernels/stream.h"
#include "kernels/weight.h"

namespace widenet::kernels {

// Each row in blocks of 128 channels (the last may be shorter): a power-of-two scale from the
// block's largest magnitude (spec: 2^ceil(log2(max(amax, 1e-4) / 448))), then the nearest E4M3
// number times that scale.  out may be x.  Bit-identical on every backend.
using QuantiseActivations = void(Stream&, Rows<const float> x, Rows<float> out);

QuantiseActivations quantise_activations_reference;

}  // namespace widenet::kernels
