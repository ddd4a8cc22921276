// `widenet eval`: measures how well answers are found; every run is kept in the store.
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/hash.h"
#include "cli/support.h"
#include "eval/niah.h"
#include "eval/qa.h"
#include "eval/report.h"
#include "library/ingest_job.h"

namespace widenet::cli {
namespace {

struct EvalOptions {
  DataOptions data;
  ModelOptions model;
  std::filesystem::path out;
  bool resume = false;
  // niah
  eval::NiahOptions niah;
  std::string haystack;
  // qa, and niah's haystack
  std::string collection;
  std::vector<std::filesystem::path> questions;
  std::vector<std::string> modes = {"rag"};
  eval::QaOptions qa;
  bool frees_quotes = false;
  // show
  int64_t id = 0;
};

void show_progress(int64_t done, int64_t total, int64_t hits, int64_t tries, const char* what) {
  if (!stderr_is_terminal()) return;
  std::fprintf(stderr, "\r\033[K%lld of %lld, %lld of %lld right %s", static_cast<long long>(done),
               static_cast<long long>(total), static_cast<long long>(hits),
               static_cast<long long>(tries), what);
  if (done == total) std::fprintf(stderr, "\r\033[K");
}

void report(const EvalOptions& options,
            const char* kind,
            const eval::EvaluationLog& log,
            const nlohmann::json& config,
            nlohmann::json results) {
  std::printf("%s", eval::format_results(kind, results).c_str());
  std::printf("Evaluation %lld.\n", static_cast<long long>(log.id()));
  if (options.out.empty()) return;
  results["kind"] = kind;
  results["config"] = config;
  std::filesystem::create_directories(options.out);
  write_file_atomically(options.out / "results.json", results.dump(1) + "\n");
}

// The texts of a collection's documents, or of files.
std::vector<eval::HaystackText> load_haystack(const store::Store& store,
                                              const EvalOptions& options) {
  if (options.collection.empty()) return eval::read_haystack(options.haystack);
  std::vector<eval::HaystackText> texts;
  const auto collection = find_collection(store, options.collection).id;
  for (store::Paging paging;;) {
    const auto page = store.documents(collection, paging);
    if (page.empty()) break;
    paging.after_id = page.back().id;
    for (const auto& document : page) {
      auto text = store.text(document.id);
      if (text && !text->empty()) texts.push_back({document.title, std::move(*text)});
    }
  }
  if (texts.empty()) throw CommandError("cannot cut a haystack from an empty collection");
  return texts;
}

void run_niah(const EvalOptions& options) {
  const auto store = store::Store::open(options.data.data);
  const auto texts = load_haystack(*store, options);
  const AnsweringModel model(*store, options.model, {.disk_bytes = 0});
  Sha256 haystack;
  for (const auto& text : texts) haystack.update(text.text);
  nlohmann::json config = eval::describe(*model.engine);
  config["lengths"] = options.niah.lengths;
  config["depths"] = options.niah.depths;
  config["needles"] = options.niah.needles;
  config["haystacks"] = options.niah.haystacks;
  config["seed"] = options.niah.seed;
  config["haystack_sha256"] = to_hex(haystack.finish());
  eval::EvaluationLog log(*store, "niah", config, options.resume);
  const auto results = eval::run_niah(
      *model.engine, *model.scheduler, texts, options.niah, log, [](const eval::NiahProgress& p) {
        show_progress(p.done, p.total, p.hits.hits, p.hits.tries, "");
      });
  report(options, "niah", log, config, results);
}

void run_qa(EvalOptions options) {
  const auto store = open_store(options.data);
  std::vector<eval::Question> questions;
  nlohmann::json names = nlohmann::json::array();
  for (const auto& file : options.questions) {
    const auto more = eval::read_questions(file);
    questions.insert(questions.end(), more.begin(), more.end());
    names.push_back(sha256_hex(read_file(file)));
  }
  options.qa.collections = find_scope(*store, options.collection);
  options.qa.modes.clear();
  for (const auto& mode : options.modes) {
    options.qa.modes.push_back(answer::mode_named(mode).value_or(answer::Mode::rag));
  }
  if (options.qa.gold_among > 0) options.qa.modes = {answer::Mode::whole};
  const AnsweringModel model(*store, options.model, {.disk_bytes = 0},
                             {.constrains_quotes = !options.frees_quotes});
  for (const auto collection : options.qa.collections) {
    library::refresh_tokens(*store, collection, *model.text);
  }
  nlohmann::json config = eval::describe(*model.engine);
  config["questions_sha256"] = names;
  config["collections"] = options.qa.collections;
  config["modes"] = options.modes;
  config["gold_among"] = options.qa.gold_among;
  config["budget"] = options.qa.budget_tokens;
  config["seed"] = options.qa.seed;
  config["constrained_quotes"] = !options.frees_quotes;
  eval::EvaluationLog log(*store, "qa", config, options.resume);
  const auto results =
      eval::run_qa(*store, *model.asker, questions, options.qa, log, [](const eval::QaProgress& p) {
        show_progress(p.done, p.total, p.hits, p.tries, p.mode.c_str());
      });
  report(options, "qa", log, config, results);
}

void run_ls(const EvalOptions& options) {
  for (const auto& evaluation : open_store(options.data)->evaluations()) {
    const std::time_t seconds = evaluation.created_ms / 1000;
    char when[32] = "";
    std::strftime(when, sizeof when, "%Y-%m-%d %H:%M", std::gmtime(&seconds));
    const auto config = nlohmann::json::parse(evaluation.config_json);
    std::printf("%4lld  %-6s %-8s %s  %s\n", static_cast<long long>(evaluation.id),
                evaluation.kind.c_str(), evaluation.state.c_str(), when,
                config.value("model", std::string()).c_str());
  }
}

void run_show(const EvalOptions& options) {
  const auto evaluation = open_store(options.data)->evaluation(options.id);
  if (!evaluation) {
    throw CommandError("cannot show evaluation " + std::to_string(options.id) +
                       ": there is none (see widenet eval ls)");
  }
  std::printf(
      "%s, %s\n%s\n%s", evaluation->kind.c_str(), evaluation->state.c_str(),
      nlohmann::json::parse(evaluation->config_json).dump().c_str(),
      eval::format_results(evaluation->kind, nlohmann::json::parse(evaluation->results_json))
          .c_str());
}

void add_run_options(CLI::App& verb, EvalOptions& options) {
  verb.add_option("--out", options.out, "Directory for results.json");
  verb.add_flag("--resume", options.resume, "Go on with the same evaluation if it was interrupted");
  add_data_option(verb, options.data);
  add_model_options(verb, options.model);
}

void add_niah(CLI::App& eval, const std::shared_ptr<EvalOptions>& options) {
  CLI::App* verb = eval.add_subcommand("niah", "A needle in a haystack, by length and depth");
  auto& niah = options->niah;
  verb->add_option("--lengths", niah.lengths, "Tokens of the prompt, comma separated")
      ->delimiter(',')
      ->capture_default_str();
  verb->add_option("--depths", niah.depths, "Percent of the haystack before the needle")
      ->delimiter(',')
      ->capture_default_str();
  verb->add_option("--needles", niah.needles, "Tries of a cell")->capture_default_str();
  verb->add_option("--haystacks", niah.haystacks, "Places that haystacks begin at")
      ->capture_default_str();
  verb->add_option("--seed", niah.seed, "Which needles")->capture_default_str();
  options->haystack = "/usr/share/common-licenses";
  auto* haystack = verb->add_option("--haystack", options->haystack,
                                    "A text file, or a folder of .txt and .md files")
                       ->capture_default_str();
  verb->add_option("--collection", options->collection, "Documents as the haystack instead")
      ->excludes(haystack);
  add_run_options(*verb, *options);
  verb->callback([options] { run_niah(*options); });
}

void add_qa(CLI::App& eval, const std::shared_ptr<EvalOptions>& options) {
  CLI::App* verb = eval.add_subcommand("qa", "Questions with known answers, by mode");
  verb->add_option("--questions", options->questions, "JSONL files of questions")->required();
  verb->add_option("--collection", options->collection, "Where to look (default: everywhere)");
  verb->add_option("--modes", options->modes, "auto, rag, hybrid, long; comma separated")
      ->delimiter(',')
      ->check(CLI::IsMember({"auto", "rag", "hybrid", "long"}))
      ->capture_default_str();
  verb->add_option("--gold-among", options->qa.gold_among,
                   "Retrieve nothing: the gold documents among this many")
      ->check(CLI::Range(0, 10000));
  verb->add_flag("--free-quotes", options->frees_quotes,
                 "Let the model write evidence that stands in no document");
  verb->add_option("--budget", options->qa.budget_tokens, "Tokens of documents in the prompt");
  verb->add_option("--seed", options->qa.seed, "Which others surround the gold documents")
      ->capture_default_str();
  add_run_options(*verb, *options);
  verb->callback([options] { run_qa(*options); });
}

}  // namespace

void add_eval_command(CLI::App& app) {
  CLI::App* eval = app.add_subcommand("eval", "Measure answers; every run is kept");
  eval->require_subcommand(1);
  add_niah(*eval, std::make_shared<EvalOptions>());
  add_qa(*eval, std::make_shared<EvalOptions>());
  add_eval_nets(*eval);
  const auto options = std::make_shared<EvalOptions>();
  CLI::App* ls = eval->add_subcommand("ls", "List evaluations");
  add_data_option(*ls, options->data);
  ls->callback([options] { run_ls(*options); });
  CLI::App* show = eval->add_subcommand("show", "Show an evaluation");
  show->add_option("id", options->id, "As `eval ls` counts them")->required();
  add_data_option(*show, options->data);
  show->callback([options] { run_show(*options); });
}

}  // namespace widenet::cli
