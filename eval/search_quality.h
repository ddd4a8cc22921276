// How well search finds what is asked for: lexical, dense and fused, side by side.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "eval/corpus.h"
#include "eval/questions.h"
#include "eval/test_set.h"
#include "retrieval/search.h"

namespace widenet::eval {

// A query with what is relevant to it: documents, each with a grade, or passages of which one is to
// be found.
struct JudgedQuery {
  std::string id{};
  std::string text{};
  std::map<store::DocumentId, int> grades{};
  std::vector<GoldRange> passages{};
};

// Answerable questions: by their gold passage if they have one, else by their gold documents.
// Those whose gold is not in the collections have neither grades nor passages.
std::vector<JudgedQuery> judged_questions(const store::Store& store,
                                          const std::vector<store::CollectionId>& collections,
                                          const std::vector<Question>& questions);
// Of a test set whose documents are in a collection, with their keys or the last parts of these.
std::vector<JudgedQuery> judged_queries(const store::Store& store,
                                        store::CollectionId collection,
                                        const TestSet& set);

// What a ranking is worth.  Pure: `gains` are the grades of what was found, best first; `ideal`
// those of all that is relevant.
double recall_at(const std::vector<int>& gains, const std::vector<int>& ideal, int64_t limit);
double ndcg_at(const std::vector<int>& gains, const std::vector<int>& ideal, int64_t limit);

struct SearchQualityOptions {
  std::vector<store::CollectionId> collections{};
  int64_t limit = 20;  // recall among this many
  int64_t resamples = 10'000;
  uint64_t seed = 1;
  retrieval::SearchOptions search{};
};

// Documents are ranked by their best chunk.  Recall is among the first `limit`, nDCG among the
// first 10 (linear gains, as trec_eval's); of passages, the first chunk that overlaps one counts.
//
// {"limit", "queries", "without_gold", "lists": {"lexical": {"recall", "ndcg", "first", "p50_ms",
// "p95_ms"}, "dense": .., "fused": ..}, "differences": {"fused_minus_lexical": {"recall": {"mean",
// "low", "high", "p"}, "ndcg": ..}, "fused_minus_dense": ..}, "items": [..]}.  Intervals are those
// of 95% of bootstrap resamples of the queries; p is twice the share of resamples whose difference
// is on the other side of nought.  Without an embedder there is the lexical list alone.
nlohmann::json run_search_quality(const store::Store& store,
                                  const retrieval::QueryEmbedder& embedder,
                                  const std::vector<JudgedQuery>& queries,
                                  const SearchQualityOptions& options);

std::string format_search_quality(const nlohmann::json& results);

}  // namespace widenet::eval
