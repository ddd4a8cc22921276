// What each fuzz target defines, and what it checks with.
#pragma once

#include <cstddef>
#include <cstdint>

// libFuzzer's entry point: 0 for any bytes.  A crash, a sanitizer's report or a failed WN_CHECK is
// a finding.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
