// ResumePoint: a moment that timelines can go on from, and its form on disk.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/kv_state.h"

namespace widenet::engine {

struct ResumePoint {
  KvState state;
  std::vector<float> logits;  // [vocab_size] after its last token, or empty
};

// Bytes in memory beside the compressed rows.
int64_t own_bytes(const ResumePoint& point);

// Everything but the compressed rows of whole blocks: window rings, compressor tails, what the
// draft head knows, logits, and the rows that the last, incomplete block has.
std::vector<uint8_t> pack_point(const ResumePoint& point,
                                const ModelConfig& config,
                                const KvLayouts& layouts);

// `point` has n_tokens and the rows of its whole blocks; the rest is filled in.  False if the bytes
// are not those of such a point.
[[nodiscard]] bool unpack_point(std::span<const uint8_t> bytes,
                                const ModelConfig& config,
                                const KvLayouts& layouts,
                                ResumePoint& point);

}  // namespace widenet::engine
