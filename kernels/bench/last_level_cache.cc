// Asks the processor: deterministic cache parameters first, then what the C library makes of older
// leaves.
#include "kernels/bench/last_level_cache.h"

#include <cpuid.h>
#include <unistd.h>

#include <algorithm>

namespace widenet::kernels::bench {
namespace {

// Leaf 4 (Intel) or 0x8000001d (AMD): one sub-leaf for each cache.  0 if it names none.
int64_t largest_described_cache(unsigned leaf) {
  int64_t largest = 0;
  for (unsigned cache = 0; cache < 8; ++cache) {
    unsigned eax = 0;
    unsigned ebx = 0;
    unsigned ecx = 0;
    unsigned edx = 0;
    if (__get_cpuid_count(leaf, cache, &eax, &ebx, &ecx, &edx) == 0) break;
    if ((eax & 31u) == 0) break;
    const int64_t ways = (ebx >> 22) + 1;
    const int64_t partitions = ((ebx >> 12) & 0x3ffu) + 1;
    const int64_t line_bytes = (ebx & 0xfffu) + 1;
    const int64_t sets = int64_t{ecx} + 1;
    largest = std::max(largest, ways * partitions * line_bytes * sets);
  }
  return largest;
}

}  // namespace

int64_t last_level_cache_bytes() {
  for (const unsigned leaf : {0x4u, 0x8000001du}) {
    if (const int64_t bytes = largest_described_cache(leaf); bytes > 0) return bytes;
  }
  // The older leaf of AMD counts all slices of a socket, of which a core fills only its own: 32
  // MiB, at most 96 with stacked cache.
  constexpr int64_t kSliceMax = int64_t{96} << 20;
  const int64_t bytes = sysconf(_SC_LEVEL3_CACHE_SIZE);
  return bytes > 0 ? std::min(bytes, kSliceMax) : kSliceMax;
}

}  // namespace widenet::kernels::bench
