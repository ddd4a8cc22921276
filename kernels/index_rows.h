// Index vectors: the indexer's queries and keys, in FP4.
#pragma once

#include "kernels/stream.h"
#include "kernels/weight.h"

namespace widenet::kernels {

//   packed   dim / 2 bytes of E2M1 codes (low nibble first), then one E8M0 scale for each 32
//            channels: 68 bytes for 128.  dim is a multiple of 32.
//   else     dim float32 numbers
struct IndexLayout {
  static constexpr int64_t kBlock = 32;

  int64_t dim = 0;
  bool packed = true;

  int64_t n_scales() const { return dim / kBlock; }
  int64_t row_bytes() const { return packed ? dim / 2 + n_scales() : 4 * dim; }
};

// x [n_rows, dim] -> rows [n_rows, row_bytes].  Scale of a block: 2^ceil(log2(amax / 6)), amax at
// least 6 * 2^-126; codes rounded to nearest, ties to even.  Bit-identical on every backend.
using PackIndexRows = void(Stream&, Rows<const float> x, const IndexLayout&, uint8_t* rows);

PackIndexRows pack_index_rows_reference;

}  // namespace widenet::kernels
