// Which implementation of each operation to run.
#pragma once

#include <span>
#include <string_view>

#include "kernels/activation_quant.h"
#include "kernels/attention.h"
#include "kernels/compressor.h"
#include "kernels/hadamard.h"
#include "kernels/hyper_connection.h"
#include "kernels/index_rows.h"
#include "kernels/index_select.h"
#include "kernels/kv_rows.h"
#include "kernels/linear.h"
#include "kernels/rms_norm.h"
#include "kernels/rope.h"
#include "kernels/router.h"
#include "kernels/swiglu.h"

namespace widenet::kernels {

// Raised whenever any backend's bits change, for rows that have been computed before are kept with
// the name of their backend and this number.  A test holds the rows of a small model against it.
inline constexpr int kArithmeticRevision = 1;

// One complete set of operations.  The engine's forward pass is written once, against this table;
// tests walk every available table and compare it with the reference.  Where an operation has no
// faster version yet, the reference stands in its place.
struct Backend {
  const char* name;  // "reference", "avx2", "avx512"
  Linear* linear;
  QuantiseActivations* quantise_activations;
  RmsNorm* rms_norm;
  Rope* rope;
  PackKvRows* pack_kv_rows;
  UnpackKvRows* unpack_kv_rows;
  Hadamard* hadamard;
  PackIndexRows* pack_index_rows;
  IndexSelect* index_select;
  HcProject* hc_project;
  HcMixes* hc_mixes;
  HcCollapse* hc_collapse;
  HcExpand* hc_expand;
  Compress* compress;
  Attention* attention;
  Route* route;
  Swiglu* swiglu;
};

// Backends usable on this machine, slowest first; element 0 is always the reference.
std::span<const Backend* const> available_backends();

// nullptr if there is none of that name, or this machine cannot run it.
const Backend* find_backend(std::string_view name);

// The one named in $WN_BACKEND if it can run here, else the fastest.
const Backend& default_backend();

}  // namespace widenet::kernels
