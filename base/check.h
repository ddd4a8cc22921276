// WN_CHECK: assertions that stay on in release builds.  For bugs only; never for bad input.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace widenet {

[[noreturn]] inline void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: check failed: %s\n", file, line, condition);
  std::abort();
}

}  // namespace widenet

#define WN_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::widenet::check_failed(#condition, __FILE__, __LINE__))
