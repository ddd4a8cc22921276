// The definition of the compressor's pooling.
#include "kernels/compressor.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/thread_pool.h"

namespace widenet::kernels {
namespace {

// One pooled row: where its channels for this entry begin.
struct Pooled {
  const float* values;
  const float* gates;
};

void pool(const std::vector<Pooled>& rows, int64_t width, float* out) {
  for (int64_t i = 0; i < width; ++i) {
    float max = rows[0].gates[i];
    for (const Pooled& row : rows) max = std::max(max, row.gates[i]);
    float sum = 0.0f;
    float weighted = 0.0f;
    for (const Pooled& row : rows) {
      const float weight = std::exp(row.gates[i] - max);
      sum += weight;
      weighted += weight * row.values[i];
    }
    out[i] = weighted / sum;
  }
}

}  // namespace

void compress_reference(Stream& stream, const CompressorInputs& in, Rows<float> out) {
  const int64_t width = out.dim;
  const bool has_previous = in.overlapping && !in.is_first;
  const int64_t first_row = has_previous ? in.ratio : 0;
  WN_CHECK(in.values.dim == (in.overlapping ? 2 : 1) * width && in.gates.dim == in.values.dim);
  WN_CHECK(first_row + out.count * in.ratio <= in.values.count);

  const auto pool_entries = [&](int64_t first, int64_t last) {
    std::vector<Pooled> rows;
    for (int64_t e = first; e < last; ++e) {
      const int64_t window = first_row + e * in.ratio;
      rows.clear();
      if (in.overlapping && window >= in.ratio) {
        for (int64_t r = window - in.ratio; r < window; ++r) {
          rows.push_back({in.values[r], in.gates[r]});
        }
      }
      const int64_t half = in.overlapping ? width : 0;
      for (int64_t r = window; r < window + in.ratio; ++r) {
        rows.push_back({in.values[r] + half, in.gates[r] + half});
      }
      pool(rows, width, out[e]);
    }
  };
  parallel_for(stream, out.count, piece_for(in.ratio * width * 16), pool_entries);
}

void add_position_embedding(Stream& stream,
                            Rows<float> gates,
                            const float* position_embedding,
                            int64_t ratio,
                            int64_t first_position) {
  parallel_for(stream, gates.count, piece_for(4 * gates.dim), [&](int64_t first, int64_t last) {
    for (int64_t r = first; r < last; ++r) {
      const float* embedding = position_embedding + (first_position + r) % ratio * gates.dim;
      float* row = gates[r];
      for (int64_t i = 0; i < gates.dim; ++i) row[i] += embedding[i];
    }
  });
}

}  // namespace widenet::kernels
