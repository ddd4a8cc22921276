// Making, remembering and taking back the state.
#include "engine/kv_state.h"

#include <algorithm>

namespace widenet::engine {
namespace {

// The last n_rows rows of `rows` once its last n_dropped are gone, of `n_total` rows in all.
std::vector<float> rows_before_end(const std::vector<float>& rows,
                                   int64_t n_total,
                                   int64_t n_dropped,
                                   int64_t n_rows) {
  if (n_total == 0) return {};
  const auto width = static_cast<std::ptrdiff_t>(rows.size()) / n_total;
  const auto end = rows.begin() + width * (n_total - n_dropped);
  return {end - width * n_rows, end};
}

}  // namespace

KvLayouts::KvLayouts(const ModelConfig& config, bool is_native)
    : rows{config.head_dim, config.rope_dim, is_native},
      index_keys{config.index_head_dim, is_native} {
  for (int64_t layer = 0; layer < config.n_layers; ++layer) {
    Arrays arrays;
    const int64_t ratio = config.ratio(layer);
    if (ratio > 0) arrays.entries = pages.add(ratio, rows.row_bytes());
    if (config.has_indexer(layer)) arrays.index_keys = pages.add(ratio, index_keys.row_bytes());
    of_layers.push_back(arrays);
  }
}

KvState make_kv_state(const ModelConfig& config, const KvLayouts& layouts) {
  KvState state(layouts.pages);
  state.layers.resize(static_cast<size_t>(config.n_layers));
  for (LayerState& layer : state.layers) {
    layer.ring.resize(static_cast<size_t>(config.window * layouts.rows.row_bytes()));
  }
  state.draft.rings.assign(static_cast<size_t>(config.n_draft_layers()), state.layers.front().ring);
  return state;
}

int64_t tail_rows(int64_t n_tokens, int64_t ratio) {
  const bool has_previous = ratio == ModelConfig::kOverlappingRatio && n_tokens >= ratio;
  return n_tokens % ratio + (has_previous ? ratio : 0);
}

KvBytes stored_bytes(const KvState& state, const KvLayouts& layouts) {
  const auto tail_bytes = [](const CompressorTail& tail) {
    return static_cast<int64_t>((tail.values.size() + tail.gates.size()) * sizeof(float));
  };
  KvBytes bytes;
  for (const LayerState& layer : state.layers) {
    bytes.rings += static_cast<int64_t>(layer.ring.size());
    bytes.tails += tail_bytes(layer.tail) + tail_bytes(layer.index_tail);
  }
  const auto array_bytes = [&](std::optional<size_t> array) {
    if (!array.has_value()) return int64_t{0};
    return layouts.pages.array(*array).n_rows(state.n_tokens) *
           layouts.pages.array(*array).row_bytes;
  };
  for (const KvLayouts::Arrays& arrays : layouts.of_layers) {
    bytes.entries += array_bytes(arrays.entries);
    bytes.index_keys += array_bytes(arrays.index_keys);
  }
  return bytes;
}

void drop_to(int64_t n_tokens,
             const KvUndo& undo,
             const ModelConfig& config,
             const KvLayouts& layouts,
             KvState& state) {
  WN_CHECK(undo.first_position <= n_tokens && n_tokens <= state.n_tokens);
  const int64_t n_dropped = state.n_tokens - n_tokens;
  const int64_t row_bytes = layouts.rows.row_bytes();
  const auto put_back = [&](const std::vector<uint8_t>& saved, int64_t first, int64_t from,
                            std::vector<uint8_t>& ring) {
    const auto end = first + static_cast<int64_t>(saved.size()) / row_bytes;
    for (int64_t position = std::max(first, from); position < end; ++position) {
      std::copy_n(saved.begin() + (position - first) * row_bytes, row_bytes,
                  ring.begin() + position % config.window * row_bytes);
    }
  };
  for (int64_t i = 0; i < config.n_layers; ++i) {
    LayerState& layer = state.layers[static_cast<size_t>(i)];
    const KvUndo::Layer& saved = undo.layers[static_cast<size_t>(i)];
    put_back(saved.ring, undo.first_position, n_tokens, layer.ring);
    const int64_t ratio = config.ratio(i);
    if (ratio == 0) continue;
    const int64_t n_total =
        tail_rows(undo.first_position, ratio) + state.n_tokens - undo.first_position;
    const auto take_back = [&](const CompressorTail& rows, CompressorTail& tail) {
      const int64_t n_rows = tail_rows(n_tokens, ratio);
      tail.values = rows_before_end(rows.values, n_total, n_dropped, n_rows);
      tail.gates = rows_before_end(rows.gates, n_total, n_dropped, n_rows);
    };
    take_back(saved.rows, layer.tail);
    if (config.has_indexer(i)) take_back(saved.index_rows, layer.index_tail);
  }
  // Row p of an MTP block knows token p + 1: that of the last token left has to go as well.
  const int64_t first_wrong = config.n_mtp_layers > 0 ? n_tokens - 1 : n_tokens;
  for (size_t i = 0; i < state.draft.rings.size(); ++i) {
    put_back(undo.draft_rings[i], undo.first_draft_row, first_wrong, state.draft.rings[i]);
  }
  const auto width = static_cast<size_t>(config.hc_mult * config.dim);
  std::vector<float>& streams = state.draft.streams;
  streams.resize(streams.size() - std::min(streams.size(), static_cast<size_t>(n_dropped) * width));
  state.rows.shorten(n_tokens);
  state.n_tokens = n_tokens;
}

}  // namespace widenet::engine
