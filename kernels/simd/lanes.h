// The types of a vector's lanes, once kLanes is defined.
#pragma once

#include <cstdint>

namespace widenet::kernels {
namespace {

using I = int32_t __attribute__((vector_size(kLanes * 4)));
using FloatLanes = float __attribute__((vector_size(kLanes * 4)));
using Pairs = int64_t __attribute__((vector_size(kLanes * 4)));
using Words = uint16_t __attribute__((vector_size(kLanes * 2)));
using Bytes = uint8_t __attribute__((vector_size(kLanes)));
using PairBytes = uint8_t __attribute__((vector_size(kLanes / 2)));

}  // namespace
}  // namespace widenet::kernels
