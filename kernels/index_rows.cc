// The definition of index vectors and of their scores.
#include "kernels/index_rows.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "kernels/number_formats.h"
#include "kernels/thread_pool.h"

namespace widenet::kernels {
namespace {

void pack_row(const float* x, const IndexLayout& layout, uint8_t* row) {
  uint8_t* scales = row + layout.dim / 2;
  for (int64_t block = 0; block < layout.n_scales(); ++block) {
    const float* values = x + block * IndexLayout::kBlock;
    float amax = 0.0f;
    for (int64_t i = 0; i < IndexLayout::kBlock; ++i) amax = std::max(amax, std::fabs(values[i]));
    scales[block] = fp4_block_scale(amax);
    const float scale = e8m0_to_float(scales[block]);
    uint8_t* codes = row + block * IndexLayout::kBlock / 2;
    for (int64_t i = 0; i < IndexLayout::kBlock; i += 2) {
      const unsigned low = float_to_e2m1(values[i] / scale);
      const unsigned high = float_to_e2m1(values[i + 1] / scale);
      codes[i / 2] = static_cast<uint8_t>(low | (high << 4));
    }
  }
}

// Twice each code is a small integer, so a block's product is an integer of at most 4608.
int doubled_code(const uint8_t* row, int64_t i) {
  return kE2m1Doubled[(row[i / 2] >> (4 * (i % 2))) & 15];
}

float packed_dot(const uint8_t* a, const uint8_t* b, const IndexLayout& layout) {
  float dot = 0.0f;
  for (int64_t block = 0; block < layout.n_scales(); ++block) {
    int sum = 0;
    for (int64_t i = block * IndexLayout::kBlock; i < (block + 1) * IndexLayout::kBlock; ++i) {
      sum += doubled_code(a, i) * doubled_code(b, i);
    }
    const float scale_a = e8m0_to_float(a[layout.dim / 2 + block]);
    const float scale_b = e8m0_to_float(b[layout.dim / 2 + block]);
    dot += static_cast<float>(sum) * (0.25f * scale_a) * scale_b;
  }
  return dot;
}

float float_dot(const uint8_t* a, const uint8_t* b, int64_t dim) {
  double dot = 0.0;
  for (int64_t i = 0; i < dim; ++i) {
    float x = 0.0f;
    float y = 0.0f;
    std::memcpy(&x, a + 4 * i, sizeof x);
    std::memcpy(&y, b + 4 * i, sizeof y);
    dot += static_cast<double>(x) * static_cast<double>(y);
  }
  return static_cast<float>(dot);
}

float score(const IndexScoreInputs& in, int64_t t, int64_t s) {
  const int64_t n_heads = in.head_weights.dim(1);
  const uint8_t* key = in.keys + s * in.layout.row_bytes();
  float sum = 0.0f;
  for (int64_t h = 0; h < n_heads; ++h) {
    const uint8_t* query = in.queries + (t * n_heads + h) * in.layout.row_bytes();
    const float weight = in.head_weights[t][h];
    if (in.layout.packed) {
      const float dot = round_to_bf16(packed_dot(query, key, in.layout));
      sum += round_to_bf16(std::max(dot, 0.0f) * weight);
    } else {
      sum += std::max(float_dot(query, key, in.layout.dim), 0.0f) * weight;
    }
  }
  return in.layout.packed ? round_to_bf16(sum) : sum;
}

}  // namespace

void pack_index_rows_reference(Stream&,
                               Rows<const float> x,
                               const IndexLayout& layout,
                               uint8_t* rows) {
  WN_CHECK(x.dim == layout.dim && layout.dim % IndexLayout::kBlock == 0);
  for (int64_t t = 0; t < x.count; ++t) {
    uint8_t* row = rows + t * layout.row_bytes();
    if (layout.packed) {
      pack_row(x[t], layout, row);
    } else {
      std::memcpy(row, x[t], static_cast<size_t>(layout.row_bytes()));
    }
  }
}

void index_scores_reference(Stream& stream, const IndexScoreInputs& in, View<float, 2> scores) {
  const int64_t n_tokens = in.head_weights.dim(0);
  WN_CHECK(scores.dim(0) == n_tokens);
  const auto score_tokens = [&](int64_t first, int64_t last) {
    for (int64_t t = first; t < last; ++t) {
      WN_CHECK(in.n_visible[t] <= scores.dim(1));
      for (int64_t s = 0; s < in.n_visible[t]; ++s) scores[t][s] = score(in, t, s);
    }
  };
  parallel_for(stream, n_tokens, 1, score_tokens);
}

}  // namespace widenet::kernels
