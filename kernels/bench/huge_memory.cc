// Asks the kernel to back large allocations with huge pages; a refusal only costs speed.
#include "kernels/bench/huge_memory.h"

#include <sys/mman.h>

#include <cstdlib>

#include "base/check.h"

namespace widenet::kernels::bench {

std::shared_ptr<void> allocate_huge(int64_t n_bytes) {
  constexpr int64_t kLine = 64;
  constexpr int64_t kHugePage = int64_t{2} << 20;
  const int64_t unit = n_bytes < kHugePage ? kLine : kHugePage;
  const auto n = static_cast<size_t>((n_bytes / unit + 1) * unit);
  void* memory = std::aligned_alloc(static_cast<size_t>(unit), n);
  WN_CHECK(memory != nullptr);
  if (unit == kHugePage) madvise(memory, n, MADV_HUGEPAGE);
  return {memory, std::free};
}

}  // namespace widenet::kernels::bench
