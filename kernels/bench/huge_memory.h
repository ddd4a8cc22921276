// Memory for measuring, on huge pages where the system grants them: with small ones, looking up
// addresses would be timed along with the kernels, and the first touch takes longer than the rest.
#pragma once

#include <cstdint>
#include <memory>

namespace widenet::kernels::bench {

// n_bytes at a 64-byte boundary, not initialised; n_bytes may be 0.  Aborts if there is none.
std::shared_ptr<void> allocate_huge(int64_t n_bytes);

}  // namespace widenet::kernels::bench
