// Exact top-k of index scores, which are never stored: keys come by in panels, and a token keeps
// only those that may be among its best.
//
// Heads of positive weight come first.  The score cannot be larger than their sum, but for
// rounding; so where that does not pass the token's k-th best so far, the other heads are not
// computed, and the score is not either.
#pragma once

#include "kernels/simd/index_tiles.h"
#include "kernels/simd/top_k.h"

namespace widenet::kernels {
namespace {

constexpr int64_t kPanelTiles = 8;
constexpr int64_t kPanelKeys = kPanelTiles * kLanes;

// One token's heads, those of positive weight first.
struct IndexToken {
  const PreparedQuery* queries;
  const float* weights;
  const int32_t* places;  // of each head, in the order of the heads
  int64_t n_heads;
  int64_t n_positive;
  bool is_uniform;  // all queries are
};

// Keys, kPanelTiles x kLanes of them, that the tokens of a block meet.
struct KeyPanel {
  KeyTile tiles[kPanelTiles];
  int64_t first_key;
  int64_t n_blocks;  // of a key
  bool is_uniform;   // all tiles are
};

// The best keys seen so far, and some that were before, in ascending order.
struct Candidates {
  float* scores;
  int32_t* keys;
  int64_t n;
  float least;  // NaN, or a score that k of them reach: keys after them must pass it
};

// Keeps the k best.  `work` has room for 2 n + k numbers.
void keep_best(Candidates& candidates, int64_t k, float* work) {
  auto* best = reinterpret_cast<int32_t*>(work + 2 * candidates.n);
  select_row(candidates.scores, candidates.n, k, work, best);
  float least = candidates.scores[best[0]];
  for (int64_t i = 0; i < k; ++i) {
    candidates.scores[i] = candidates.scores[best[i]];
    candidates.keys[i] = candidates.keys[best[i]];
    least = candidates.scores[i] < least ? candidates.scores[i] : least;
  }
  candidates.n = k;
  candidates.least = least;
}

// The lanes that pass `least`; all of them where it is NaN.
WN_INLINE uint32_t lanes_above(F scores, float least) {
  return ~lanes_at_least(splat(least), scores) & ((1u << kLanes) - 1u);
}

WN_INLINE void append(F scores, int64_t first_key, int64_t n_keys, Candidates& candidates) {
  uint32_t lanes = lanes_above(scores, candidates.least);
  if (n_keys < kLanes) lanes &= (1u << n_keys) - 1u;
  if (lanes == 0) return;
  I keys;
  for (int l = 0; l < kLanes; ++l) keys[l] = static_cast<int32_t>(first_key) + l;
  store_lanes(candidates.scores + candidates.n, scores, lanes);
  store_lanes(reinterpret_cast<float*>(candidates.keys + candidates.n), (F)keys, lanes);
  candidates.n += __builtin_popcount(lanes);
}

// What a token's heads make of a panel.
struct PanelDots {
  F* dots;                // [tile][place of the head]
  F bounds[kPanelTiles];  // sums of the positive heads' parts, not rounded as a score's are
};

template <int T, int H>
void head_dots(const IndexToken& token,
               int64_t head,
               const KeyPanel& keys,
               const int* listed,
               PanelDots& panel) {
  const KeyTile* some[T];
  for (int t = 0; t < T; ++t) some[t] = keys.tiles + listed[t];
  F dots[T][H];
  tile_dots<T, H>(token.queries + head, some, keys.n_blocks, token.is_uniform && keys.is_uniform,
                  dots);
  unrolled<T>([&](auto t) WN_ALWAYS {
    F* to = panel.dots + listed[t] * token.n_heads + head;
    F bound = head == 0 ? zero() : panel.bounds[listed[t]];
    unrolled<H>([&](auto h) WN_ALWAYS {
      to[h] = dots[t][h];
      bound = fma(max(dots[t][h], zero()), splat(token.weights[head + h]), bound);
    });
    panel.bounds[listed[t]] = bound;
  });
}

template <int T>
void head_dots(const IndexToken& token,
               int64_t first,
               int64_t last,
               const KeyPanel& keys,
               const int* listed,
               PanelDots& panel) {
  for (int64_t h = first; h < last; h += 4) {
    switch (last - h) {
      case 1:
        head_dots<T, 1>(token, h, keys, listed, panel);
        break;
      case 2:
        head_dots<T, 2>(token, h, keys, listed, panel);
        break;
      case 3:
        head_dots<T, 3>(token, h, keys, listed, panel);
        break;
      default:
        head_dots<T, 4>(token, h, keys, listed, panel);
        break;
    }
  }
}

// The heads [first, last) meet the listed tiles.
void meet_tiles(const IndexToken& token,
                int64_t first,
                int64_t last,
                const KeyPanel& keys,
                const int* listed,
                int n_listed,
                PanelDots& panel) {
  int i = 0;
  for (; i + kIndexTiles <= n_listed; i += kIndexTiles) {
    head_dots<kIndexTiles>(token, first, last, keys, listed + i, panel);
  }
  for (; i < n_listed; ++i) {
    head_dots<1>(token, first, last, keys, listed + i, panel);
  }
}

// The scores as the reference has them, of one tile's dot products.
WN_INLINE F rounded_scores(const IndexToken& token, const F* dots) {
  F score = zero();
  for (int64_t h = 0; h < token.n_heads; ++h) {
    const int32_t place = token.places[h];
    const F dot = round_bf16(max(dots[place], zero()));
    score = add(score, round_bf16(mul(dot, splat(token.weights[place]))));
  }
  return round_bf16(score);
}

// A token meets the first n_keys of a panel.
void meet_panel(const IndexToken& token,
                const KeyPanel& keys,
                int64_t n_keys,
                F* dots,
                Candidates& candidates) {
  PanelDots panel;
  panel.dots = dots;
  int listed[kPanelTiles];
  int n_listed = 0;
  for (; n_listed * kLanes < n_keys; ++n_listed) listed[n_listed] = n_listed;
  meet_tiles(token, 0, token.n_positive, keys, listed, n_listed, panel);

  // A score passes a positive bound by at most three roundings to BF16, 2^-9 each.  Numbers so
  // small that these are larger count as above.
  const float least =
      candidates.least > 0.0f && candidates.least < 1e-30f ? 0.0f : candidates.least;
  const auto may_pass = [&](F bound) WN_ALWAYS {
    return lanes_above(mul(bound, splat(1.0f + 0x1p-7f)), least) != 0;
  };
  F largest = zero();
  for (int i = 0; i < n_listed && token.n_positive > 0; ++i) {
    largest = max(largest, panel.bounds[i]);
  }
  if (!may_pass(largest)) return;
  int n_left = 0;
  for (int i = 0; i < n_listed; ++i) {
    if (token.n_positive == 0 || may_pass(panel.bounds[i])) listed[n_left++] = i;
  }
  meet_tiles(token, token.n_positive, token.n_heads, keys, listed, n_left, panel);
  for (int i = 0; i < n_left; ++i) {
    const int64_t first = listed[i] * kLanes;
    append(rounded_scores(token, dots + listed[i] * token.n_heads), keys.first_key + first,
           n_keys - first, candidates);
  }
}

void load_panel(const uint8_t* rows,
                int64_t first_key,
                int64_t n_keys,
                const IndexLayout& layout,
                KeyPanel& panel) {
  panel.first_key = first_key;
  panel.n_blocks = layout.n_scales();
  panel.is_uniform = true;
  for (int64_t tile = 0; tile < kPanelTiles; ++tile) {
    const int64_t key = at_most(first_key + tile * kLanes, n_keys - 1);
    load_key_tile(rows + key * layout.row_bytes(), n_keys - key, layout, panel.tiles[tile]);
    panel.is_uniform = panel.is_uniform && panel.tiles[tile].is_uniform;
  }
}

// The heads of token t, prepared: into queries, weights and places, [n_heads] each.
IndexToken prepare_token(
    const IndexInputs& in, int64_t t, PreparedQuery* queries, float* weights, int32_t* places) {
  const int64_t n_heads = in.head_weights.dim(1);
  const float* given = in.head_weights.data() + t * n_heads;
  int64_t n_positive = 0;
  for (int64_t h = 0; h < n_heads; ++h) n_positive += given[h] > 0.0f ? 1 : 0;
  int64_t positive = 0;
  int64_t other = n_positive;
  bool are_uniform = true;
  for (int64_t h = 0; h < n_heads; ++h) {
    const int64_t place = given[h] > 0.0f ? positive++ : other++;
    prepare_query(in.queries + (t * n_heads + h) * in.layout.row_bytes(), in.layout,
                  queries[place]);
    are_uniform = are_uniform && queries[place].is_uniform;
    weights[place] = given[h];
    places[h] = static_cast<int32_t>(place);
  }
  return {queries, weights, places, n_heads, n_positive, are_uniform};
}

// How the work is cut: tokens into blocks, whose queries lie in a near cache while keys come by; or
// where tokens are few, keys into ranges.
struct IndexCut {
  int64_t n_tokens = 0;  // of a block
  int64_t n_blocks = 0;
  int64_t n_ranges = 0;
};

IndexCut cut_index_work(const Stream& stream, int64_t n_tokens, int64_t n_heads, int64_t n_keys) {
  constexpr int64_t kQueries = 512;
  constexpr int64_t kTokensMin = 16;  // for a tile to be unpacked for
  constexpr int64_t kRangeMin = 16 * kPanelKeys;
  const int64_t n_threads = stream.pool == nullptr ? 1 : stream.pool->n_threads();
  const int64_t wanted =
      at_most(at_least(kQueries / n_heads, kTokensMin), (n_tokens + n_threads - 1) / n_threads);
  if (wanted >= kTokensMin) return {wanted, (n_tokens + wanted - 1) / wanted, 1};
  return {n_tokens, 1, at_least(at_most(n_threads, n_keys / kRangeMin), 1)};
}

// Everything that one call works on.
struct IndexWork {
  const IndexInputs& in;
  int64_t k;
  int64_t n_keys;  // that some token sees
  IndexCut cut;
  int64_t capacity;        // of a token's candidates in a range
  Candidates* candidates;  // [n_tokens, n_ranges]
};

// A block of tokens meets a range of keys.
void meet_range(const IndexWork& work, int64_t block, int64_t range) {
  const IndexInputs& in = work.in;
  const int64_t n_heads = in.head_weights.dim(1);
  const int64_t n_queries = work.cut.n_tokens * n_heads;
  const int64_t first_token = block * work.cut.n_tokens;
  const int64_t n_here = at_most(in.head_weights.dim(0) - first_token, work.cut.n_tokens);
  const Scratch prepared(n_queries * static_cast<int64_t>(sizeof(PreparedQuery)));
  const Scratch weights(n_queries * 4);
  const Scratch places(n_queries * 4);
  const Scratch tokens(n_here * static_cast<int64_t>(sizeof(IndexToken)));
  const Scratch dots(kPanelTiles * n_heads * static_cast<int64_t>(sizeof(F)));
  const Scratch room((2 * work.capacity + work.k) * 4);
  for (int64_t t = 0; t < n_here; ++t) {
    tokens.as<IndexToken>()[t] =
        prepare_token(in, first_token + t, prepared.as<PreparedQuery>() + t * n_heads,
                      weights.floats() + t * n_heads, places.as<int32_t>() + t * n_heads);
  }

  const int64_t n_panels = (work.n_keys + kPanelKeys - 1) / kPanelKeys;
  const int64_t last = n_panels * (range + 1) / work.cut.n_ranges;
  KeyPanel keys;
  for (int64_t panel = n_panels * range / work.cut.n_ranges; panel < last; ++panel) {
    load_panel(in.keys, panel * kPanelKeys, work.n_keys, in.layout, keys);
    for (int64_t t = 0; t < n_here; ++t) {
      const int64_t n_visible = in.n_visible[first_token + t];
      if (n_visible <= keys.first_key || n_visible <= work.k) continue;
      Candidates& mine = work.candidates[(first_token + t) * work.cut.n_ranges + range];
      if (mine.n + kPanelKeys > work.capacity) keep_best(mine, work.k, room.floats());
      meet_panel(tokens.as<IndexToken>()[t], keys, at_most(n_visible - keys.first_key, kPanelKeys),
                 dots.as<F>(), mine);
    }
  }
}

// The k best of a token's candidates in all ranges.
void join_ranges(const IndexWork& work, int64_t token, int32_t* selected) {
  const int64_t n_max = work.cut.n_ranges * work.capacity;
  const Scratch joined(n_max * 8);
  const Scratch room((2 * n_max + work.k) * 4);
  Candidates all = {joined.floats(), joined.as<int32_t>() + n_max, 0, 0.0f};
  for (int64_t range = 0; range < work.cut.n_ranges; ++range) {
    const Candidates& some = work.candidates[token * work.cut.n_ranges + range];
    std::memcpy(all.scores + all.n, some.scores, static_cast<size_t>(some.n) * 4);
    std::memcpy(all.keys + all.n, some.keys, static_cast<size_t>(some.n) * 4);
    all.n += some.n;
  }
  keep_best(all, work.k, room.floats());
  std::memcpy(selected, all.keys, static_cast<size_t>(work.k) * 4);
}

void index_select(Stream& stream,
                  const IndexInputs& in,
                  View<int32_t, 2> selected,
                  int32_t* n_selected) {
  const int64_t n_tokens = selected.dim(0);
  const int64_t k = selected.dim(1);
  int64_t n_keys = 0;
  for (int64_t t = 0; t < n_tokens; ++t) n_keys = at_least(n_keys, in.n_visible[t]);
  const bool is_scored = n_keys > k && k > 0;
  if (is_scored && (!in.layout.packed || in.layout.dim > kIndexDimMax)) {
    return index_select_reference(stream, in, selected, n_selected);
  }
  const IndexCut cut =
      is_scored ? cut_index_work(stream, n_tokens, in.head_weights.dim(1), n_keys) : IndexCut{};
  const int64_t capacity = 3 * k + kPanelKeys;
  const int64_t n_lists = n_tokens * cut.n_ranges;
  const Scratch candidates(n_lists * static_cast<int64_t>(sizeof(Candidates)));
  const Scratch memory(n_lists * capacity * 8);
  for (int64_t i = 0; i < n_lists; ++i) {
    float* scores = memory.floats() + i * 2 * capacity;
    candidates.as<Candidates>()[i] = {scores, reinterpret_cast<int32_t*>(scores + capacity), 0,
                                      __builtin_nanf("")};
  }
  const IndexWork work = {in, k, n_keys, cut, capacity, candidates.as<Candidates>()};
  parallel_for(stream, cut.n_blocks * cut.n_ranges, 1, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) meet_range(work, i / cut.n_ranges, i % cut.n_ranges);
  });
  parallel_for(stream, n_tokens, piece_for(64 * capacity), [&](int64_t first, int64_t last) {
    for (int64_t t = first; t < last; ++t) {
      int32_t* out = selected.data() + t * k;
      const int32_t n = in.n_visible[t];
      n_selected[t] = static_cast<int32_t>(at_most(n, k));
      if (n > k && k > 0) {
        join_ranges(work, t, out);
      } else {
        for (int32_t s = 0; s < n_selected[t]; ++s) out[s] = s;
      }
    }
  });
}

}  // namespace
}  // namespace widenet::kernels
