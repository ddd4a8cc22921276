// `widenet bench search`: what lexical, dense and fused search find of test sets and of questions
// about a collection, with paired bootstraps; and how long they take as a collection grows.
#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/utf8.h"
#include "cli/support.h"
#include "eval/grown_corpus.h"
#include "eval/search_quality.h"
#include "library/process_document.h"

namespace widenet::cli {
namespace {

namespace fs = std::filesystem;

struct BenchSearchOptions {
  DataOptions data;
  ModelOptions model;
  fs::path embedder;
  std::vector<fs::path> questions;
  std::string collection;
  std::vector<fs::path> sets;  // BEIR
  eval::TrecFiles trec;
  std::vector<int64_t> chunks;  // to grow to
  fs::path grown;               // where the grown collection is kept; empty: nowhere
  fs::path out;
  bool json = false;
  eval::SearchQualityOptions quality;
};

// A data directory of its own; unless it was named, it goes when it is done with.
class ScratchStore {
 public:
  explicit ScratchStore(const fs::path& directory = {})
      : is_kept_(!directory.empty()),
        directory_(is_kept_ ? directory
                            : fs::temp_directory_path() /
                                  ("widenet-bench-" + std::to_string(::getpid()))),
        store_(store::Store::open(directory_)) {}
  ~ScratchStore() {
    store_.reset();
    std::error_code ignored;
    if (!is_kept_) fs::remove_all(directory_, ignored);
  }
  ScratchStore(const ScratchStore&) = delete;
  ScratchStore& operator=(const ScratchStore&) = delete;
  store::Store& operator*() { return *store_; }
  store::Store* operator->() { return store_.get(); }

 private:
  bool is_kept_;
  fs::path directory_;
  std::unique_ptr<store::Store> store_;
};

// One document with these children, as an import of theirs would give it.
void add_parts(store::Store& store,
               store::CollectionId collection,
               const std::string& key,
               const std::vector<store::ProcessedDocument>& parts) {
  const auto added = store.add_document(
      {.collection = collection, .key = key, .format = "jsonl", .sha256 = store.put_original(key)});
  store.begin_processing(added.id);
  store.complete_document(added.id, parts);
}

std::string chunk_text(const std::string& text, const store::ProcessedChunk& chunk) {
  return std::string(slice_chars(text, chunk.start_char, chunk.end_char));
}

// The set's documents, cut and embedded as ingestion does it.
store::CollectionId load_set(store::Store& store,
                             const eval::TestSet& set,
                             const library::TextModel& model,
                             std::vector<std::string>& chunks) {
  constexpr int64_t kChunkTokens = 512;
  const auto collection = store.find_or_create_collection(set.name);
  std::vector<store::ProcessedDocument> parts;
  for (const auto& document : set.documents) {
    ingest::ExtractedDocument extracted;
    extracted.title = document.title;
    extracted.format = "txt";
    extracted.text = document.text;
    parts.push_back(
        library::process_document(extracted, document.key, model, kChunkTokens, [](double) {}));
    for (const auto& chunk : parts.back().chunks) {
      chunks.push_back(chunk_text(document.text, chunk));
    }
  }
  add_parts(store, collection, set.name, parts);
  return collection;
}

store::ProcessedDocument grown_document(eval::GrownCorpus& corpus,
                                        const library::TextModel& model,
                                        const std::string& member,
                                        int64_t n_chunks) {
  store::ProcessedDocument document{.member = member, .format = "txt"};
  document.tokenizer = model.tokenizer_sha256();
  if (model.embedder() != nullptr) document.embedder = model.embedder()->fingerprint();
  for (int64_t i = 0; i < n_chunks; ++i) {
    const std::string text = corpus.next_chunk();
    auto& chunk = document.chunks.emplace_back();
    chunk.start_char = count_chars(document.text);
    document.text += text;
    chunk.end_char = count_chars(document.text);
    document.text += "\n\n";
    chunk.tokens = model.tokenizer().encode(text);
    chunk.embedding = model.embed(text, chunk.tokens);
  }
  return document;
}

// Adds documents to a collection until it has this many chunks.
void grow(store::Store& store,
          store::CollectionId collection,
          int64_t n_chunks,
          eval::GrownCorpus& corpus,
          const library::TextModel& model) {
  constexpr int64_t kDocumentChunks = 50, kDocuments = 40;
  ProgressBar bar;
  int64_t have = store.collection(collection)->n_chunks;
  while (have < n_chunks) {
    std::vector<store::ProcessedDocument> parts;
    const std::string key = "grown from " + std::to_string(have);
    for (int64_t i = 0; i < kDocuments && have < n_chunks; ++i) {
      const int64_t n = std::min(kDocumentChunks, n_chunks - have);
      parts.push_back(grown_document(corpus, model, std::to_string(i), n));
      have += n;
    }
    add_parts(store, collection, key, parts);
    bar.show(have, n_chunks, "chunks");
  }
  bar.clear();
}

int64_t count_words(const std::string& text) {
  int64_t n = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    n += text[i] != ' ' && (i == 0 || text[i - 1] == ' ');
  }
  return n;
}

// Questions as people type them: 8 to 15 words.
std::vector<eval::JudgedQuery> natural(std::vector<eval::JudgedQuery> queries) {
  std::erase_if(queries, [](const eval::JudgedQuery& query) {
    const int64_t n = count_words(query.text);
    return n < 8 || n > 15;
  });
  return queries;
}

struct Run {
  std::string name;
  nlohmann::json results;
};

class Bench {
 public:
  explicit Bench(const BenchSearchOptions& options)
      : options_(options),
        model_(options.embedder.empty()
                   ? find_text_model(options.model)
                   : library::TextModel::load(options.embedder, options.embedder)) {
    if (model_ == nullptr) throw CommandError("cannot find a tokenizer; name it by --embedder");
  }

