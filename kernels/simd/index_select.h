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
  const float* bound_weights;  // of an upper bound: see prepare_token
  const int32_t* places;       // of each head, in the order of the heads
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

// The lanes that pass `least`; all of them where it is NaN.
WN_INLINE uint32_t lanes_above(F scores, float least) {
  return ~lanes_at_least(splat(least), scores) & ((1u << kLanes) - 1u);
}

// Keeps the k best, of equals the first ones.
void keep_best(Candidates& candidates, int64_t k) {
  const int64_t n = candidates.n;
  const float threshold = find_threshold(candidates.scores, n, k);
  const auto lanes_here = [&](int64_t i) {
    return n - i >= kLanes ? (1u << kLanes) - 1u : (1u << (n - i)) - 1u;
  };
  int64_t n_above = 0;
  for (int64_t i = 0; i < n; i += kLanes) {
    n_above += __builtin_popcount(lanes_above(load_first(candidates.scores + i, n - i), threshold) &
                                  lanes_here(i));
  }
  int64_t ties_left = k - n_above;
  int64_t n_kept = 0;
  for (int64_t i = 0; i < n; i += kLanes) {  // what is stored has been loaded
    const F scores = load_first(candidates.scores + i, n - i);
    const F keys = load_first(reinterpret_cast<const float*>(candidates.keys + i), n - i);
    const uint32_t above = lanes_above(scores, threshold) & lanes_here(i);
    uint32_t ties = lanes_at_least(scores, splat(threshold)) & lanes_here(i) & ~above;
    while (__builtin_popcount(ties) > ties_left) ties &= ~(1u << (31 - __builtin_clz(ties)));
    ties_left -= __builtin_popcount(ties);
    store_lanes(candidates.scores + n_kept, scores, above | ties);
    store_lanes(reinterpret_cast<float*>(candidates.keys + n_kept), keys, above | ties);
    n_kept += __builtin_popcount(above | ties);
  }
  candidates.n = k;
  candidates.least = candidates.scores[0];
  for (int64_t i = 0; i < k; ++i) {
    const float score = candidates.scores[i];
    candidates.least = score < candidates.least ? score : candidates.least;
  }
}

WN_INLINE void append(F scores, int64_t first_key, int64_t n_keys, Candidates& candidates) {
  uint32_t lanes = lanes_above(scores, candidates.least);
  if (n_keys < kLanes) lanes &= (1u << n_keys) - 1u;
  if (lanes == 0) return;
  alignas(64) static constexpr int32_t kLaneNumbers[] = {0, 1, 2,  3,  4,  5,  6,  7,
                                                         8, 9, 10, 11, 12, 13, 14, 15};
  I keys;
  std::memcpy(&keys, kLaneNumbers, sizeof keys);
  keys += static_cast<int32_t>(first_key);
  store_lanes(candidates.scores + candidates.n, scores, lanes);
  store_lanes(reinterpret_cast<float*>(candidates.keys + candidates.n), (F)keys, lanes);
  candidates.n += __builtin_popcount(lanes);
}

// What a token's heads make of a panel.
struct PanelDots {
  F* dots;                // [tile][place of the head]
  F bounds[kPanelTiles];  // no less than the heads so far can make a score
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
      bound = fma(max(dots[t][h], zero()), splat(token.bound_weights[head + h]), bound);
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

  // Positive numbers so small that BF16 rounds them by more than a bound allows for count as above.
  const float least =
      candidates.least > 0.0f && candidates.least < 1e-30f ? 0.0f : candidates.least;
  const auto keep_passing = [&] {
    int n_passing = 0;
    for (int i = 0; i < n_listed; ++i) {
      if (lanes_above(panel.bounds[listed[i]], least) != 0) listed[n_passing++] = listed[i];
    }
    n_listed = n_passing;
  };
  if (token.n_positive > 0) keep_passing();
  if (token.n_positive < token.n_heads) {
    meet_tiles(token, token.n_positive, token.n_heads, keys, listed, n_listed, panel);
    keep_passing();
  }
  for (int i = 0; i < n_listed; ++i) {
    const int64_t first = listed[i] * kLanes;
    append(rounded_scores(token, dots + listed[i] * token.n_heads), keys.first_key + first,
           n_keys - first, candidates);
  }
}

