// What this machine can do at most: the roofs that kernels are measured against.
#pragma once

#include <cstdint>

#include "kernels/bench/roof_loops.h"
#include "kernels/stream.h"

namespace widenet::kernels::bench {

// The arithmetic unit that an operation could keep busy.
enum class Unit { f32_fma, bf16_dot, int8_dot };

struct Roofs {
  int n_threads = 1;
  double f32_fma = 0.0;   // operations a second; a multiply-add is two
  double bf16_dot = 0.0;  // the same
  double int8_dot = 0.0;  // the same
  double read = 0.0;      // bytes a second, from memory
  // Of the time that the arithmetic loops asked for on all threads, the share that they got: well
  // below 1 other processes were running, and neither roofs nor kernels reach what they could.
  double cpu_share = 1.0;

  double operations(Unit unit) const {
    switch (unit) {
      case Unit::bf16_dot:
        return bf16_dot;
      case Unit::int8_dot:
        return int8_dot;
      case Unit::f32_fma:
        break;
    }
    return f32_fma;
  }
};

// The loops for the best instructions of this machine, whichever backend is measured: a roof is the
// machine's.
const RoofLoops& roof_loops();

// All threads of the stream at once, the best of several passes: what disturbs a pass lowers it,
// and nothing raises it.  Takes 4 times the last-level cache of memory and some two seconds.
Roofs measure_roofs(Stream& stream, const RoofLoops& loops);

}  // namespace widenet::kernels::bench