  std::vector<Run> run() {
    for (const auto& folder : options_.sets) measure(eval::read_beir(folder));
    if (!options_.trec.documents.empty()) measure(eval::read_trec(options_.trec));
    if (!options_.questions.empty()) measure_questions();
    return std::move(runs_);
  }

 private:
  void measure(const eval::TestSet& set) {
    ScratchStore scratch(options_.grown);
    std::vector<std::string> chunks;
    const auto collection = load_set(*scratch, set, *model_, chunks);
    const auto queries = eval::judged_queries(*scratch, collection, set);
    add_run(set.name, *scratch, {collection}, queries);
    measure_grown(set.name, *scratch, collection, chunks, natural(queries));
  }

  void measure_questions() {
    std::vector<eval::Question> questions;
    for (const auto& file : options_.questions) {
      const auto more = eval::read_questions(file);
      questions.insert(questions.end(), more.begin(), more.end());
    }
    const auto store = open_store(options_.data);
    const auto collections = find_scope(*store, options_.collection);
    add_run(options_.collection, *store, collections,
            eval::judged_questions(*store, collections, questions));
  }

  void measure_grown(const std::string& name,
                     store::Store& store,
                     store::CollectionId collection,
                     const std::vector<std::string>& chunks,
                     const std::vector<eval::JudgedQuery>& queries) {
    if (options_.chunks.empty()) return;
    eval::GrownCorpus corpus(chunks, options_.quality.seed);
    for (const int64_t n : options_.chunks) {
      grow(store, collection, n, corpus, *model_);
      add_run(name + " grown to " + grouped(n) + " chunks", store, {collection}, queries);
    }
  }

  void add_run(const std::string& name,
               const store::Store& store,
               const std::vector<store::CollectionId>& collections,
               const std::vector<eval::JudgedQuery>& queries) {
    auto quality = options_.quality;
    quality.collections = collections;
    runs_.push_back(
        {name, eval::run_search_quality(store, model_->query_embedder(), queries, quality)});
    if (!options_.json) {
      std::printf("%s: %s", name.c_str(),
                  eval::format_search_quality(runs_.back().results).c_str());
      std::fflush(stdout);
    }
  }

  const BenchSearchOptions& options_;
  std::shared_ptr<const library::TextModel> model_;
  std::vector<Run> runs_;
};

void run_bench_search(const BenchSearchOptions& options) {
  if (options.questions.empty() && options.sets.empty() && options.trec.documents.empty()) {
    throw CommandError("cannot measure search: name --questions, --set or --documents");
  }
  nlohmann::json all = nlohmann::json::array();
  for (auto& run : Bench(options).run()) {
    run.results["name"] = run.name;
    all.push_back(std::move(run.results));
  }
  const nlohmann::json results = {{"runs", std::move(all)}};
  if (options.json) std::printf("%s\n", results.dump(1).c_str());
  if (options.out.empty()) return;
  fs::create_directories(options.out);
  write_file_atomically(options.out / "results.json", results.dump(1) + "\n");
}

}  // namespace

void add_bench_search(CLI::App& bench) {
  const auto options = std::make_shared<BenchSearchOptions>();
  CLI::App* verb = bench.add_subcommand("search", "What search finds, and how long it takes");
  verb->add_option(
      "--questions", options->questions,
      "JSONL files of questions about a collection (examples/company/questions.jsonl)");
  verb->add_option("--collection", options->collection, "Of these questions (default: everywhere)");
  verb->add_option("--set", options->sets,
                   "Test sets in BEIR form: corpus.jsonl, queries.jsonl, qrels/test.tsv");
  auto* documents = verb->add_option("--documents", options->trec.documents,
                                     "A test set in TREC form: files of <DOC>s");
  auto* topics = verb->add_option("--topics", options->trec.topics, "Its topics");
  auto* judgements = verb->add_option("--judgements", options->trec.judgements, "Its judgements");
  documents->needs(topics)->needs(judgements);
  verb->add_option("--chunks", options->chunks,
                   "Also grow the set to so many chunks, out of its own sentences, one after the "
                   "other, and ask its queries of 8 to 15 words")
      ->delimiter(',')
      ->check(CLI::Range(int64_t{1}, int64_t{100'000'000}));
  verb->add_option("--grown", options->grown, "Data directory to grow it in, and to keep");
  verb->add_option("--embedder", options->embedder, "The embedding (default: beside the model)");
  verb->add_option("--limit", options->quality.limit, "Recall among this many")
      ->capture_default_str();
  verb->add_option("--dense-weight", options->quality.search.dense_weight,
                   "Of the dense list in the fusion; the lexical list has 1")
      ->capture_default_str();
  verb->add_option("--out", options->out, "Directory for results.json");
  verb->add_flag("--json", options->json, "Print JSON instead of tables");
  add_data_option(*verb, options->data);
  add_model_options(*verb, options->model);
  verb->callback([options] { run_bench_search(*options); });
}

}  // namespace widenet::cli
