#include "retrieval/search.h"

#include <algorithm>
#include <map>

namespace widenet::retrieval {
namespace {

// What each hit of a list is worth, 1 at the top.  BM25 scores say how much of the query a chunk
// answers, so that they are shares of the best; inner products lie close together somewhere, so
// that they are shares of the way from the worst of the list to the best.
double share_of(float score, float best, float worst) {
  return best > worst ? (score - worst) / (best - worst) : 1;
}

bool comes_before(const Candidate& a, const Candidate& b) {
  if (a.score != b.score) return a.score > b.score;
  if (a.chunk.document != b.chunk.document) return a.chunk.document < b.chunk.document;
  return a.chunk.ordinal < b.chunk.ordinal;
}

}  // namespace

std::vector<Candidate> fuse(const std::vector<store::SearchHit>& lexical,
                            const std::vector<store::SearchHit>& dense,
                            const SearchOptions& options) {
  std::map<store::ChunkId, Candidate> by_chunk;
  const auto candidate_of = [&](const store::SearchHit& hit) -> Candidate& {
    Candidate& candidate = by_chunk[hit.chunk.id];
    candidate.chunk = hit.chunk;
    return candidate;
  };
  int64_t rank = 0;
  for (const store::SearchHit& hit : lexical) {
    Candidate& candidate = candidate_of(hit);
    candidate.lexical_rank = ++rank;
    candidate.lexical_score = hit.score;
    candidate.score += options.lexical_weight * share_of(hit.score, lexical.front().score, 0);
  }
  rank = 0;
  for (const store::SearchHit& hit : dense) {
    Candidate& candidate = candidate_of(hit);
    candidate.dense_rank = ++rank;
    candidate.dense_score = hit.score;
    candidate.score +=
        options.dense_weight * share_of(hit.score, dense.front().score, dense.back().score);
  }
  std::vector<Candidate> fused;
  fused.reserve(by_chunk.size());
  for (auto& [id, candidate] : by_chunk) fused.push_back(std::move(candidate));
  std::sort(fused.begin(), fused.end(), comes_before);
  return fused;
}

std::vector<Candidate> search(const store::Store& store,
                              const store::Scope& scope,
                              std::string_view query,
                              const QueryEmbedder& embedder,
                              const SearchOptions& options) {
  const auto lexical = store.search_text(scope, query, options.candidates_max);
  std::vector<store::SearchHit> dense;
  if (embedder.embed) {
    dense = store.search_vectors(scope, embedder.fingerprint, embedder.embed(query),
                                 options.candidates_max);
  }
  return fuse(lexical, dense, options);
}

}  // namespace widenet::retrieval
