// The SIMD backends' tables.  Only backend.cc asks for them: it knows what the processor can run.
#pragma once

#include "kernels/backend.h"

namespace widenet::kernels {

extern const Backend avx2_backend;    // AVX2 and FMA
extern const Backend avx512_backend;  // AVX-512 F, BW, DQ, VL, VNNI and BF16

}  // namespace widenet::kernels
