#include "eval/search_quality.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

#include "eval/statistics.h"

namespace widenet::eval {
namespace {

using Candidates = std::vector<retrieval::Candidate>;
using Clock = std::chrono::steady_clock;

constexpr int64_t kNdcgLimit = 10;
constexpr const char* kLists[] = {"lexical", "dense", "fused"};

double mean(const std::vector<double>& values) {
  if (values.empty()) return 0;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// The value that this share of all is not above.
double quantile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const auto rank = std::ceil(share * static_cast<double>(values.size()));
  return values[static_cast<size_t>(std::max(rank, 1.0)) - 1];
}

// The grades of what was found, best first.
std::vector<int> gains_of(const JudgedQuery& query, const Candidates& ranked) {
  std::vector<int> gains;
  if (!query.passages.empty()) {
    bool is_found = false;
    for (const auto& candidate : ranked) {
      const store::Chunk& chunk = candidate.chunk;
      const bool is_hit =
          overlaps(query.passages, chunk.document, chunk.start_char, chunk.end_char);
      gains.push_back(is_hit && !is_found ? 1 : 0);
      is_found |= is_hit;
    }
    return gains;
  }
  std::set<store::DocumentId> seen;
  for (const auto& candidate : ranked) {
    if (!seen.insert(candidate.chunk.document).second) continue;
    const auto grade = query.grades.find(candidate.chunk.document);
    gains.push_back(grade == query.grades.end() ? 0 : grade->second);
  }
  return gains;
}

std::vector<int> ideal_of(const JudgedQuery& query) {
  if (!query.passages.empty()) return {1};
  std::vector<int> grades;
  for (const auto& [document, grade] : query.grades) grades.push_back(grade);
  std::sort(grades.rbegin(), grades.rend());
  return grades;
}

struct Ranked {
  Candidates candidates;
  double milliseconds = 0;
};

double milliseconds_of(const std::function<void()>& work) {
  const auto start = Clock::now();
  work();
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// As retrieval::search does it, each list timed; by list.
std::map<std::string, Ranked> search_each(const store::Store& store,
                                          const retrieval::QueryEmbedder& embedder,
                                          const std::string& query,
                                          const SearchQualityOptions& options) {
  const store::Scope scope{.collections = options.collections};
  std::vector<store::SearchHit> lexical, dense;
  std::map<std::string, Ranked> lists;
  lists["lexical"].milliseconds = milliseconds_of(
      [&] { lexical = store.search_text(scope, query, options.search.candidates_max); });
  lists["lexical"].candidates = retrieval::fuse(lexical, {}, options.search);
  if (!embedder.embed) return lists;
  lists["dense"].milliseconds = milliseconds_of([&] {
    dense = store.search_vectors(scope, embedder.fingerprint, embedder.embed(query),
                                 options.search.candidates_max);
  });
  lists["dense"].candidates = retrieval::fuse({}, dense, options.search);
  lists["fused"].milliseconds =
      lists["lexical"].milliseconds + lists["dense"].milliseconds + milliseconds_of([&] {
        lists["fused"].candidates = retrieval::fuse(lexical, dense, options.search);
      });
  return lists;
}

// What a list was worth, by query.
struct Scores {
  std::vector<double> recall, ndcg, first, milliseconds;
};

nlohmann::json difference(const std::vector<double>& a,
                          const std::vector<double>& b,
                          const SearchQualityOptions& options) {
  std::vector<double> differences;
  for (size_t i = 0; i < a.size(); ++i) differences.push_back(a[i] - b[i]);
  const PairedDifference sure = paired_difference(differences, options.resamples, options.seed);
  return {{"mean", sure.mean}, {"low", sure.low}, {"high", sure.high}, {"p", sure.p}};
}

}  // namespace

std::vector<JudgedQuery> judged_questions(const store::Store& store,
                                          const std::vector<store::CollectionId>& collections,
                                          const std::vector<Question>& questions) {
  const Corpus corpus(store, collections);
  std::vector<JudgedQuery> judged;
  for (const Question& question : questions) {
    if (!question.is_answerable) continue;
    JudgedQuery query{.id = question.id, .text = question.question, .grades = {}, .passages = {}};
    if (question.passage.empty()) {
      for (const auto id : corpus.gold_documents(question)) query.grades.emplace(id, 1);
    } else {
      query.passages = corpus.gold_ranges(question);
    }
    judged.push_back(std::move(query));
  }
  return judged;
}

std::vector<JudgedQuery> judged_queries(const store::Store& store,
                                        store::CollectionId collection,
                                        const TestSet& set) {
  std::map<std::string, store::DocumentId> documents;
  const Corpus corpus(store, {collection});
  for (const auto& document : corpus.documents()) {
    if (document.n_chunks == 0) continue;
    documents.emplace(document.key.substr(document.key.find_last_of('/') + 1), document.id);
  }
  std::vector<JudgedQuery> judged;
  for (const TestQuery& query : set.queries) {
    auto& each = judged.emplace_back();
    each.id = query.id;
    each.text = query.text;
    for (const auto& [key, grade] : query.grades) {
      const auto document = documents.find(key);
      if (document != documents.end()) each.grades.emplace(document->second, grade);
    }
  }
  return judged;
}

double recall_at(const std::vector<int>& gains, const std::vector<int>& ideal, int64_t limit) {
  const auto end = gains.begin() + std::min(limit, std::ssize(gains));
  const auto n_found = std::count_if(gains.begin(), end, [](int gain) { return gain > 0; });
  return static_cast<double>(n_found) / static_cast<double>(ideal.size());
}

double ndcg_at(const std::vector<int>& gains, const std::vector<int>& ideal, int64_t limit) {
  const auto dcg = [&](const std::vector<int>& list) {
    double sum = 0;
    for (size_t i = 0; i < list.size() && std::cmp_less(i, limit); ++i) {
      sum += list[i] / std::log2(static_cast<double>(i) + 2);
    }
    return sum;
  };
  return dcg(gains) / dcg(ideal);
}

nlohmann::json run_search_quality(const store::Store& store,
                                  const retrieval::QueryEmbedder& embedder,
                                  const std::vector<JudgedQuery>& queries,
                                  const SearchQualityOptions& options) {
  std::map<std::string, Scores> scores;
  nlohmann::json items = nlohmann::json::array();
  int64_t without_gold = 0;
  for (const JudgedQuery& query : queries) {
    const std::vector<int> ideal = ideal_of(query);
    if (ideal.empty()) {
      ++without_gold;
      continue;
    }
    nlohmann::json item = {{"id", query.id}};
    for (const auto& [name, ranked] : search_each(store, embedder, query.text, options)) {
      const std::vector<int> gains = gains_of(query, ranked.candidates);
      Scores& of = scores[name];
      of.recall.push_back(recall_at(gains, ideal, options.limit));
      of.ndcg.push_back(ndcg_at(gains, ideal, kNdcgLimit));
      of.first.push_back(!gains.empty() && gains.front() > 0 ? 1 : 0);
      of.milliseconds.push_back(ranked.milliseconds);
      item[name] = {{"recall", of.recall.back()}, {"ndcg", of.ndcg.back()}};
    }
    items.push_back(std::move(item));
  }
  nlohmann::json lists = nlohmann::json::object(), differences = nlohmann::json::object();
  for (const auto& [name, of] : scores) {
    lists[name] = {{"recall", mean(of.recall)},
                   {"ndcg", mean(of.ndcg)},
                   {"first", mean(of.first)},
                   {"p50_ms", quantile(of.milliseconds, 0.5)},
                   {"p95_ms", quantile(of.milliseconds, 0.95)}};
    if (name == "fused") continue;
    if (!scores.contains("fused")) continue;
    differences["fused_minus_" + name] = {
        {"recall", difference(scores.at("fused").recall, of.recall, options)},
        {"ndcg", difference(scores.at("fused").ndcg, of.ndcg, options)}};
  }
  return {{"limit", options.limit}, {"queries", items.size()},    {"without_gold", without_gold},
          {"lists", lists},         {"differences", differences}, {"items", items}};
}

std::string format_search_quality(const nlohmann::json& results) {
  char line[200];
  std::snprintf(line, sizeof line,
                "%lld queries           recall@%-4lld nDCG@10    first   p50 ms   p95 ms\n",
                static_cast<long long>(results.at("queries").get<int64_t>()),
                static_cast<long long>(results.at("limit").get<int64_t>()));
  std::string text = line;
  for (const char* name : kLists) {
    if (!results.at("lists").contains(name)) continue;
    const auto& list = results.at("lists").at(name);
    const auto figure = [&](const char* key) { return list.at(key).get<double>(); };
    std::snprintf(line, sizeof line, "  %-18s %10.4f %10.4f %8.4f %8.1f %8.1f\n", name,
                  figure("recall"), figure("ndcg"), figure("first"), figure("p50_ms"),
                  figure("p95_ms"));
    text += line;
  }
  for (const auto& [name, measures] : results.at("differences").items()) {
    for (const auto& [measure, sure] : measures.items()) {
      std::snprintf(line, sizeof line,
                    "  %-20s %-6s %+.4f  (95%% between %+.4f and %+.4f, p = %.4f)\n", name.c_str(),
                    measure.c_str(), sure.at("mean").get<double>(), sure.at("low").get<double>(),
                    sure.at("high").get<double>(), sure.at("p").get<double>());
      text += line;
    }
  }
  return text;
}

}  // namespace widenet::eval
