#include "eval/retrieval.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>
#include <sstream>

#include "base/file.h"
#include "base/utf8.h"
#include "eval/corpus.h"
#include "eval/evaluation_log.h"
#include "eval/statistics.h"

namespace widenet::eval {
namespace {

using Candidates = std::vector<retrieval::Candidate>;

// Characters [start_char, end_char) of a document, or all of it.
struct Gold {
  store::DocumentId document = 0;
  int64_t start_char = 0;
  int64_t end_char = 0;
};

// What a question's gold is in the collections, and whether whole documents or passages count.
struct GoldSet {
  bool of_passages = false;
  std::vector<Gold> all;
};

std::map<std::string, store::DocumentId> documents_by_key(
    const store::Store& store, const std::vector<store::CollectionId>& collections) {
  std::map<std::string, store::DocumentId> documents;
  for (const auto collection : collections) {
    for (store::Paging paging;;) {
      const auto page = store.documents(collection, paging);
      if (page.empty()) break;
      paging.after_id = page.back().id;
      for (const auto& document : page) {
        if (document.n_chunks > 0) documents.emplace(document.key, document.id);
      }
    }
  }
  return documents;
}

// Documents whose key is the path, ends with it, or lies below it.
std::vector<store::DocumentId> find_documents(
    const std::map<std::string, store::DocumentId>& documents, const std::string& path) {
  const auto exact = documents.find(path);
  if (exact != documents.end()) return {exact->second};
  std::vector<store::DocumentId> found;
  for (const auto& [key, id] : documents) {
    const std::string rooted = "/" + key + "/";
    if (rooted.find("/" + path + "/") != std::string::npos) found.push_back(id);
  }
  return found;
}

GoldSet find_gold(const store::Store& store,
                  const std::map<std::string, store::DocumentId>& documents,
                  const Question& question) {
  GoldSet gold{.of_passages = !question.passage.empty(), .all = {}};
  for (const auto& path : question.documents) {
    for (const auto id : find_documents(documents, path)) {
      if (!gold.of_passages) {
        gold.all.push_back({.document = id});
        continue;
      }
      const auto text = store.text(id);
      const auto range = text ? find_passage(*text, question.passage) : std::nullopt;
      if (range) gold.all.push_back({id, range->first, range->second});
    }
  }
  return gold;
}

bool overlaps(const Gold& gold, const store::Chunk& chunk) {
  return gold.document == chunk.document && gold.start_char < chunk.end_char &&
         chunk.start_char < gold.end_char;
}

double passage_recall(const GoldSet& gold, const Candidates& ranked, int64_t limit) {
  const auto end = ranked.begin() + std::min(limit, std::ssize(ranked));
  return std::any_of(ranked.begin(), end, [&](const retrieval::Candidate& candidate) {
    return std::any_of(gold.all.begin(), gold.all.end(),
                       [&](const Gold& one) { return overlaps(one, candidate.chunk); });
  });
}

double document_recall(const GoldSet& gold, const Candidates& ranked, int64_t limit) {
  std::set<store::DocumentId> first;
  for (const auto& candidate : ranked) {
    if (std::ssize(first) == limit) break;
    first.insert(candidate.chunk.document);
  }
  const auto n_found = std::count_if(gold.all.begin(), gold.all.end(),
                                     [&](const Gold& one) { return first.contains(one.document); });
  return static_cast<double>(n_found) / static_cast<double>(gold.all.size());
}

double recall(const GoldSet& gold, const Candidates& ranked, int64_t limit) {
  return gold.of_passages ? passage_recall(gold, ranked, limit)
                          : document_recall(gold, ranked, limit);
}

// One list of the two that were fused, in its own order.
Candidates in_order_of(const Candidates& fused,
                       std::optional<int64_t> retrieval::Candidate::*rank) {
  Candidates list;
  std::copy_if(fused.begin(), fused.end(), std::back_inserter(list),
               [&](const retrieval::Candidate& candidate) { return candidate.*rank; });
  std::sort(list.begin(), list.end(),
            [&](const auto& a, const auto& b) { return a.*rank < b.*rank; });
  return list;
}

double mean(const std::vector<double>& values) {
  if (values.empty()) return 0;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

}  // namespace

nlohmann::json run_retrieval(const store::Store& store,
                             const retrieval::QueryEmbedder& embedder,
                             const std::vector<Question>& questions,
                             const RetrievalOptions& options) {
  const auto documents = documents_by_key(store, options.collections);
  std::map<std::string, std::vector<double>> recalls, firsts;
  std::vector<double> differences;
  nlohmann::json items = nlohmann::json::array();
  int64_t without_gold = 0;
  for (const Question& question : questions) {
    if (!question.is_answerable) continue;
    const GoldSet gold = find_gold(store, documents, question);
    if (gold.all.empty()) {
      ++without_gold;
      continue;
    }
    const Candidates fused = retrieval::search(store, {.collections = options.collections},
                                               question.question, embedder, options.search);
    const std::map<std::string, Candidates> lists = {
        {"lexical", in_order_of(fused, &retrieval::Candidate::lexical_rank)},
        {"dense", in_order_of(fused, &retrieval::Candidate::dense_rank)},
        {"fused", fused}};
    nlohmann::json item = {{"id", question.id}};
    for (const auto& [name, ranked] : lists) {
      recalls[name].push_back(recall(gold, ranked, options.limit));
      firsts[name].push_back(recall(gold, ranked, 1));
      item[name] = recalls[name].back();
    }
    differences.push_back(recalls["fused"].back() - recalls["lexical"].back());
    items.push_back(std::move(item));
  }
  nlohmann::json lists;
  for (const auto& [name, values] : recalls) {
    lists[name] = {{"recall", mean(values)}, {"first", mean(firsts[name])}};
  }
  const PairedDifference sure = paired_difference(differences, options.resamples, options.seed);
  return {{"limit", options.limit},
          {"questions", differences.size()},
          {"without_gold", without_gold},
          {"lists", lists},
          {"fused_minus_lexical",
           {{"mean", sure.mean}, {"low", sure.low}, {"high", sure.high}, {"p", sure.p}}},
          {"items", items}};
}

store::CollectionId load_corpus(store::Store& store,
                                const engine::Embedder& embedder,
                                const std::filesystem::path& file) {
  const std::string bytes = read_file(file);
  std::istringstream lines(bytes);
  std::vector<store::ProcessedDocument> parts;
  for (std::string line; std::getline(lines, line);) try {
      const auto json = nlohmann::json::parse(line);
      store::ProcessedDocument part{.member = json.at("key"),
                                    .title = json.value("title", std::string()),
                                    .format = "txt",
                                    .text = json.at("text"),
                                    .tokenizer = embedder.tokenizer_sha256(),
                                    .embedder = embedder.fingerprint()};
      auto tokens = embedder.tokenizer().encode(part.text);
      // With its title, as ingestion does it.
      auto embedding = embedder.embed(embedder.tokenizer().encode(part.title + "\n" + part.text));
      part.chunks.push_back({.end_char = count_chars(part.text),
                             .tokens = std::move(tokens),
                             .embedding = std::move(embedding)});
      parts.push_back(std::move(part));
    } catch (const nlohmann::json::exception& error) {
      throw EvalError("cannot read a document in \"" + file.string() + "\" line " +
                      std::to_string(parts.size() + 1) + ": " + error.what());
    }
  const auto collection = store.find_or_create_collection("corpus");
  const auto added = store.add_document({.collection = collection,
                                         .key = "corpus",
                                         .format = "jsonl",
                                         .sha256 = store.put_original(bytes)});
  store.begin_processing(added.id);
  store.complete_document(added.id, parts);
  return collection;
}

std::string format_retrieval(const nlohmann::json& results) {
  const auto percent = [](const nlohmann::json& share) {
    char text[32];
    std::snprintf(text, sizeof text, "%6.1f%%", 100 * share.get<double>());
    return std::string(text);
  };
  std::string text = std::to_string(results.at("questions").get<int64_t>()) +
                     " questions; recall among the first " +
                     std::to_string(results.at("limit").get<int64_t>()) + ", and at the first\n";
  for (const char* name : {"lexical", "dense", "fused"}) {
    if (!results.at("lists").contains(name)) continue;
    const auto& list = results.at("lists").at(name);
    text += std::string("  ") + name + std::string(8 - std::string(name).size(), ' ') +
            percent(list.at("recall")) + percent(list.at("first")) + "\n";
  }
  const auto& difference = results.at("fused_minus_lexical");
  char line[160];
  std::snprintf(line, sizeof line,
                "  fused - lexical %+.1f points, 95%% between %+.1f and %+.1f, p = %.4f\n",
                100 * difference.at("mean").get<double>(), 100 * difference.at("low").get<double>(),
                100 * difference.at("high").get<double>(), difference.at("p").get<double>());
  return text + line;
}

}  // namespace widenet::eval
