// How large the last-level cache is that one core reaches.
#pragma once

#include <cstdint>

namespace widenet::kernels::bench {

// Bytes.  Where a virtual machine hides its caches this is a guess on the large side, so that four
// times as much data is sure not to stay in them.
int64_t last_level_cache_bytes();

}  // namespace widenet::kernels::bench
