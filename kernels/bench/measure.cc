// Calls are timed in batches long enough for the clock, as many as fit the time given.
#include "kernels/bench/measure.h"

#include <algorithm>
#include <chrono>
#include <vector>

namespace widenet::kernels::bench {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double memory_seconds(const Case& c, const Roofs& roofs) {
  return static_cast<double>(c.work.bytes()) / roofs.read;
}

double arithmetic_seconds(const Case& c, const Roofs& roofs) {
  return static_cast<double>(c.work.operations) / roofs.operations(c.unit);
}

Bound bound_of(Unit unit) {
  switch (unit) {
    case Unit::bf16_dot:
      return Bound::bf16_dot;
    case Unit::int8_dot:
      return Bound::int8_dot;
    case Unit::f32_fma:
      break;
  }
  return Bound::f32_fma;
}

}  // namespace

Bound find_bound(const Case& c, const Roofs& roofs) {
  return memory_seconds(c, roofs) >= arithmetic_seconds(c, roofs) ? Bound::memory
                                                                  : bound_of(c.unit);
}

double seconds_at_roof(const Case& c, const Roofs& roofs) {
  return std::max(memory_seconds(c, roofs), arithmetic_seconds(c, roofs));
}

Result measure(const Case& c,
               const Backend& backend,
               Stream& stream,
               const Roofs& roofs,
               const MeasureOptions& options) {
  Result result;
  result.bound = find_bound(c, roofs);
  const bool is_cold = result.bound == Bound::memory;
  // What is updated in place is read and written, but lies in memory once.
  const int64_t copy_bytes = std::max(c.work.bytes_read, c.work.bytes_written);
  const int64_t n_copies = is_cold ? options.cold_bytes / copy_bytes + 1 : 1;
  const Call run = c.prepare(n_copies);

  int64_t next_call = 0;
  const auto batch_seconds = [&](int64_t n_calls) {
    const auto start = Clock::now();
    for (int64_t i = 0; i < n_calls; ++i) run(backend, stream, next_call++);
    return seconds_since(start);
  };
  constexpr double kBatchSeconds = 2e-3;  // a hundred thousand times the clock's step
  const auto begin = Clock::now();
  int64_t n_calls = 1;
  while (batch_seconds(n_calls) < kBatchSeconds) n_calls *= 2;

  std::vector<double> seconds;
  do {
    seconds.push_back(batch_seconds(n_calls) / static_cast<double>(n_calls));
  } while (seconds_since(begin) < options.seconds);
  std::sort(seconds.begin(), seconds.end());
  result.seconds = seconds.front();
  result.seconds_median = seconds[seconds.size() / 2];
  result.share = seconds_at_roof(c, roofs) / result.seconds;
  return result;
}

}  // namespace widenet::kernels::bench
