// What can be said of a vector once its number of lanes, WN_LANES, is known.
#pragma once

#include <cstdint>

// Of every helper, lambdas included: what is called between two multiplications must not be a call.
#define WN_ALWAYS __attribute__((always_inline))
#define WN_INLINE inline WN_ALWAYS

namespace widenet::kernels {
namespace {

constexpr int64_t kLanes = WN_LANES;

using I = int32_t __attribute__((vector_size(kLanes * 4)));
using FloatLanes = float __attribute__((vector_size(kLanes * 4)));
using Pairs = int64_t __attribute__((vector_size(kLanes * 4)));
using Words = uint16_t __attribute__((vector_size(kLanes * 2)));
using Bytes = uint8_t __attribute__((vector_size(kLanes)));
using PairBytes = uint8_t __attribute__((vector_size(kLanes / 2)));

}  // namespace
}  // namespace widenet::kernels
