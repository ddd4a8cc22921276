// The router: which experts a token goes to, and with what weight.
#pragma once

#include "kernels/stream.h"
#include "kernels/view.h"

namespace widenet::kernels {

struct RouterOptions {
  const float* bias = nullptr;      // [n_experts]: added for the choice only
  const int64_t* chosen = nullptr;  // [n_tokens, k]: experts given by token id, instead of a choice
  bool normalise = true;            // divide the weights by their sum
  float scale = 1.0f;               // then multiply by this
};

// s_e = sqrt(softplus(logit_e)).  The k experts with the largest s_e + bias_e (ties to the lower),
// or the given ones; their weights are the s_e themselves, normalised and scaled.
//   logits [n_tokens, n_experts];  experts, weights [n_tokens, k], best first
using Route = void(Stream&,
                   View<const float, 2> logits,
                   const RouterOptions&,
                   View<int32_t, 2> experts,
                   View<float, 2> weights);

Route route_reference;

}  // namespace widenet::kernels
