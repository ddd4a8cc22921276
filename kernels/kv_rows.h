// Rows of the key/value state, packed exactly as the model defines them.
#pragma once

#include "kernels/stream.h"
#include "kernels/weight.h"

namespace widenet::kernels {

// One vector that is key and value of every head: head_dim channels, the last rope_dim rotated.
//
//   packed   (head_dim - rope_dim) E4M3 codes; one E8M0 scale for each 64 of them (the last block
//            may be shorter); zeros up to an even offset; rope_dim BF16 numbers; zeros up to a
//            multiple of 8.  584 bytes for 512/64.
//   else     head_dim float32 numbers
//
// Packing rounds; unpacking and packing again gives the same numbers.
struct KvLayout {
  static constexpr int64_t kBlock = 64;

  int64_t head_dim = 0;
  int64_t rope_dim = 0;
  bool packed = true;

  int64_t n_codes() const { return head_dim - rope_dim; }
  int64_t n_scales() const { return (n_codes() + kBlock - 1) / kBlock; }
  int64_t rope_offset() const { return (n_codes() + n_scales() + 1) / 2 * 2; }
  int64_t row_bytes() const {
    return packed ? (rope_offset() + 2 * rope_dim + 7) / 8 * 8 : 4 * head_dim;
  }
};

// x [n_rows, head_dim] -> rows [n_rows, row_bytes].  Scale of a block: 2^ceil(log2(max(amax, 1e-4)
// / 448)).  Bit-identical on every backend, as is unpacking.
using PackKvRows = void(Stream&, Rows<const float> x, const KvLayout&, uint8_t* rows);
using UnpackKvRows = void(Stream&, const uint8_t* rows, const KvLayout&, Rows<float> out);

PackKvRows pack_kv_rows_reference;
UnpackKvRows unpack_kv_rows_reference;

}  // namespace widenet::kernels
