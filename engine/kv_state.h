// KvState: all that a timeline's past leaves behind for its future.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/model_config.h"
#include "engine/row_pages.h"
#include "kernels/index_rows.h"
#include "kernels/kv_rows.h"

namespace widenet::engine {

// The projections of tokens whose window is not complete, and, where windows overlap, of the last
// complete window: rows [n_rows, halves * width], oldest first.
struct CompressorTail {
  std::vector<float> values;
  std::vector<float> gates;
};

struct LayerState {
  std::vector<uint8_t> ring;  // [window] rows: position p in slot p % window
  CompressorTail tail;
  CompressorTail index_tail;
};

// What the draft head needs of the past.  It changes what is drafted, never what is generated: it
// may be empty at any time.
struct DraftState {
  // As LayerState's, one for each layer that drafts.  In an MTP block position p's row needs token
  // p + 1, and the last token has none; DSpark's rows need the tokens up to p.
  std::vector<std::vector<uint8_t>> rings;
  int64_t ring_from = 0;       // positions before this one have no row in the rings
  std::vector<float> streams;  // MTP: [n, hc_mult * dim] of the last n tokens, or empty
};

// How rows are stored: packed in native numerics, float32 in exact.
struct KvLayouts {
  // Ratios are powers of two, at most kPageTokens.
  KvLayouts(const ModelConfig& config, bool is_native);

  // Which arrays of a page have a layer's rows.
  struct Arrays {
    std::optional<size_t> entries;
    std::optional<size_t> index_keys;  // CSA only
  };

  kernels::KvLayout rows;
  kernels::IndexLayout index_keys;
  PageLayout pages;
  std::vector<Arrays> of_layers;
};

// A copy is a moment of the timeline that can be gone on from: it costs rings, tails and drafts,
// and shares the compressed rows.
struct KvState {
  explicit KvState(const PageLayout& layout) : rows(layout) {}

  int64_t n_tokens = 0;
  std::vector<LayerState> layers;
  RowPages rows;  // compressed: entries and index keys of all layers
  DraftState draft;
};

KvState make_kv_state(const ModelConfig& config, const KvLayouts& layouts);

// Rows that a compressor's tail holds after n_tokens: those of the incomplete window and, where
// windows overlap, of the one before.
int64_t tail_rows(int64_t n_tokens, int64_t ratio);

// Bytes of the rows themselves, all layers together, without what containers add.
struct KvBytes {
  int64_t rings = 0;    // whole from the first token on
  int64_t entries = 0;  // compressed, or (V3.2) one for each position
  int64_t index_keys = 0;
  int64_t tails = 0;  // float32; they come and go with the length, and do not grow

  int64_t total() const { return rings + entries + index_keys + tails; }
};

KvBytes stored_bytes(const KvState& state, const KvLayouts& layouts);

// What it takes to forget the last tokens of a short step: the rows that it overwrote or may have
// used up.
struct KvUndo {
  struct Layer {
    std::vector<uint8_t> ring;  // the rows that stood where the step's tokens stand now, in order
    CompressorTail rows;        // from the tail before the step to the step's last token
    CompressorTail index_rows;
  };

  int64_t first_position = 0;  // of the step
  std::vector<Layer> layers;
  int64_t first_draft_row = 0;  // position of the first row written for the draft head
  std::vector<std::vector<uint8_t>> draft_rings;
};

// Leaves n_tokens of the timeline, all tokens before the step and maybe some of it.
void drop_to(int64_t n_tokens,
             const KvUndo& undo,
             const ModelConfig& config,
             const KvLayouts& layouts,
             KvState& state);

}  // namespace widenet::engine
