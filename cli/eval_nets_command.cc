// `widenet eval nets`: what sticky nets spare, and what they cost.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "cli/engine_options.h"
#include "cli/support.h"
#include "eval/nets.h"
#include "library/ingest_job.h"

namespace widenet::cli {
namespace {

struct EvalNetsOptions {
  DataOptions data;
  ModelOptions model;
  std::vector<std::filesystem::path> questions;
  std::string collection;
  std::filesystem::path out;
  answer::StickyOptions sticky;
  eval::NetsOptions nets;
};

void run_eval_nets(EvalNetsOptions options) {
  std::vector<eval::Question> questions;
  for (const auto& file : options.questions) {
    const auto more = eval::read_questions(file);
    questions.insert(questions.end(), more.begin(), more.end());
  }
  const auto store = open_store(options.data);
  options.nets.collections = find_scope(*store, options.collection);
  const engine::EngineOptions load = engine_options(options.model);
  const auto text = library::TextModel::load(load.model);
  const auto engine = engine::Engine::load(load);
  engine::Scheduler scheduler(*engine);
  for (const auto collection : options.nets.collections) {
    library::refresh_tokens(*store, collection, *text);
  }
  const auto run = [&](bool is_sticky) {
    answer::Asker asker({.store = *store,
                         .engine = *engine,
                         .scheduler = scheduler,
                         .embedder = text->query_embedder(),
                         .tokenizer_sha256 = text->tokenizer_sha256(),
                         .encoding = engine::read_encoding_texts(load.model)},
                        {.is_sticky = is_sticky, .sticky = options.sticky});
    return eval::run_nets(*store, asker, questions, options.nets);
  };
  const nlohmann::json blind = run(false);
  const nlohmann::json sticky = run(true);
  std::printf("%s", eval::format_nets({{"blind", blind}, {"sticky", sticky}}).c_str());
  if (options.out.empty()) return;
  std::filesystem::create_directories(options.out);
  const nlohmann::json results = {{"blind", blind}, {"sticky", sticky}};
  write_file_atomically(options.out / "results.json", results.dump(1) + "\n");
}

}  // namespace

void add_eval_nets(CLI::App& eval) {
  const auto options = std::make_shared<EvalNetsOptions>();
  CLI::App* verb = eval.add_subcommand("nets", "What reading the same documents again spares");
  verb->add_option("--questions", options->questions, "JSONL files of questions")->required();
  verb->add_option("--collection", options->collection, "Where to look (default: everywhere)");
  verb->add_option("--budget", options->nets.budget_tokens, "Tokens of documents in the prompt");
  verb->add_option("--first", options->nets.n_first, "Questions also counted by themselves")
      ->capture_default_str();
  verb->add_option("--shuffle", options->nets.shuffle_seed, "Seed of another order");
  verb->add_option("--late-share", options->sticky.late_share, "Of the budget, for late passages")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  verb->add_option("--held-min", options->sticky.held_min, "From here on a net is read again")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  verb->add_option("--out", options->out, "Directory for results.json");
  add_data_option(*verb, options->data);
  add_model_options(*verb, options->model);
  verb->callback([options] { run_eval_nets(*options); });
}

}  // namespace widenet::cli
