// /v1/vector_stores/{id}/search: passages, best first, without a model's words.
#include "retrieval/search.h"

#include <algorithm>
#include <map>

#include "api/routes/objects.h"
#include "api/routes/routes.h"
#include "base/utf8.h"

namespace widenet::api {
namespace {

// What a passage that heads both lists would score.
double best_score(const retrieval::SearchOptions& options, bool is_hybrid) {
  return options.lexical_weight + (is_hybrid ? options.dense_weight : 0);
}

std::vector<std::string> queries_of(const JsonBody& body) {
  const Json* query = body.find("query");
  if (query != nullptr && query->is_array()) {
    auto queries = body.texts("query", 8);
    if (!queries.empty()) return queries;
  }
  return {body.required_text("query", 4096)};
}

// Several queries are several lists: a passage keeps its best place.
std::vector<retrieval::Candidate> candidates_of(Service& service,
                                                const store::Scope& scope,
                                                const std::vector<std::string>& queries) {
  const auto embedder =
      service.parts.text ? service.parts.text->query_embedder() : retrieval::QueryEmbedder{};
  std::map<store::ChunkId, retrieval::Candidate> best;
  for (const auto& query : queries) {
    for (auto& candidate : retrieval::search(service.parts.store, scope, query, embedder)) {
      auto& kept = best[candidate.chunk.id];
      if (candidate.score > kept.score) kept = std::move(candidate);
    }
  }
  std::vector<retrieval::Candidate> sorted;
  for (auto& [id, candidate] : best) sorted.push_back(std::move(candidate));
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.score > b.score; });
  return sorted;
}

Json passage_json(const Service& service, const retrieval::Candidate& candidate, double score) {
  const auto& chunk = candidate.chunk;
  const auto document = service.parts.store.document(chunk.document);
  const auto text = service.parts.store.text(chunk.document);
  if (!document || !text) return nullptr;  // deleted meanwhile
  return {{"file_id", file_id_of(*document)},
          {"filename", document->key},
          {"score", score},
          {"attributes", Json::object()},
          {"content",
           {{{"type", "text"}, {"text", slice_chars(*text, chunk.start_char, chunk.end_char)}}}},
          {"x_source",
           {{"document", chunk.document},
            {"title", document->title},
            {"page", chunk.page > 0 ? Json(chunk.page) : Json(nullptr)},
            {"start_char", chunk.start_char},
            {"end_char", chunk.end_char}}}};
}

// POST /v1/vector_stores/{id}/search   {"query": string or [string], "max_num_results": 1..50 = 10,
//                                       "ranking_options": {"score_threshold": 0..1 = 0}}
//
//   200  passages, best first; a score of 1 heads every list
Response search(const Request& request, Service& service) {
  const auto collection = find_collection(service, request, request.arguments[0]);
  const auto body = JsonBody::parse(request);
  if (body.find("filters")) bad_field("filters", "are not supported: no attributes are kept");
  const int64_t limit = body.integer("max_num_results", 1, 50).value_or(10);
  const Json* ranking = body.object("ranking_options");
  const double threshold =
      ranking ? JsonBody(*ranking).number("score_threshold", 0, 1).value_or(0) : 0;
  const auto queries = queries_of(body);

  const auto candidates = candidates_of(
      service, {.collections = {collection.id}, .reader = request.principal.reader}, queries);
  const bool is_hybrid = service.parts.text && service.parts.text->embedder();
  const double best = best_score({}, is_hybrid);
  Json data = Json::array();
  size_t next = 0;
  for (; next < candidates.size() && static_cast<int64_t>(data.size()) < limit; ++next) {
    const double score = std::min(1.0, candidates[next].score / best);
    if (score < threshold) break;
    Json passage = passage_json(service, candidates[next], score);
    if (!passage.is_null()) data.push_back(std::move(passage));
  }
  return json_response({{"object", "vector_store.search_results.page"},
                        {"search_query", queries},
                        {"data", std::move(data)},
                        {"has_more", next < candidates.size()},
                        {"next_page", nullptr}});
}

}  // namespace

void add_search_routes(Router& router, Service& service) {
  router.add({.method = "POST",
              .pattern = "/v1/vector_stores/{id}/search",
              .body = BodyKind::json,
              .handler = [&](const Request& request) { return search(request, service); }});
}

}  // namespace widenet::api
