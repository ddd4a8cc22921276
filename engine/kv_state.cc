// Making, remembering and taking back the state.
#include "engine/kv_state.h"

namespace widenet::engine {

KvState make_kv_state(const ModelConfig& config, const KvLayouts& layouts) {
  KvState state;
  state.layers.resize(static_cast<size_t>(config.n_layers));
  for (LayerState& layer : state.layers) {
    layer.ring.resize(static_cast<size_t>(config.window * layouts.rows.row_bytes()));
  }
  return state;
}

KvBytes stored_bytes(const KvState& state) {
  const auto tail_bytes = [](const CompressorTail& tail) {
    return static_cast<int64_t>((tail.values.size() + tail.gates.size()) * sizeof(float));
  };
  KvBytes bytes;
  for (const LayerState& layer : state.layers) {
    bytes.rings += static_cast<int64_t>(layer.ring.size());
    bytes.entries += static_cast<int64_t>(layer.entries.size());
    bytes.index_keys += static_cast<int64_t>(layer.index_keys.size());
    bytes.tails += tail_bytes(layer.tail) + tail_bytes(layer.index_tail);
  }
  return bytes;
}

KvSnapshot take_snapshot(const KvState& state) {
  KvSnapshot snapshot;
  snapshot.n_tokens = state.n_tokens;
  for (const LayerState& layer : state.layers) {
    snapshot.layers.push_back({layer.ring, layer.tail, layer.index_tail});
  }
  return snapshot;
}

void restore(const KvSnapshot& snapshot,
             const ModelConfig& config,
             const KvLayouts& layouts,
             KvState& state) {
  WN_CHECK(snapshot.n_tokens <= state.n_tokens);
  state.n_tokens = snapshot.n_tokens;
  for (size_t i = 0; i < state.layers.size(); ++i) {
    LayerState& layer = state.layers[i];
    layer.ring = snapshot.layers[i].ring;
    layer.tail = snapshot.layers[i].tail;
    layer.index_tail = snapshot.layers[i].index_tail;
    const int64_t ratio = config.compress_ratios[i];
    if (ratio == 0) continue;
    const int64_t n_entries = snapshot.n_tokens / ratio;
    layer.entries.resize(static_cast<size_t>(n_entries * layouts.rows.row_bytes()));
    if (!config.has_indexer(static_cast<int64_t>(i))) continue;
    layer.index_keys.resize(static_cast<size_t>(n_entries * layouts.index_keys.row_bytes()));
  }
}

}  // namespace widenet::engine
