// Counts follow the forward pass, layer by layer, in the order of engine/model.cc.
#include "engine/cost.h"

#include <algorithm>

#include "base/check.h"

namespace widenet::engine {
namespace {

// The formats of a product's factors; see Flops.
enum class Format { fp4, fp8, bf16 };

// The sum of min(most, floor(c / ratio)) over contexts c = 1 .. last: how many entries of `ratio`
// tokens the tokens of a prompt see, together.  Entry s = 1, 2, ... is seen in every context from
// s * ratio on, if it is among the first `most`; so it is seen last + 1 - s * ratio times.
double sum_of_visible(int64_t last, int64_t ratio, int64_t most) {
  const auto n_entries = static_cast<double>(std::min(last / ratio, most));
  return n_entries * static_cast<double>(last + 1) -
         static_cast<double>(ratio) * (n_entries * (n_entries + 1) / 2);
}

// Adds up multiply-adds, for a range of tokens.
class Counter {
 public:
  explicit Counter(TokenRange range) : range_(range) {
    WN_CHECK(range.first >= 0 && range.count >= 1 && range.first + range.count <= kContextMax);
  }

  struct Matrix {
    int64_t rows, cols;
  };

  // A matrix that every token of the range is multiplied with.
  void linear(Flops& part, Format format, Matrix matrix) const {
    add(part, format, product(matrix), static_cast<double>(range_.count));
  }

  // One that only the last token is.
  static void last_linear(Flops& part, Format format, Matrix matrix) {
    add(part, format, product(matrix), 1);
  }

  // What is computed for every pair of a token and an entry that it sees: at most `most` entries,
  // one for each `ratio` tokens of context.
  struct Seen {
    int64_t ratio = 1;
    int64_t most = kContextMax;
  };
  void pairs(Flops& part, Format format, int64_t macs, Seen seen) const {
    const double n = sum_of_visible(range_.first + range_.count, seen.ratio, seen.most) -
                     sum_of_visible(range_.first, seen.ratio, seen.most);
    add(part, format, static_cast<double>(macs), n);
  }

 private:
  static double product(Matrix matrix) {
    return static_cast<double>(matrix.rows) * static_cast<double>(matrix.cols);
  }

  static void add(Flops& part, Format format, double macs, double times) {
    double& sum = format == Format::fp4 ? part.fp4 : format == Format::fp8 ? part.fp8 : part.bf16;
    sum += 2 * macs * times;
  }

  TokenRange range_;
};

class V4Counter {
 public:
  V4Counter(const ModelConfig& config, TokenRange range)
      : c_(config),
        count_(range),
        linear_format_(config.is_quantised ? Format::fp8 : Format::bf16) {}

  CostByPart count() const {
    CostByPart cost;
    for (int64_t layer = 0; layer < c_.n_layers; ++layer) count_layer(layer, cost);
    count_head(cost);
    CostByPart mtp;
    for (int64_t i = 0; i < c_.n_mtp_layers; ++i) count_mtp(c_.n_layers + i, mtp);
    cost.mtp = mtp.total();
    return cost;
  }

 private:
  void count_layer(int64_t layer, CostByPart& cost) const {
    const int64_t n_mix = (2 + c_.hc_mult) * c_.hc_mult;
    count_.linear(cost[Part::hyper_connection], Format::bf16, {2 * n_mix, c_.hc_mult * c_.dim});
    count_projections(cost[Part::projections]);
    count_attention(layer, cost);
    count_experts(cost);
  }

  // The output's first half multiplies each group of heads with a matrix of its own, in BF16.
  void count_projections(Flops& part) const {
    const int64_t q_dim = c_.n_heads * c_.head_dim;
    const int64_t o_dim = c_.o_groups * c_.o_lora_rank;
    count_.linear(part, linear_format_, {c_.q_lora_rank, c_.dim});
    count_.linear(part, linear_format_, {q_dim, c_.q_lora_rank});
    count_.linear(part, linear_format_, {c_.head_dim, c_.dim});
    count_.linear(part, Format::bf16, {o_dim, q_dim / c_.o_groups});
    count_.linear(part, linear_format_, {c_.dim, o_dim});
  }

