// Compressed layers: the compressors' entries and index keys, and the indexer's choice.
#include <algorithm>
#include <cmath>

#include "engine/model.h"
#include "kernels/row_ops.h"

namespace widenet::engine {
namespace {

// Where the rows that a part's tokens complete begin, run by run: body(first of the new rows, how
// many, memory).
template <typename Body>
void for_each_run(size_t array, int64_t first_row, int64_t n_rows, RowPages& pages, Body body) {
  for (int64_t i = 0; i < n_rows;) {
    const int64_t n = std::min(n_rows - i, pages.rows_together(array, first_row + i));
    body(i, n, pages.row(array, first_row + i));
    i += n;
  }
}

}  // namespace

// Projects the tokens for a compressor, and appends the entries (or index keys) that they complete.
void Model::compress(
    const CompressorWeights& w, int64_t layer, const Call& call, Tensor<2> x, bool is_for_index) {
  const int64_t columns = w.values.n_rows;
  const int64_t ratio = config_.ratio(layer);
  // A part's tail is put before its rows, over rows of parts that are done.
  const int64_t room = 2 * ratio;
  const int64_t n_tokens = call.n_tokens();
  const Tensor<2> values = buffers_.values.take(room + n_tokens, columns);
  const Tensor<2> gates = buffers_.gates.take(room + n_tokens, columns);
  plain_linear(x, w.values, /*round_output=*/false, values.slice(room, n_tokens));
  plain_linear(x, w.gates, /*round_output=*/false, gates.slice(room, n_tokens));
  for (const Part& part : call.parts) {
    LayerState& state = part.state->layers[static_cast<size_t>(layer)];
    kernels::add_position_embedding(stream_, gates.slice(room + part.first_row, part.n_tokens),
                                    w.position_embedding, ratio, part.first_position);
    KvUndo::Layer* undo =
        part.undo == nullptr ? nullptr : &part.undo->layers[static_cast<size_t>(layer)];
    const int64_t n_kept = tail_rows(part.first_position, ratio);
    const int64_t first_row = room + part.first_row - n_kept;
    const Pooled pooled{values.slice(first_row, n_kept + part.n_tokens),
                        gates.slice(first_row, n_kept + part.n_tokens)};
    if (is_for_index) {
      append_index_keys(complete_entries(w, layer, part, pooled, state.index_tail,
                                         undo == nullptr ? nullptr : &undo->index_rows),
                        layer, part);
    } else {
      append_entries(complete_entries(w, layer, part, pooled, state.tail,
                                      undo == nullptr ? nullptr : &undo->rows),
                     layer, part);
    }
  }
}

// The entries that this part's tokens complete, normalised and rotated to their first token's
// position, [n_new, width].  `rows` have room for the tail before those of the part's tokens; the
// tail then keeps the projections that later entries need.
Model::Tensor<2> Model::complete_entries(const CompressorWeights& w,
                                         int64_t layer,
                                         const Part& part,
                                         const Pooled& rows,
                                         CompressorTail& tail,
                                         CompressorTail* undo) {
  const int64_t ratio = config_.ratio(layer);
  const int64_t columns = w.values.n_rows;
  const auto width = static_cast<int64_t>(w.norm.size());
  const int64_t n_rows = rows.values.dim(0);
  const int64_t first_entry = part.first_position / ratio;
  const int64_t next_position = part.first_position + part.n_tokens;
  const int64_t n_entries = next_position / ratio - first_entry;

  const auto& [values, gates] = rows;
  WN_CHECK(static_cast<int64_t>(tail.values.size()) == (n_rows - part.n_tokens) * columns);
  std::copy(tail.values.begin(), tail.values.end(), values.data());
  std::copy(tail.gates.begin(), tail.gates.end(), gates.data());
  if (undo != nullptr) {
    undo->values.assign(values.data(), values.data() + values.size());
    undo->gates.assign(gates.data(), gates.data() + gates.size());
  }

  const Tensor<2> entries = buffers_.entries.take(n_entries, width);
  if (n_entries > 0) {
    const bool is_overlapping = config_.has_indexer(layer);
    ops_.compress(stream_, {values, gates, ratio, is_overlapping, first_entry == 0}, entries);
    if (is_native()) kernels::round_rows_to_bf16(stream_, entries);
    rms_norm(entries, w.norm.data(), entries);
    const RopeState& rope = ropes_[layer_rope(layer)];
    const Tensor<3> table = buffers_.entry_table.take(n_entries, config_.rope_dim / 2, 2);
    kernels::fill_rope_table(stream_, {rope.frequencies.data(), config_.rope_dim / 2},
                             {first_entry * ratio, ratio}, table);
    ops_.rope(stream_, table, {.inverse = false, .round_output = is_native()},
              {entries.data(), n_entries, 1, width});
  }

  const int64_t first_kept = (n_rows - tail_rows(next_position, ratio)) * columns;
  tail.values.assign(values.data() + first_kept, values.data() + n_rows * columns);
  tail.gates.assign(gates.data() + first_kept, gates.data() + n_rows * columns);
  return entries;
}

void Model::append_entries(Tensor<2> entries, int64_t layer, const Part& part) {
  const size_t array = *layouts_.of_layers[static_cast<size_t>(layer)].entries;
  for_each_run(array, part.first_position / config_.ratio(layer), entries.dim(0), part.state->rows,
               [&](int64_t first, int64_t n, uint8_t* rows) {
                 ops_.pack_kv_rows(stream_, entries.slice(first, n), layouts_.rows, rows);
               });
}

void Model::append_index_keys(Tensor<2> keys, int64_t layer, const Part& part) {
  if (keys.dim(0) == 0) return;
  if (is_native()) ops_.hadamard(stream_, keys);
  const size_t array = *layouts_.of_layers[static_cast<size_t>(layer)].index_keys;
  for_each_run(array, part.first_position / config_.ratio(layer), keys.dim(0), part.state->rows,
               [&](int64_t first, int64_t n, uint8_t* rows) {
                 ops_.pack_index_rows(stream_, keys.slice(first, n), layouts_.index_keys, rows);
               });
}

// The indexer's queries of all tokens and the weights of its heads, unless no part needs scores.
void Model::project_index_queries(
    const IndexerWeights& w, int64_t layer, const Call& call, Tensor<2> x, LinearInput& query) {
  const int64_t n_tokens = call.n_tokens();
  const int64_t n_heads = config_.index_n_heads;
  selected_.resize(static_cast<size_t>(n_tokens * config_.index_topk));
  const int32_t n_keys = *std::max_element(n_selected_.begin(), n_selected_.end());
  if (n_keys <= config_.index_topk) return;

  const Tensor<3> q = buffers_.index_queries.take(n_tokens, n_heads, config_.index_head_dim);
  linear(query, w.queries, buffers_.query_fp8, flat_rows(q));
  ops_.rope(stream_, rope_table(layer), {.inverse = false, .round_output = is_native()}, q);
  if (is_native()) ops_.hadamard(stream_, flat_heads(q));
  index_packed_.resize(static_cast<size_t>(n_tokens * n_heads * layouts_.index_keys.row_bytes()));
  ops_.pack_index_rows(stream_, flat_heads(q), layouts_.index_keys, index_packed_.data());

  const Tensor<2> head_weights = buffers_.head_weights.take(n_tokens, n_heads);
  plain_linear(x, w.head_weights, is_native(), head_weights);
  const double scale = 1.0 / std::sqrt(static_cast<double>(config_.index_head_dim * n_heads));
  kernels::scale_rows(stream_, static_cast<float>(scale), is_native(), head_weights);
}

// The index_topk best visible entries of each token, by the lightning indexer.  Where everything
// visible is selected anyway, nothing is scored.
void Model::select_entries(const Part& part, size_t index_keys) {
  const int64_t n_heads = config_.index_n_heads;
  const int64_t row = part.first_row;
  int32_t* n_visible = n_selected_.data() + row;
  kernels::IndexInputs in;
  in.keys = part.state->rows.view(index_keys);
  in.layout = layouts_.index_keys;
  in.n_visible = n_visible;
  if (n_visible[part.n_tokens - 1] > config_.index_topk) {
    in.queries = index_packed_.data() + row * n_heads * in.layout.row_bytes();
    in.head_weights = part.of(buffers_.head_weights.take(row + part.n_tokens, n_heads));
  }
  ops_.index_select(
      stream_, in, {selected_.data() + row * config_.index_topk, part.n_tokens, config_.index_topk},
      n_visible);
}

}  // namespace widenet::engine
