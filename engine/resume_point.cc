#include "engine/resume_point.h"

#include <algorithm>
#include <cstring>

#include "engine/block_keys.h"

namespace widenet::engine {
namespace {

class Writer {
 public:
  template <typename T>
  void put(std::span<const T> values) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(values.data());
    out_.insert(out_.end(), bytes, bytes + values.size_bytes());
  }
  void put(int64_t value) { put(std::span<const int64_t>(&value, 1)); }

  std::vector<uint8_t> take() { return std::move(out_); }

 private:
  std::vector<uint8_t> out_;
};

// Once it has failed it stays so.
class Reader {
 public:
  explicit Reader(std::span<const uint8_t> bytes) : left_(bytes) {}

  template <typename T>
  void get(std::span<T> values) {
    if (left_.size() < values.size_bytes()) {
      failed_ = true;
      return;
    }
    if (values.empty()) return;
    std::memcpy(values.data(), left_.data(), values.size_bytes());
    left_ = left_.subspan(values.size_bytes());
  }
  int64_t get() {
    int64_t value = 0;
    get(std::span(&value, 1));
    return value;
  }
  // Resizes to what is there; false if that is not one of the sizes allowed.
  void get(std::vector<float>& values, std::initializer_list<int64_t> sizes) {
    const int64_t n = get();
    if (std::find(sizes.begin(), sizes.end(), n) == sizes.end()) failed_ = true;
    if (failed_) return;
    values.resize(static_cast<size_t>(n));
    get(std::span(values));
  }

  bool has_ended_well() const { return !failed_ && left_.empty(); }

 private:
  std::span<const uint8_t> left_;
  bool failed_ = false;
};

int64_t float_bytes(const std::vector<float>& values) {
  return static_cast<int64_t>(values.size() * sizeof(float));
}

// A ring that is not full yet has rows in its first slots alone.
size_t used_ring_bytes(int64_t n_tokens, const ModelConfig& config, const KvLayouts& layouts) {
  return static_cast<size_t>(std::min(n_tokens, config.window) * layouts.rows.row_bytes());
}

void put_floats(Writer& out, std::span<const float> values) {
  out.put(static_cast<int64_t>(values.size()));
  out.put(values);
}

// Channels of a compressor's projections.
int64_t tail_width(const ModelConfig& config, int64_t layer, bool is_for_index) {
  const int64_t width = is_for_index ? config.index_head_dim : config.head_dim;
  return config.has_indexer(layer) ? 2 * width : width;
}

}  // namespace

int64_t own_bytes(const ResumePoint& point) {
  int64_t bytes = float_bytes(point.logits) + float_bytes(point.state.draft.streams);
  for (const auto& ring : point.state.draft.rings) bytes += static_cast<int64_t>(ring.size());
  for (const LayerState& layer : point.state.layers) {
    bytes += static_cast<int64_t>(layer.ring.size());
    for (const CompressorTail* tail : {&layer.tail, &layer.index_tail}) {
      bytes += float_bytes(tail->values) + float_bytes(tail->gates);
    }
  }
  return bytes;
}

std::vector<uint8_t> pack_point(const ResumePoint& point,
                                const ModelConfig& config,
                                const KvLayouts& layouts) {
  const KvState& state = point.state;
  const int64_t first = state.n_tokens / kBlockTokens * kBlockTokens;
  Writer out;
  std::vector<uint8_t> rows(static_cast<size_t>(layouts.pages.bytes(state.n_tokens - first)));
  if (!rows.empty()) state.rows.copy_out(first, state.n_tokens, rows);
  out.put(std::span<const uint8_t>(rows));
  const size_t ring_bytes = used_ring_bytes(state.n_tokens, config, layouts);
  for (const LayerState& layer : state.layers) {
    out.put(std::span(layer.ring).first(ring_bytes));
    for (const CompressorTail* tail : {&layer.tail, &layer.index_tail}) {
      put_floats(out, tail->values);
      put_floats(out, tail->gates);
    }
  }
  out.put(state.draft.ring_from);
  for (const auto& ring : state.draft.rings) out.put(std::span(ring));
  const std::vector<float>& streams = state.draft.streams;  // of the last token is all one needs
  const auto width = static_cast<size_t>(config.hc_mult * config.dim);
  put_floats(out, std::span(streams).last(std::min(streams.size(), width)));
  put_floats(out, point.logits);
  return out.take();
}

bool unpack_point(std::span<const uint8_t> bytes,
                  const ModelConfig& config,
                  const KvLayouts& layouts,
                  ResumePoint& point) {
  KvState& state = point.state;
  const int64_t n_tokens = state.n_tokens;
  const int64_t first = n_tokens / kBlockTokens * kBlockTokens;
  Reader in(bytes);
  std::vector<uint8_t> rows(static_cast<size_t>(layouts.pages.bytes(n_tokens - first)));
  in.get(std::span(rows));
  state.rows.extend(first, n_tokens);
  if (!rows.empty()) state.rows.copy_in(first, n_tokens, n_tokens - first, rows);
  const size_t ring_bytes = used_ring_bytes(n_tokens, config, layouts);
  for (int64_t i = 0; i < config.n_layers; ++i) {
    LayerState& layer = state.layers[static_cast<size_t>(i)];
    in.get(std::span(layer.ring).first(ring_bytes));
    const int64_t ratio = config.ratio(i);
    const int64_t n_rows = ratio == 0 ? 0 : tail_rows(n_tokens, ratio);
    for (const bool is_for_index : {false, true}) {
      const bool is_there = !is_for_index || config.has_indexer(i);
      CompressorTail& tail = is_for_index ? layer.index_tail : layer.tail;
      const int64_t n = is_there ? n_rows * tail_width(config, i, is_for_index) : 0;
      in.get(tail.values, {n});
      in.get(tail.gates, {n});
    }
  }
  state.draft.ring_from = in.get();
  for (auto& ring : state.draft.rings) in.get(std::span(ring));
  in.get(state.draft.streams, {0, config.hc_mult * config.dim});
  in.get(point.logits, {0, config.vocab_size});
  return in.has_ended_well();
}

}  // namespace widenet::engine
