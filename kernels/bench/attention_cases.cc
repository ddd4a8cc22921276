// From compressed entries to attention: compressor, indexer, selection, attention; and the router.
#include <algorithm>
#include <cmath>
#include <utility>

#include "kernels/bench/case.h"
#include "kernels/bench/operands.h"

namespace widenet::kernels::bench {
namespace {

std::vector<float> zeros(int64_t n) {
  return std::vector<float>(static_cast<size_t>(n));
}

std::vector<int32_t> repeated(int64_t n, int64_t value) {
  return std::vector<int32_t>(static_cast<size_t>(n), static_cast<int32_t>(value));
}

Call prepare_compress(CompressShape s, int64_t n_copies) {
  Noise noise;
  const int64_t n_rows = (s.n_entries + (s.overlapping ? 1 : 0)) * s.ratio;
  const int64_t dim = (s.overlapping ? 2 : 1) * s.width;
  return [s, n_rows, dim, values = Copies(noise.floats(n_rows * dim), n_copies),
          gates = Copies(noise.floats(n_rows * dim), n_copies),
          out = Copies(zeros(s.n_entries * s.width), n_copies)](const Backend& backend,
                                                                Stream& stream, int64_t call) {
    backend.compress(stream,
                     {.values = View<const float, 2>(values.at(call), n_rows, dim),
                      .gates = View<const float, 2>(gates.at(call), n_rows, dim),
                      .ratio = s.ratio,
                      .overlapping = s.overlapping,
                      .is_first = false},
                     View<float, 2>(out.at(call), s.n_entries, s.width));
  };
}

Call prepare_pack_index_rows(int64_t n_rows, const IndexLayout& layout, int64_t n_copies) {
  Noise noise;
  return [n_rows, layout, x = Copies(noise.floats(n_rows * layout.dim), n_copies),
          rows = Copies(noise.bytes(n_rows * layout.row_bytes()), n_copies)](
             const Backend& backend, Stream& stream, int64_t call) {
    backend.pack_index_rows(stream, View<const float, 2>(x.at(call), n_rows, layout.dim), layout,
                            rows.at(call));
  };
}

std::vector<uint8_t> random_index_rows(int64_t n_rows, const IndexLayout& layout, Noise& noise) {
  const std::vector<float> x = noise.floats(n_rows * layout.dim);
  std::vector<uint8_t> rows(static_cast<size_t>(n_rows * layout.row_bytes()));
  Stream stream;
  pack_index_rows_reference(stream, View<const float, 2>(x.data(), n_rows, layout.dim), layout,
                            rows.data());
  return rows;
}

// `negative` of four heads have a negative weight, as in trained models.
Call prepare_index_select(const IndexShape& s, int64_t negative, int64_t n_copies) {
  Noise noise;
  const int64_t n_queries = s.n_tokens * s.n_heads;
  std::vector<float> weights = noise.floats(n_queries);
  for (int64_t i = 0; i < n_queries; ++i) {
    float& weight = weights[static_cast<size_t>(i)];
    weight = std::copysign(weight, i % 4 < negative ? -1.0f : 1.0f);
  }
  return [s, queries = Copies(random_index_rows(n_queries, s.layout, noise), n_copies),
          head_weights = Copies(weights, n_copies),
          keys = Copies(random_index_rows(s.n_keys, s.layout, noise), n_copies),
          n_visible = Copies(repeated(s.n_tokens, s.n_keys), n_copies),
          selected = Copies(repeated(s.n_tokens * s.k, 0), n_copies),
          n_selected = Copies(repeated(s.n_tokens, 0), n_copies)](const Backend& backend,
                                                                  Stream& stream, int64_t call) {
    const uint8_t* const page = keys.at(call);
    const IndexInputs in{queries.at(call),
                         {head_weights.at(call), s.n_tokens, s.n_heads},
                         {.pages = &page},
                         n_visible.at(call),
                         s.layout};
    backend.index_select(stream, in, {selected.at(call), s.n_tokens, s.k}, n_selected.at(call));
  };
}

Call prepare_route(RouteShape s, int64_t n_copies) {
  Noise noise;
  return [s, logits = Copies(noise.floats(s.n_tokens * s.n), n_copies),
          bias = Copies(noise.floats(s.n), n_copies),
          experts = Copies(repeated(s.n_tokens * s.k, 0), n_copies),
          weights = Copies(zeros(s.n_tokens * s.k), n_copies)](const Backend& backend,
                                                               Stream& stream, int64_t call) {
    backend.route(stream, View<const float, 2>(logits.at(call), s.n_tokens, s.n),
                  {.bias = bias.at(call), .chosen = nullptr, .normalise = true, .scale = 1.5f},
                  {experts.at(call), s.n_tokens, s.k}, {weights.at(call), s.n_tokens, s.k});
  };
}

// Token t selects k of n entries, evenly spread from entry t mod (n / k) on: neighbours differ.
std::vector<int32_t> spread_selection(int64_t n_tokens, int64_t k, int64_t n) {
  std::vector<int32_t> selected;
  const int64_t step = n / k;
  for (int64_t t = 0; t < n_tokens; ++t) {
    for (int64_t i = 0; i < k; ++i) selected.push_back(static_cast<int32_t>(i * step + t % step));
  }
  return selected;
}

std::vector<uint8_t> packed_rows(Noise& noise, int64_t n_rows, const KvLayout& layout) {
  const std::vector<float> values = noise.floats(n_rows * layout.head_dim);
  std::vector<uint8_t> rows(static_cast<size_t>(n_rows * layout.row_bytes()));
  Stream stream;
  pack_kv_rows_reference(stream, View<const float, 2>(values.data(), n_rows, layout.head_dim),
                         layout, rows.data());
  return rows;
}

Call prepare_attention(const AttentionShape& s, int64_t n_entries, int64_t n_copies) {
  Noise noise;
  const int64_t dim = s.layout.head_dim;
  const int64_t n_window_rows = s.n_tokens + s.window_length - 1;
  return [s, dim, n_window_rows, q = Copies(noise.floats(s.n_tokens * s.n_heads * dim), n_copies),
          window = Copies(noise.floats(n_window_rows * dim), n_copies),
          entries = Copies(packed_rows(noise, n_entries, s.layout), n_copies),
          selected = Copies(spread_selection(s.n_tokens, s.k, n_entries), n_copies),
          n_selected = Copies(repeated(s.n_tokens, s.k), n_copies),
          sinks = Copies(noise.floats(s.n_heads), n_copies),
          out = Copies(zeros(s.n_tokens * s.n_heads * dim), n_copies)](
             const Backend& backend, Stream& stream, int64_t call) {
    AttentionInputs in;
    in.q = {q.at(call), s.n_tokens, s.n_heads, dim};
    in.window = {window.at(call), n_window_rows, dim};
    in.first_position = s.window_length - 1;  // so that the first token's window is full
    in.window_length = s.window_length;
    const uint8_t* const page = entries.at(call);
    in.entries = {.pages = &page};
    in.layout = s.layout;
    in.selected = {selected.at(call), s.n_tokens, s.k};
    in.n_selected = n_selected.at(call);
    in.sinks = sinks.at(call);
    in.scale = 1.0f / std::sqrt(static_cast<float>(dim));
    in.round_to_bf16 = true;
    backend.attention(stream, in, {out.at(call), s.n_tokens, s.n_heads, dim});
  };
}

}  // namespace

void add_attention_cases(const ModelShape& model, std::vector<Case>& cases) {
  const auto add = [&](const char* operation, const char* variant,
                       const std::vector<int64_t>& extents, Work work, Unit unit,
                       std::function<Call(int64_t)> prepare) {
    cases.push_back({.operation = operation,
                     .variant = variant,
                     .shape = shape_text(model, extents),
                     .work = work,
                     .unit = unit,
                     .prepare = std::move(prepare)});
  };

  for (const bool overlapping : {true, false}) {
    const int64_t ratio = overlapping ? 4 : 128;
    const CompressShape s{model.n_tokens / ratio, ratio, model.head_dim, overlapping};
    add("compress", overlapping ? "ratio 4" : "ratio 128", {s.n_entries * ratio, s.width},
        compress_work(s), Unit::f32_fma,
        [=](int64_t n_copies) { return prepare_compress(s, n_copies); });
  }

  const int64_t n_index_rows = model.n_tokens * model.n_index_heads;
  const IndexLayout index_layout = model.index_layout();
  add("pack_index_rows", "", {n_index_rows, index_layout.dim},
      pack_index_rows_work(n_index_rows, index_layout), Unit::f32_fma, [=](int64_t n_copies) {
        return prepare_pack_index_rows(n_index_rows, index_layout, n_copies);
      });

  const auto add_index_select = [&](const char* variant, int64_t n_tokens, int64_t negative) {
    const IndexShape s{n_tokens, model.n_index_heads, model.n_keys, model.index_topk, index_layout};
    add("index_select", variant, {n_tokens, s.n_heads, s.n_keys}, index_select_work(s),
        Unit::int8_dot,
        [=](int64_t n_copies) { return prepare_index_select(s, negative, n_copies); });
  };
  add_index_select("prefill", model.n_tokens, 0);
  add_index_select("prefill, signs", model.n_tokens, 2);
  add_index_select("decode", 1, 0);

  // A chunk's tokens see about the same keys; one token alone reads them all for itself.
  for (const int64_t n_tokens : {int64_t{32}, int64_t{1}}) {
    const char* phase = n_tokens == 1 ? "decode" : "prefill";
    const AttentionShape s{.n_tokens = n_tokens,
                           .n_heads = model.n_heads,
                           .window_length = model.window_length,
                           .k = model.index_topk,
                           .n_distinct = std::min(n_tokens * model.index_topk, model.n_keys),
                           .layout = model.kv_layout()};
    // Not all keys where few are selected: what nobody reads would only take memory.
    const int64_t n_entries = std::min(4 * s.n_distinct, model.n_keys);
    add("attention", phase, {n_tokens, s.n_heads, s.window_length + s.k}, attention_work(s),
        Unit::bf16_dot,
        [=](int64_t n_copies) { return prepare_attention(s, n_entries, n_copies); });
  }

  const RouteShape experts{model.n_tokens, model.n_experts, model.experts_per_token};
  add("route", "", {experts.n_tokens, experts.n, experts.k}, route_work(experts), Unit::f32_fma,
      [=](int64_t n_copies) { return prepare_route(experts, n_copies); });
}

}  // namespace widenet::kernels::bench
