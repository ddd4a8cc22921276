// `widenet eval retrieval`: recall of lexical, dense and fused search, with a paired bootstrap.
#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "cli/support.h"
#include "eval/retrieval.h"

namespace widenet::cli {
namespace {

struct EvalRetrievalOptions {
  DataOptions data;
  ModelOptions model;
  std::filesystem::path embedder;
  std::filesystem::path out;
  std::vector<std::filesystem::path> questions;
  std::string collection;
  std::filesystem::path corpus;
  eval::RetrievalOptions retrieval;
};

// A data directory that goes when it is done with.
class ScratchStore {
 public:
  ScratchStore()
      : directory_(std::filesystem::temp_directory_path() /
                   ("widenet-eval-" + std::to_string(::getpid()))),
        store_(store::Store::open(directory_)) {}
  ~ScratchStore() {
    store_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  ScratchStore(const ScratchStore&) = delete;
  ScratchStore& operator=(const ScratchStore&) = delete;
  store::Store& operator*() { return *store_; }

 private:
  std::filesystem::path directory_;
  std::unique_ptr<store::Store> store_;
};

nlohmann::json run(const EvalRetrievalOptions& options,
                   const std::vector<eval::Question>& questions,
                   const library::TextModel& model) {
  eval::RetrievalOptions retrieval = options.retrieval;
  if (options.corpus.empty()) {
    const auto store = open_store(options.data);
    retrieval.collections = find_scope(*store, options.collection);
    return eval::run_retrieval(*store, model.query_embedder(), questions, retrieval);
  }
  if (model.embedder() == nullptr)
    throw CommandError("cannot embed the corpus: no embedding model");
  ScratchStore scratch;
  retrieval.collections = {eval::load_corpus(*scratch, *model.embedder(), options.corpus)};
  return eval::run_retrieval(*scratch, model.query_embedder(), questions, retrieval);
}

void run_eval_retrieval(const EvalRetrievalOptions& options) {
  std::vector<eval::Question> questions;
  for (const auto& file : options.questions) {
    const auto more = eval::read_questions(file);
    questions.insert(questions.end(), more.begin(), more.end());
  }
  const auto model = options.embedder.empty()
                         ? find_text_model(options.model)
                         : library::TextModel::load(options.embedder, options.embedder);
  if (model == nullptr) throw CommandError("cannot find an embedding model; name it by --embedder");
  const auto results = run(options, questions, *model);
  std::printf("%s", eval::format_retrieval(results).c_str());
  if (options.out.empty()) return;
  std::filesystem::create_directories(options.out);
  write_file_atomically(options.out / "results.json", results.dump(1) + "\n");
}

}  // namespace

void add_eval_retrieval(CLI::App& eval) {
  const auto options = std::make_shared<EvalRetrievalOptions>();
  CLI::App* verb = eval.add_subcommand("retrieval", "How often search finds what is asked for");
  verb->add_option("--questions", options->questions, "JSONL files of questions")->required();
  auto* collection =
      verb->add_option("--collection", options->collection, "Where to look (default: everywhere)");
  verb->add_option("--corpus", options->corpus,
                   "JSONL of {\"key\", \"title\", \"text\"} to search instead of a collection")
      ->excludes(collection);
  verb->add_option("--embedder", options->embedder, "The embedding (default: beside the model)");
  verb->add_option("--limit", options->retrieval.limit, "Recall among this many")
      ->capture_default_str();
  verb->add_option("--dense-weight", options->retrieval.search.dense_weight,
                   "Of the dense list in the fusion; the lexical list has 1")
      ->capture_default_str();
  verb->add_option("--out", options->out, "Directory for results.json");
  add_data_option(*verb, options->data);
  add_model_options(*verb, options->model);
  verb->callback([options] { run_eval_retrieval(*options); });
}

}  // namespace widenet::cli
