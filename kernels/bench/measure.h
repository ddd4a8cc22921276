// Times a case and sets it beside the roof that binds it (Williams, Waterman and Patterson, 2009).
#pragma once

#include <cstdint>

#include "kernels/bench/case.h"
#include "kernels/bench/roofs.h"

namespace widenet::kernels::bench {

enum class Bound { memory, f32_fma, bf16_dot, int8_dot };

struct MeasureOptions {
  double seconds = 0.2;    // to spend on a case; a slow one takes two calls, however long
  int64_t cold_bytes = 0;  // where memory binds, operands together are at least this large
};

struct Result {
  double seconds = 0.0;         // of a call, in the fastest of several batches
  double seconds_median = 0.0;  // of all batches: the difference is what disturbed them
  Bound bound = Bound::memory;
  double share = 0.0;  // of that roof: the least time that it allows over `seconds`
};

// Memory if moving the bytes takes longer than the arithmetic, both at their roofs; else the unit.
Bound find_bound(const Case& c, const Roofs& roofs);

// Seconds of a call that does its work at the roof that binds it.
double seconds_at_roof(const Case& c, const Roofs& roofs);

// The stream must have the threads that `roofs` was measured with.
Result measure(const Case& c,
               const Backend& backend,
               Stream& stream,
               const Roofs& roofs,
               const MeasureOptions& options);

}  // namespace widenet::kernels::bench
