// Where a model's time goes: a backend that runs another's operations and keeps the time of each.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "kernels/backend.h"
#include "kernels/bench/roofs.h"

namespace widenet::kernels::bench {

// Of products only (linear, index_select, attention) is the work counted: the arithmetic by the
// unit that it could keep busy, and the bytes of what does not come from the call before, weights
// and stored rows.
struct OperationProfile {
  const char* operation = nullptr;
  int64_t calls = 0;
  double seconds = 0.0;
  int64_t bytes = 0;
  std::array<int64_t, 3> operations = {};  // by Unit

  int64_t all_operations() const { return operations[0] + operations[1] + operations[2]; }
  // The least time that these roofs allow: for moving the bytes, or for the arithmetic.
  double seconds_at(const Roofs& roofs) const;
};

// The operations of `inner`, timed.  One profile is kept at a time, for all backends made here; not
// thread-safe.
Backend profiled(const Backend& inner);

// What was kept since the last call, the costliest first.
std::vector<OperationProfile> take_profile();

}  // namespace widenet::kernels::bench
