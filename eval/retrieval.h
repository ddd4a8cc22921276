// `widenet eval retrieval`: how often search finds what a question needs: lexical, dense, fused.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "engine/embedder.h"
#include "eval/questions.h"
#include "retrieval/search.h"

namespace widenet::eval {

struct RetrievalOptions {
  std::vector<store::CollectionId> collections;
  int64_t limit = 20;  // recall among this many
  int64_t resamples = 10'000;
  uint64_t seed = 1;
  retrieval::SearchOptions search;
};

// Of each answerable question whose gold is found in the collections: with a gold passage, whether
// one of the first `limit` chunks overlaps it; without one, the share of its gold documents among
// the first `limit` documents.
//
// {"limit", "questions", "without_gold", "lists": {"lexical": {"recall", "first"}, "dense": ..,
// "fused": ..}, "fused_minus_lexical": {"mean", "low", "high", "p"}, "items": [..]}.  The interval
// is that of 95% of bootstrap resamples of the questions; p is twice the share of resamples whose
// difference is on the other side of nought.
nlohmann::json run_retrieval(const store::Store& store,
                             const retrieval::QueryEmbedder& embedder,
                             const std::vector<Question>& questions,
                             const RetrievalOptions& options);

// Fills a new collection from a file of {"key", "title", "text"}, one JSON object a line: each text
// is one document of one chunk.  Throws EvalError.
store::CollectionId load_corpus(store::Store& store,
                                const engine::Embedder& embedder,
                                const std::filesystem::path& file);

std::string format_retrieval(const nlohmann::json& results);

}  // namespace widenet::eval
