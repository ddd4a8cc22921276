// `widenet search`: the passages that a question would find, best first.  Needs no model: without
// an embedding the search is lexical alone.
#include <algorithm>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>

#include "base/utf8.h"
#include "cli/support.h"
#include "retrieval/search.h"

namespace widenet::cli {
namespace {

struct SearchCommandOptions {
  DataOptions data;
  ModelOptions model;
  std::string query;
  std::string collection;
  std::vector<std::string> names;  // of the reader; none: the operator
  int64_t limit = 10;
  bool json = false;
};

struct Result {
  store::Chunk chunk;
  std::string title;
  double score = 0;
  std::string text;
};

std::vector<Result> search(const store::Store& store, const SearchCommandOptions& options) {
  const auto model = find_text_model(options.model);
  const store::Scope scope{.collections = find_scope(store, options.collection),
                           .reader = reader_named(options.names)};
  auto candidates = retrieval::search(store, scope, options.query,
                                      model ? model->query_embedder() : retrieval::QueryEmbedder{});
  candidates.resize(std::min(candidates.size(), static_cast<size_t>(options.limit)));
  std::vector<Result> results;
  for (const auto& candidate : candidates) {
    const auto document = store.document(candidate.chunk.document);
    const auto text = store.text(candidate.chunk.document);
    if (!document || !text) continue;
    const store::Chunk& chunk = candidate.chunk;
    results.push_back({chunk, document->title, candidate.score,
                       std::string(slice_chars(*text, chunk.start_char, chunk.end_char))});
  }
  return results;
}

void print_json(const std::vector<Result>& results) {
  nlohmann::json array = nlohmann::json::array();
  for (const auto& r : results) {
    array.push_back({{"document", r.chunk.document},
                     {"title", r.title},
                     {"start_char", r.chunk.start_char},
                     {"end_char", r.chunk.end_char},
                     {"page", r.chunk.page > 0 ? nlohmann::json(r.chunk.page) : nlohmann::json()},
                     {"score", r.score},
                     {"text", r.text}});
  }
  std::printf("%s\n", nlohmann::json{{"results", array}}.dump(2).c_str());
}

void print(const std::vector<Result>& results) {
  constexpr int64_t kSnippetChars = 240;
  int rank = 0;
  for (const auto& r : results) {
    std::string snippet(slice_chars(r.text, 0, kSnippetChars));
    std::replace(snippet.begin(), snippet.end(), '\n', ' ');
    if (count_chars(r.text) > kSnippetChars) snippet += " ...";
    std::printf("%2d. D%lld %s", ++rank, static_cast<long long>(r.chunk.document), r.title.c_str());
    if (r.chunk.page > 0) std::printf(", page %d", r.chunk.page);
    std::printf(", characters %lld-%lld, score %.4f\n    %s\n",
                static_cast<long long>(r.chunk.start_char),
                static_cast<long long>(r.chunk.end_char), r.score, snippet.c_str());
  }
  if (results.empty()) std::printf("Nothing found.\n");
}

}  // namespace

void add_search_command(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("search", "Find passages");
  const auto options = std::make_shared<SearchCommandOptions>();
  verb->add_option("query", options->query, "What to look for")->required();
  verb->add_option("--collection", options->collection, "Where (default: everywhere)");
  add_reader_option(*verb, options->names);
  verb->add_option("--limit", options->limit, "How many passages")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  verb->add_flag("--json", options->json, "Print JSON");
  add_data_option(*verb, options->data);
  verb->add_option("--model", options->model.model, "The model whose embedding to use");
  verb->callback([options] {
    const auto results = search(*open_store(options->data), *options);
    options->json ? print_json(results) : print(results);
  });
}

}  // namespace widenet::cli
