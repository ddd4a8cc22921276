// What happens to rows one by one: rounding, norms, rotation, packing, the expert's activation.
#include "kernels/bench/case.h"
#include "kernels/bench/operands.h"

namespace widenet::kernels::bench {
namespace {

std::vector<float> zeros(int64_t n) {
  return std::vector<float>(static_cast<size_t>(n));
}

Call prepare_quantise_activations(RowsShape s, int64_t n_copies) {
  Noise noise;
  return [s, x = Copies(noise.floats(s.n_rows * s.dim), n_copies),
          out = Copies(zeros(s.n_rows * s.dim), n_copies)](const Backend& backend, Stream& stream,
                                                           int64_t call) {
    backend.quantise_activations(stream, View<const float, 2>(x.at(call), s.n_rows, s.dim),
                                 View<float, 2>(out.at(call), s.n_rows, s.dim));
  };
}

Call prepare_rms_norm(RowsShape s, int64_t n_copies) {
  Noise noise;
  return [s, x = Copies(noise.floats(s.n_rows * s.dim), n_copies),
          weight = Copies(noise.floats(s.dim), n_copies),
          out = Copies(zeros(s.n_rows * s.dim), n_copies)](const Backend& backend, Stream& stream,
                                                           int64_t call) {
    backend.rms_norm(stream, View<const float, 2>(x.at(call), s.n_rows, s.dim), weight.at(call),
                     {.eps = 1e-6f, .round_output = true, .bf16_steps = false},
                     View<float, 2>(out.at(call), s.n_rows, s.dim));
  };
}

Call prepare_rope(RopeShape s, int64_t head_dim, int64_t n_copies) {
  Noise noise;
  std::vector<float> table = zeros(s.n_tokens * s.rope_dim);
  const std::vector<float> frequencies = rope_frequencies({.rope_dim = s.rope_dim});
  Stream alone;
  fill_rope_table(alone, {frequencies.data(), s.rope_dim / 2}, {},
                  {table.data(), s.n_tokens, s.rope_dim / 2, 2});
  return [s, head_dim, angles = Copies(table, n_copies),
          x = Copies(noise.floats(s.n_tokens * s.n_heads * head_dim), n_copies)](
             const Backend& backend, Stream& stream, int64_t call) {
    backend.rope(stream, View<const float, 3>(angles.at(call), s.n_tokens, s.rope_dim / 2, 2),
                 {.inverse = false, .round_output = true},
                 {x.at(call), s.n_tokens, s.n_heads, head_dim});
  };
}

Call prepare_pack_kv_rows(int64_t n_rows, const KvLayout& layout, int64_t n_copies) {
  Noise noise;
  return [n_rows, layout, x = Copies(noise.floats(n_rows * layout.head_dim), n_copies),
          rows = Copies(noise.bytes(n_rows * layout.row_bytes()), n_copies)](
             const Backend& backend, Stream& stream, int64_t call) {
    backend.pack_kv_rows(stream, View<const float, 2>(x.at(call), n_rows, layout.head_dim), layout,
                         rows.at(call));
  };
}

Call prepare_unpack_kv_rows(int64_t n_rows, const KvLayout& layout, int64_t n_copies) {
  Noise noise;
  return [n_rows, layout, rows = Copies(noise.bytes(n_rows * layout.row_bytes(), 0x7f), n_copies),
          out = Copies(zeros(n_rows * layout.head_dim), n_copies)](const Backend& backend,
                                                                   Stream& stream, int64_t call) {
    backend.unpack_kv_rows(stream, rows.at(call), layout,
                           View<float, 2>(out.at(call), n_rows, layout.head_dim));
  };
}

Call prepare_hadamard(RowsShape s, int64_t n_copies) {
  Noise noise;
  return [s, x = Copies(noise.floats(s.n_rows * s.dim), n_copies)](const Backend& backend,
                                                                   Stream& stream, int64_t call) {
    backend.hadamard(stream, View<float, 2>(x.at(call), s.n_rows, s.dim));
  };
}

Call prepare_swiglu(RowsShape s, int64_t n_copies) {
  Noise noise;
  return [s, gate = Copies(noise.floats(s.n_rows * s.dim), n_copies),
          up = Copies(noise.floats(s.n_rows * s.dim), n_copies),
          row_weights = Copies(noise.floats(s.n_rows), n_copies),
          out = Copies(zeros(s.n_rows * s.dim), n_copies)](const Backend& backend, Stream& stream,
                                                           int64_t call) {
    backend.swiglu(stream, View<const float, 2>(gate.at(call), s.n_rows, s.dim),
                   View<const float, 2>(up.at(call), s.n_rows, s.dim),
                   {.limit = 10.0f, .row_weights = row_weights.at(call), .round_output = true},
                   View<float, 2>(out.at(call), s.n_rows, s.dim));
  };
}

}  // namespace

void add_row_cases(const ModelShape& model, std::vector<Case>& cases) {
  const RowsShape tokens{model.n_tokens, model.dim};
  const RowsShape experts{model.n_tokens, model.ffn_dim};
  const RowsShape index_heads{model.n_tokens * model.n_index_heads, model.index_dim};
  const RopeShape heads{model.n_tokens, model.n_heads, model.rope_dim};
  const KvLayout layout = model.kv_layout();
  const auto add = [&](const char* operation, const std::vector<int64_t>& extents, Work work,
                       std::function<Call(int64_t)> prepare) {
    cases.push_back({.operation = operation,
                     .variant = "",
                     .shape = shape_text(model, extents),
                     .work = work,
                     .unit = Unit::f32_fma,
                     .prepare = std::move(prepare)});
  };
  add("quantise_activations", {tokens.n_rows, tokens.dim}, quantise_activations_work(tokens),
      [=](int64_t n_copies) { return prepare_quantise_activations(tokens, n_copies); });
  add("rms_norm", {tokens.n_rows, tokens.dim}, rms_norm_work(tokens),
      [=](int64_t n_copies) { return prepare_rms_norm(tokens, n_copies); });
  add("rope", {heads.n_tokens, heads.n_heads, heads.rope_dim}, rope_work(heads),
      [=](int64_t n_copies) { return prepare_rope(heads, layout.head_dim, n_copies); });
  add("pack_kv_rows", {tokens.n_rows, layout.head_dim}, pack_kv_rows_work(tokens.n_rows, layout),
      [=](int64_t n_copies) { return prepare_pack_kv_rows(tokens.n_rows, layout, n_copies); });
  add("unpack_kv_rows", {tokens.n_rows, layout.head_dim},
      unpack_kv_rows_work(tokens.n_rows, layout),
      [=](int64_t n_copies) { return prepare_unpack_kv_rows(tokens.n_rows, layout, n_copies); });
  add("hadamard", {index_heads.n_rows, index_heads.dim}, hadamard_work(index_heads),
      [=](int64_t n_copies) { return prepare_hadamard(index_heads, n_copies); });
  add("swiglu", {experts.n_rows, experts.dim}, swiglu_work(experts),
      [=](int64_t n_copies) { return prepare_swiglu(experts, n_copies); });
}

}  // namespace widenet::kernels::bench
