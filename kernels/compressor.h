// The compressor's pooling: several tokens' projections become one entry.
#pragma once

#include "kernels/stream.h"
#include "kernels/weight.h"

namespace widenet::kernels {

struct CompressorInputs {
  Rows<const float> values;  // [n_rows, halves * width]
  Rows<const float> gates;   // [n_rows, halves * width], position embedding added
  int64_t ratio = 128;       // rows a window
  // Overlapping: rows hold two halves; an entry pools half A of the window before and half B of its
  // own.  The rows then begin with that previous window, unless `is_first`: there is none, and
  // window 0 pools half B alone.
  bool overlapping = false;
  bool is_first = false;
};

// One entry for each complete window, out [n_entries, width]: per channel, the softmax of the gates
// over the pooled rows (older rows first) weighs the values.  float32.  Rows after the last
// complete window are not read.
using Compress = void(Stream&, const CompressorInputs&, Rows<float> out);

Compress compress_reference;

// gates[r] += position_embedding[(first_position + r) % ratio], [ratio, dim].
void add_position_embedding(Stream&,
                            Rows<float> gates,
                            const float* position_embedding,
                            int64_t ratio,
                            int64_t first_position);

}  // namespace widenet::kernels
