// Hybrid search: lexical and dense candidates, fused by their scores.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/store.h"

namespace widenet::retrieval {

// Turns a query into an L2-normalised vector.  Retrieval is given one; it knows no model.
using EmbedQuery = std::function<std::vector<float>(std::string_view)>;

// Without `embed` the search is lexical alone.
struct QueryEmbedder {
  std::string fingerprint{};
  EmbedQuery embed{};
};

struct SearchOptions {
  int64_t candidates_max = 500;  // from each list
  double lexical_weight = 1;
  double dense_weight = 0.25;  // our embedding is small: docs/benchmarks/search.md measures this
};

// For wide nets, whose hundred passages may hold what shares no word with the question: there the
// embedding finds more than it misplaces at the top.
inline constexpr double kWideDenseWeight = 0.75;

// A chunk with the reasons for its rank: `explain` shows them.  Ranks count from 1.
struct Candidate {
  store::Chunk chunk{};
  double score = 0;  // sum over lists of weight times share (see fuse)
  std::optional<int64_t> lexical_rank{}, dense_rank{};
  float lexical_score = 0, dense_score = 0;  // where ranked
};

// Best first; equal scores in order of (document, position).  Throws StoreError.
std::vector<Candidate> search(const store::Store& store,
                              const store::Scope& scope,
                              std::string_view query,
                              const QueryEmbedder& embedder,
                              const SearchOptions& options = {});

// The fusion alone: a convex combination (Bruch, Gai & Ingber, 2023) of each list's shares: of BM25
// score / the best one, of inner product the share of the way from the list's worst to its best.
// Ranks alone lose what scores say: docs/benchmarks/search.md has both.
std::vector<Candidate> fuse(const std::vector<store::SearchHit>& lexical,
                            const std::vector<store::SearchHit>& dense,
                            const SearchOptions& options);

}  // namespace widenet::retrieval
