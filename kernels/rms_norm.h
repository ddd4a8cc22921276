// Root-mean-square layer normalisation (Zhang & Sennrich, 2019).
#pragma once

#include "kernels/stream.h"
#include "kernels/weight.h"

namespace widenet::kernels {

struct RmsNormOptions {
  float eps = 1e-6f;
  bool round_output = false;  // round each result to BF16
  // Every step in BF16: squares, their mean, mean + eps, 1 / sqrt.  The official code norms query
  // heads so.  It matters: without it native logits differ as much as without any quantisation.
  bool bf16_steps = false;
};

// out[t][i] = x[t][i] / sqrt(mean_j(x[t][j]^2) + eps) * weight[i]
//
//   x, out   [n_rows, dim]   may be the same memory
//   weight   [dim], or null for none (the query heads' norm)
//
// Any n_rows >= 0, dim >= 1.  Backends agree to 1e-6 relative error, not bit for bit.
using RmsNorm =
    void(Stream&, Rows<const float> x, const float* weight, RmsNormOptions, Rows<float> out);

RmsNorm rms_norm_reference;

}  // namespace widenet::kernels