void load_panel(const PagedRows& rows,
                int64_t first_key,
                int64_t n_keys,
                const IndexLayout& layout,
                KeyPanel& panel) {
  panel.first_key = first_key;
  panel.n_blocks = layout.n_scales();
  panel.is_uniform = true;
  for (int64_t tile = 0; tile < kPanelTiles; ++tile) {
    const int64_t key = at_most(first_key + tile * kLanes, n_keys - 1);
    load_key_tile(rows.row(key, layout.row_bytes()), n_keys - key, layout, panel.tiles[tile]);
    panel.is_uniform = panel.is_uniform && panel.tiles[tile].is_uniform;
  }
}

// The heads of token t, prepared: into queries, places and weights, [n_heads] each, of weights both
// those and the bound's.
//
// A score is rounded to BF16 three times on its way, by 2^-9 at most each: with weights 2^-7 larger
// it is bounded from above.
IndexToken prepare_token(
    const IndexInputs& in, int64_t t, PreparedQuery* queries, float* weights, int32_t* places) {
  const int64_t n_heads = in.head_weights.dim(1);
  const float* given = in.head_weights.data() + t * n_heads;
  int64_t n_positive = 0;
  for (int64_t h = 0; h < n_heads; ++h) n_positive += given[h] > 0.0f ? 1 : 0;
  int64_t positive = 0;
  int64_t other = n_positive;
  float* bound_weights = weights + n_heads;
  bool are_uniform = true;
  for (int64_t h = 0; h < n_heads; ++h) {
    const int64_t place = given[h] > 0.0f ? positive++ : other++;
    prepare_query(in.queries + (t * n_heads + h) * in.layout.row_bytes(), in.layout,
                  queries[place]);
    are_uniform = are_uniform && queries[place].is_uniform;
    weights[place] = given[h];
    bound_weights[place] = given[h] * (given[h] > 0.0f ? 1.0f + 0x1p-7f : 1.0f - 0x1p-7f);
    places[h] = static_cast<int32_t>(place);
  }
  return {queries, weights, bound_weights, places, n_heads, n_positive, are_uniform};
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
  const Scratch weights(2 * n_queries * 4);
  const Scratch places(n_queries * 4);
  const Scratch tokens(n_here * static_cast<int64_t>(sizeof(IndexToken)));
  const Scratch dots(kPanelTiles * n_heads * static_cast<int64_t>(sizeof(F)));
  for (int64_t t = 0; t < n_here; ++t) {
    tokens.as<IndexToken>()[t] =
        prepare_token(in, first_token + t, prepared.as<PreparedQuery>() + t * n_heads,
                      weights.floats() + 2 * t * n_heads, places.as<int32_t>() + t * n_heads);
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
      if (mine.n + kPanelKeys > work.capacity) keep_best(mine, work.k);
      meet_panel(tokens.as<IndexToken>()[t], keys, at_most(n_visible - keys.first_key, kPanelKeys),
                 dots.as<F>(), mine);
    }
  }
}

// The k best of a token's candidates in all ranges.
void join_ranges(const IndexWork& work, int64_t token, int32_t* selected) {
  const int64_t n_max = work.cut.n_ranges * work.capacity;
  const Scratch joined(n_max * 8);
  Candidates all = {joined.floats(), joined.as<int32_t>() + n_max, 0, 0.0f};
  for (int64_t range = 0; range < work.cut.n_ranges; ++range) {
    const Candidates& some = work.candidates[token * work.cut.n_ranges + range];
    std::memcpy(all.scores + all.n, some.scores, static_cast<size_t>(some.n) * 4);
    std::memcpy(all.keys + all.n, some.keys, static_cast<size_t>(some.n) * 4);
    all.n += some.n;
  }
  keep_best(all, work.k);
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
