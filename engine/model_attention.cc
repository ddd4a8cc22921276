// Attention: queries, rows, the window and its ring, the output projection.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/model.h"

namespace widenet::engine {

using kernels::Rows;

// Queries of all heads and one row a token; the compressors advance; every query attends to its
// window and its entries; the heads' results are projected back, group by group.
void Model::attend(
    const AttentionWeights& w, int64_t layer, const Call& call, Tensor<2> x, Tensor<2> out) {
  const int64_t n_tokens = call.n_tokens();
  LinearInput input{x, {}, false};
  const Tensor<2> query_low = buffers_.query.take(n_tokens, config_.q_lora_rank);
  linear(input, w.query_down, buffers_.x_fp8, query_low);
  rms_norm(query_low, w.query_norm.data(), query_low);
  LinearInput query{query_low, {}, false};
  const Tensor<3> q = project_queries(w, layer, query);
  make_rows(w, layer, input);

  const int64_t ratio = config_.ratio(layer);
  if (w.compressor.has_value()) {
    compress(*w.compressor, layer, call, x, /*is_for_index=*/false);
    n_selected_.resize(static_cast<size_t>(n_tokens));
    for (const Part& part : call.parts) {
      for (int64_t t = 0; t < part.n_tokens; ++t) {  // an entry is visible from its last token on
        n_selected_[static_cast<size_t>(part.first_row + t)] =
            static_cast<int32_t>((part.first_position + t + 1) / ratio);
      }
    }
    if (w.indexer.has_value()) {
      compress(w.indexer->compressor, layer, call, x, /*is_for_index=*/true);
      project_index_queries(*w.indexer, layer, call, x, query);
    }
  }

  const Tensor<3> heads = buffers_.heads.take(n_tokens, config_.n_heads, config_.head_dim);
  for (const Part& part : call.parts) {
    const Tensor<2> window = window_rows(layer, part);
    if (!part.is_block) keep_rows(layer, part);
    kernels::AttentionInputs in;
    in.q = part.of(q);
    in.window = window;
    in.first_position = part.first_position;
    in.first_window_position = in.first_position + part.n_tokens - window.dim(0);
    in.window_length = config_.window;
    in.layout = layouts_.rows;
    in.sinks = w.sinks;
    in.scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(config_.head_dim)));
    in.round_to_bf16 = is_native();
    if (w.compressor.has_value()) {
      const KvLayouts::Arrays& arrays = layouts_.of_layers[static_cast<size_t>(layer)];
      if (w.indexer.has_value()) {
        select_entries(part, *arrays.index_keys);
        in.selected = {selected_.data() + part.first_row * config_.index_topk, part.n_tokens,
                       config_.index_topk};
      }
      in.entries = part.state->rows.view(*arrays.entries);
      in.n_selected = n_selected_.data() + part.first_row;
    }
    if (!part.is_block) {
      ops_.attention(stream_, in, part.of(heads));
      continue;
    }
    // Every row of a block stands where its last one does, and sees so much further back.
    in.first_position += part.n_tokens - 1;
    in.window_length += part.n_tokens;
    for (int64_t t = 0; t < part.n_tokens; ++t) {
      in.q = part.of(q).slice(t, 1);
      ops_.attention(stream_, in, part.of(heads).slice(t, 1));
    }
  }
  ops_.rope(stream_, rope_table(layer), {.inverse = true, .round_output = is_native()}, heads);
  project_output(w, heads, out);
}

// q = rope(norm_by_head(query Wq_b))
Model::Tensor<3> Model::project_queries(const AttentionWeights& w,
                                        int64_t layer,
                                        LinearInput& query) {
  const Tensor<3> q = buffers_.queries.take(query.plain.count, config_.n_heads, config_.head_dim);
  linear(query, w.query_up, buffers_.query_fp8, flat_rows(q));
  ops_.rms_norm(stream_, flat_heads(q), nullptr,
                {.eps = static_cast<float>(config_.norm_eps),
                 .round_output = is_native(),
                 .bf16_steps = is_native()},
                flat_heads(q));
  ops_.rope(stream_, rope_table(layer), {.inverse = false, .round_output = is_native()}, q);
  return q;
}