  // A pair of query and row takes head_dim multiply-adds a head for the score and as many for the
  // sum of values: one vector is both key and value.
  void count_attention(int64_t layer, CostByPart& cost) const {
    const int64_t pair_macs = 2 * c_.n_heads * c_.head_dim;
    count_.pairs(cost[Part::window], Format::bf16, pair_macs, {.ratio = 1, .most = c_.window});
    const int64_t ratio = c_.ratio(layer);
    if (ratio == 0) return;
    count_compressor(layer, c_.head_dim, cost[Part::compressors]);
    if (!c_.has_indexer(layer)) {
      count_.pairs(cost[Part::heavy], Format::bf16, pair_macs, {.ratio = ratio});
      return;
    }
    const int64_t index_dim = c_.index_n_heads * c_.index_head_dim;
    count_compressor(layer, c_.index_head_dim, cost[Part::indexer]);
    count_.linear(cost[Part::indexer], linear_format_, {index_dim, c_.q_lora_rank});
    count_.linear(cost[Part::indexer], Format::bf16, {c_.index_n_heads, c_.dim});
    count_.pairs(cost[Part::index_scores], Format::fp4, index_dim, {.ratio = ratio});
    count_.pairs(cost[Part::selected], Format::bf16, pair_macs,
                 {.ratio = ratio, .most = c_.index_topk});
  }

  // Values and gates.
  void count_compressor(int64_t layer, int64_t width, Flops& part) const {
    count_.linear(part, Format::bf16, {2 * c_.compressor_halves(layer) * width, c_.dim});
  }

  void count_experts(CostByPart& cost) const {
    count_.linear(cost[Part::router], Format::bf16, {c_.n_experts, c_.dim});
    count_.linear(cost[Part::routed_experts], linear_format_,
                  {3 * c_.n_experts_per_token * c_.ffn_dim, c_.dim});
    count_.linear(cost[Part::shared_experts], linear_format_,
                  {3 * c_.n_shared_experts * c_.ffn_dim, c_.dim});
  }

  void count_head(CostByPart& cost) const {
    count_.last_linear(cost[Part::hyper_connection], Format::bf16,
                       {c_.hc_mult, c_.hc_mult * c_.dim});
    count_.last_linear(cost[Part::head], Format::bf16, {c_.vocab_size, c_.dim});
  }

  // The embedding's projection once, that of the hidden state once a stream; then a layer.
  void count_mtp(int64_t layer, CostByPart& cost) const {
    count_.linear(cost[Part::projections], linear_format_, {(1 + c_.hc_mult) * c_.dim, c_.dim});
    count_layer(layer, cost);
    count_head(cost);
  }

  const ModelConfig& c_;
  const Counter count_;
  const Format linear_format_;
};

class LatentAttentionCounter {
 public:
  LatentAttentionCounter(const LatentAttentionConfig& config, TokenRange range)
      : c_(config), count_(range) {}

  CostByPart count() const {
    CostByPart cost;
    for (int64_t layer = 0; layer < c_.n_layers; ++layer) count_layer(layer, cost);
    count_head(cost);
    CostByPart mtp;
    for (int64_t i = 0; i < c_.n_mtp_layers; ++i) {
      // One projection of embedding and hidden state side by side; then a layer with experts.
      count_.linear(mtp[Part::projections], Format::fp8, {c_.dim, 2 * c_.dim});
      count_layer(c_.n_layers + i, mtp);
      count_head(mtp);
    }
    cost.mtp = mtp.total();
    return cost;
  }

 private:
  void count_layer(int64_t layer, CostByPart& cost) const {
    count_projections(cost[Part::projections]);
    count_attention(cost);
    if (layer < c_.n_dense_layers) {
      count_.linear(cost[Part::dense_ffn], Format::fp8, {3 * c_.dense_ffn_dim, c_.dim});
      return;
    }
    count_.linear(cost[Part::router], Format::bf16, {c_.n_experts, c_.dim});
    count_.linear(cost[Part::routed_experts], Format::fp8,
                  {3 * c_.n_experts_per_token * c_.ffn_dim, c_.dim});
    count_.linear(cost[Part::shared_experts], Format::fp8,
                  {3 * c_.n_shared_experts * c_.ffn_dim, c_.dim});
  }

