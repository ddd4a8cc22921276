// Linear layers: every weight format, for a prefill chunk (gemm) and for one token (gemv).
#include <algorithm>
#include <cstring>
#include <utility>

#include "kernels/bench/case.h"
#include "kernels/bench/operands.h"

namespace widenet::kernels::bench {
namespace {

struct Format {
  const char* name;
  WeightFormat format;
  Unit unit;  // activations are BF16 numbers, and so are all weights but float32 ones
};

constexpr Format kFormats[] = {
    {"fp8", WeightFormat::fp8, Unit::bf16_dot},
    {"fp4", WeightFormat::fp4, Unit::bf16_dot},
    {"bf16", WeightFormat::bf16, Unit::bf16_dot},
    {"f32", WeightFormat::f32, Unit::f32_fma},
};

// Random elements as stored.
std::vector<uint8_t> random_elements(const Weight& w, Noise& noise) {
  const int64_t n = w.n_rows * w.n_cols;
  if (w.format == WeightFormat::fp8) return noise.bytes(n, 0x7f);  // 0x7f itself is a NaN
  if (w.format == WeightFormat::fp4) return noise.bytes(n / 2);
  const std::vector<float> values = noise.floats(n);
  if (w.format == WeightFormat::f32) {
    std::vector<uint8_t> bytes(values.size() * sizeof(float));
    std::memcpy(bytes.data(), values.data(), bytes.size());
    return bytes;
  }
  std::vector<uint16_t> words(values.size());
  std::transform(values.begin(), values.end(), words.begin(), float_to_bf16);
  std::vector<uint8_t> bytes(words.size() * sizeof(uint16_t));
  std::memcpy(bytes.data(), words.data(), bytes.size());
  return bytes;
}

std::vector<uint8_t> random_scales(const Weight& w, Noise& noise) {
  std::vector<uint8_t> scales;
  if (!w.is_quantised()) return scales;
  const int64_t blocks_per_row = (w.n_cols + 31) / 32;  // of fp4; fp8 has fewer
  scales = noise.bytes(w.n_rows * blocks_per_row, 8);
  for (uint8_t& scale : scales) scale = static_cast<uint8_t>(scale + 120);
  return scales;
}

Call prepare_linear(const Weight& weight, int64_t n_tokens, int64_t n_copies) {
  Noise noise;
  return [weight, n_tokens, elements = Copies(random_elements(weight, noise), n_copies),
          scales = Copies(random_scales(weight, noise), weight.is_quantised() ? n_copies : 1),
          x = Copies(noise.floats(n_tokens * weight.n_cols), n_copies),
          out = Copies(std::vector<float>(static_cast<size_t>(n_tokens * weight.n_rows)),
                       n_copies)](const Backend& backend, Stream& stream, int64_t call) {
    Weight w = weight;
    w.data = elements.at(call);
    if (w.is_quantised()) w.scales_e8m0 = scales.at(call);
    backend.linear(stream, View<const float, 2>(x.at(call), n_tokens, w.n_cols), w,
                   {.bf16_inputs = true, .round_output = true},
                   View<float, 2>(out.at(call), n_tokens, w.n_rows));
  };
}

}  // namespace

void add_linear_cases(const ModelShape& model, std::vector<Case>& cases) {
  for (const Format& format : kFormats) {
    for (const int64_t n_tokens : {model.n_tokens, int64_t{1}}) {
      Weight weight;  // an expert's gate
      weight.format = format.format;
      weight.n_rows = model.ffn_dim;
      weight.n_cols = model.dim;
      cases.push_back({.operation = "linear",
                       .variant = std::string(format.name) + (n_tokens == 1 ? " gemv" : " gemm"),
                       .shape = shape_text(model, {n_tokens, weight.n_cols, weight.n_rows}),
                       .work = linear_work(weight, n_tokens),
                       .unit = format.unit,
                       .prepare = [weight, n_tokens](int64_t n_copies) {
                         return prepare_linear(weight, n_tokens, n_copies);
                       }});
    }
  }
}

}  // namespace widenet::kernels::bench