// One row for each of the call's tokens, as it will be stored: packed, and unpacked again.
void Model::make_rows(const AttentionWeights& w, int64_t layer, LinearInput& x) {
  const int64_t n_tokens = x.plain.count;
  const Tensor<2> fresh = buffers_.fresh_rows.take(n_tokens, config_.head_dim);
  linear(x, w.rows, buffers_.x_fp8, fresh);
  rms_norm(fresh, w.rows_norm.data(), fresh);
  ops_.rope(stream_, rope_table(layer), {.inverse = false, .round_output = is_native()},
            {fresh.data(), n_tokens, 1, config_.head_dim});
  packed_.resize(static_cast<size_t>(n_tokens * layouts_.rows.row_bytes()));
  ops_.pack_kv_rows(stream_, fresh, layouts_.rows, packed_.data());
  ops_.unpack_kv_rows(stream_, packed_.data(), layouts_.rows, fresh);
}

// The rows in reach of this part's queries, oldest first: from the ring up to window - 1 (a block:
// window), then the new ones.
Model::Tensor<2> Model::window_rows(int64_t layer, const Part& part) {
  const int64_t n_past = std::min(part.first_position - first_known_position(part, layer),
                                  part.is_block ? config_.window : config_.window - 1);
  const Tensor<2> all = buffers_.window.take(n_past + part.n_tokens, config_.head_dim);
  const Tensor<2> fresh =
      part.of(buffers_.fresh_rows.take(part.first_row + part.n_tokens, config_.head_dim));
  std::copy_n(fresh.data(), fresh.size(), all.data() + n_past * config_.head_dim);

  const std::vector<uint8_t>& rows = ring(part, layer);
  const int64_t row_bytes = layouts_.rows.row_bytes();
  for (int64_t i = 0; i < n_past; ++i) {
    const int64_t slot = (part.first_position - n_past + i) % config_.window;
    ops_.unpack_kv_rows(stream_, rows.data() + slot * row_bytes, layouts_.rows,
                        Rows<float>(all[i].data(), 1, config_.head_dim, config_.head_dim));
  }
  return all;
}

// The part's new rows enter the ring.
void Model::keep_rows(int64_t layer, const Part& part) {
  const int64_t row_bytes = layouts_.rows.row_bytes();
  std::vector<uint8_t>& rows = ring(part, layer);
  const auto slot = [&](int64_t position) {
    return rows.data() + position % config_.window * row_bytes;
  };
  if (part.undo != nullptr) {
    std::vector<uint8_t>& saved =
        config_.is_draft(layer)
            ? part.undo->draft_rings[static_cast<size_t>(layer - config_.n_layers)]
            : part.undo->layers[static_cast<size_t>(layer)].ring;
    saved.clear();
    for (int64_t t = 0; t < part.n_tokens; ++t) {
      const uint8_t* row = slot(part.first_position + t);
      saved.insert(saved.end(), row, row + row_bytes);
    }
  }
  for (int64_t t = std::max<int64_t>(0, part.n_tokens - config_.window); t < part.n_tokens; ++t) {
    std::memcpy(slot(part.first_position + t), packed_.data() + (part.first_row + t) * row_bytes,
                static_cast<size_t>(row_bytes));
  }
}

// out = concat_g(heads_g Wo_a[g]) Wo_b
void Model::project_output(const AttentionWeights& w, Tensor<3> heads, Tensor<2> out) {
  const int64_t n_tokens = heads.dim(0);
  const int64_t group_dim = config_.n_heads * config_.head_dim / config_.o_groups;
  const int64_t rank = config_.o_lora_rank;
  const Tensor<2> low = buffers_.low_rank.take(n_tokens, config_.o_groups * rank);
  for (int64_t g = 0; g < config_.o_groups; ++g) {
    plain_linear({heads.data() + g * group_dim, n_tokens, group_dim, config_.o_groups * group_dim},
                 w.output_down.rows(g * rank, rank), is_native(),
                 {low.data() + g * rank, n_tokens, rank, config_.o_groups * rank});
  }
  LinearInput input{low, {}, false};
  linear(input, w.output_up, buffers_.low_rank_fp8, out);
}

}  // namespace widenet::engine