  // The up-projection of the latent is applied to queries and outputs instead, head by head and in
  // BF16; that takes as many multiply-adds as expanding the latent of one token.
  void count_projections(Flops& part) const {
    const int64_t q_dim = c_.n_heads * (c_.nope_dim + c_.rope_dim);
    count_.linear(part, Format::fp8, {c_.q_lora_rank, c_.dim});
    count_.linear(part, Format::fp8, {q_dim, c_.q_lora_rank});
    count_.linear(part, Format::fp8, {c_.kv_lora_rank + c_.rope_dim, c_.dim});
    count_.linear(part, Format::bf16, {c_.n_heads * (c_.nope_dim + c_.value_dim), c_.kv_lora_rank});
    count_.linear(part, Format::fp8, {c_.dim, c_.n_heads * c_.value_dim});
  }

  // Keys are the latent and the rotated channels; values the latent alone.
  void count_attention(CostByPart& cost) const {
    const int64_t index_dim = c_.index_n_heads * c_.index_head_dim;
    count_.linear(cost[Part::indexer], Format::fp8, {index_dim, c_.q_lora_rank});
    count_.linear(cost[Part::indexer], Format::fp8, {c_.index_head_dim, c_.dim});
    count_.linear(cost[Part::indexer], Format::bf16, {c_.index_n_heads, c_.dim});
    count_.pairs(cost[Part::index_scores], Format::fp8, index_dim, {.ratio = 1});
    count_.pairs(cost[Part::selected], Format::bf16,
                 c_.n_heads * (2 * c_.kv_lora_rank + c_.rope_dim),
                 {.ratio = 1, .most = c_.index_topk});
  }

  void count_head(CostByPart& cost) const {
    count_.last_linear(cost[Part::head], Format::bf16, {c_.vocab_size, c_.dim});
  }

  const LatentAttentionConfig& c_;
  const Counter count_;
};

// The rows of projections that a compressor keeps: those of the window that is not complete, and
// where windows overlap of the last complete one.
int64_t tail_rows(const ModelConfig& config, int64_t layer, int64_t n_tokens) {
  const int64_t ratio = config.ratio(layer);
  const bool has_previous = config.has_indexer(layer) && n_tokens >= ratio;
  return n_tokens % ratio + (has_previous ? ratio : 0);
}

}  // namespace

const char* name_of(Part part) {
  constexpr std::array<const char*, kParts> kNames = {
      "head",           "hyper_connection", "projections", "compressors", "indexer",
      "index_scores",   "window",           "selected",    "heavy",       "router",
      "routed_experts", "shared_experts",   "dense_ffn"};
  return kNames[static_cast<size_t>(part)];
}

Flops& Flops::operator+=(const Flops& other) {
  fp4 += other.fp4;
  fp8 += other.fp8;
  bf16 += other.bf16;
  return *this;
}

Flops CostByPart::total() const {
  Flops sum;
  for (const Flops& part : parts) sum += part;
  return sum;
}

CostByPart count_flops(const ModelConfig& config, TokenRange range) {
  return V4Counter(config, range).count();
}

CostByPart count_flops(const LatentAttentionConfig& config, TokenRange range) {
  return LatentAttentionCounter(config, range).count();
}

KvBytes count_kv_bytes(const ModelConfig& config, const KvLayouts& layouts, int64_t n_tokens) {
  WN_CHECK(n_tokens >= 0 && n_tokens <= kContextMax);
  constexpr int64_t kValueAndGate = 2 * sizeof(float);
  KvBytes bytes;
  for (int64_t layer = 0; layer < config.n_layers; ++layer) {
    bytes.rings += config.window * layouts.rows.row_bytes();
    const int64_t ratio = config.ratio(layer);
    if (ratio == 0) continue;
    const int64_t n_kept =
        tail_rows(config, layer, n_tokens) * config.compressor_halves(layer) * kValueAndGate;
    bytes.entries += n_tokens / ratio * layouts.rows.row_bytes();
    bytes.tails += n_kept * config.head_dim;
    if (!config.has_indexer(layer)) continue;
    bytes.index_keys += n_tokens / ratio * layouts.index_keys.row_bytes();
    bytes.tails += n_kept * config.index_head_dim;
  }
  return bytes;
}

KvBytes count_kv_bytes(const LatentAttentionConfig& config, int64_t n_tokens) {
  WN_CHECK(n_tokens >= 0 && n_tokens <= kContextMax);
  KvBytes bytes;
  bytes.entries = n_tokens * config.n_layers * config.row_bytes;
  bytes.index_keys = n_tokens * config.n_layers * config.index_key_bytes;
  return bytes;
}

}  // namespace widenet::engine
