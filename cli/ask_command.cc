// `widenet ask` and `widenet plan`: one question, answered with citations, or only planned.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/engine_options.h"
#include "cli/support.h"
#include "library/ingest_job.h"

namespace widenet::cli {
namespace {

struct AskCommandOptions {
  DataOptions data;
  ModelOptions model;
  CacheOptions cache;
  std::string question;
  std::string collection;
  std::vector<std::string> names;  // of the reader; none: the operator
  std::string mode = "auto";
  engine::Thinking thinking = engine::Thinking::none;
  int64_t budget_tokens = 0;
  int64_t max_tokens = 512;
  double temperature = 0;
  bool explain = false;
  bool json = false;
};

answer::AskRequest make_request(const store::Store& store, const AskCommandOptions& options) {
  answer::AskRequest request;
  request.collections = find_scope(store, options.collection);
  request.question = options.question;
  request.reader = reader_named(options.names);
  request.mode = answer::mode_named(options.mode).value_or(answer::Mode::automatic);
  request.thinking = options.thinking;
  request.budget_tokens = options.budget_tokens;
  request.max_tokens = options.max_tokens;
  request.sampling.temperature = options.temperature;
  return request;
}

// Documents that were prepared for another model are prepared for this one, once.
void prepare_documents(store::Store& store,
                       const std::vector<store::CollectionId>& scope,
                       const library::TextModel& text) {
  for (const auto collection : scope) library::refresh_tokens(store, collection, text);
}

void print_range(const answer::ContextRange& range) {
  std::printf("  D%lld %s", static_cast<long long>(range.document), range.title.c_str());
  if (range.page) std::printf(", page %d", *range.page);
  std::printf(", characters %lld-%lld", static_cast<long long>(range.start_char),
              static_cast<long long>(range.end_char));
  if (range.score > 0) std::printf(", score %.4f", range.score);
  std::printf("%s\n", range.is_late ? ", late" : "");
}

void print_citations(const answer::AskResult& result) {
  int number = 0;
  for (const auto& citation : result.citations) {
    std::printf("\n[%d] D%lld %s", ++number, static_cast<long long>(citation.document),
                citation.title.c_str());
    if (citation.page) std::printf(", page %d", *citation.page);
    std::printf(", characters %lld-%lld%s\n    \"%s\"\n",
                static_cast<long long>(citation.start_char),
                static_cast<long long>(citation.end_char),
                citation.derived ? " (where the answer stands)" : "", citation.quote.c_str());
  }
  if (result.citations.empty() && !result.is_refusal && !result.table) {
    std::printf("\nNothing in the documents read supports this answer.\n");
  }
}

void print_table(const answer::TableAnswer& table) {
  std::printf("\nFrom %s: %s.\n    %s\n", counted(table.n_rows, "row").c_str(),
              table.read_as.c_str(), table.sql.c_str());
  for (const auto& link : table.links) {
    std::printf("  D%lld %s, row %s: %s%s%s\n", static_cast<long long>(link.document),
                link.table.c_str(), grouped(link.row).c_str(), link.title.c_str(),
                link.value.empty() ? "" : ": ", link.value.c_str());
  }
  if (table.n_rows > std::ssize(table.links)) {
    std::printf("  and %s more\n", grouped(table.n_rows - std::ssize(table.links)).c_str());
  }
}

void print_summary(const answer::AskResult& result, bool explain) {
  const auto& usage = result.usage;
  std::printf(
      "\n%s: read %s of %s, %s tokens (%s from memory, %s from disk), wrote %s; %.1f s\n",
      std::string(answer::name_of(result.mode)).c_str(), grouped(result.documents_read).c_str(),
      counted(result.documents_in_scope, "document").c_str(), grouped(usage.prompt_tokens).c_str(),
      grouped(usage.cached_tokens - usage.disk_tokens).c_str(), grouped(usage.disk_tokens).c_str(),
      grouped(usage.completion_tokens).c_str(), result.seconds.total);
  if (result.finish_reason == engine::FinishReason::length) {
    std::printf("The answer was cut off (see --max-tokens).\n");
  }
  if (!explain) return;
  std::printf("\nMode %s: %s.\n", std::string(answer::name_of(result.mode)).c_str(),
              result.why.c_str());
  std::printf("Seconds: retrieve %.2f, queue %.2f, prefill %.2f, decode %.2f.\n",
              result.seconds.retrieve, result.seconds.queue, result.seconds.prefill,
              result.seconds.decode);
  std::printf("Read:\n");
  for (const auto& range : result.context) print_range(range);
  for (const auto& quote : result.unverified) {
    std::printf("Quoted by the model and found nowhere: \"%s\"\n", quote.c_str());
  }
}

// While the model reads: one line on a terminal, written over.
answer::AskEvents make_events(bool streams) {
  answer::AskEvents events;
  if (stderr_is_terminal()) {
    events.on_prefill = [](int64_t done, int64_t total, double seconds_left) {
      std::fprintf(stderr, "\r\033[Kreading %s of %s tokens, %.0f s left", grouped(done).c_str(),
                   grouped(total).c_str(), seconds_left);
      if (done >= total) std::fprintf(stderr, "\r\033[K");
    };
  }
  if (streams) {
    events.on_text = [](std::string_view text) {
      std::fwrite(text.data(), 1, text.size(), stdout);
      std::fflush(stdout);
    };
  }
  return events;
}

void run_ask(const AskCommandOptions& options) {
  const auto store = open_store(options.data);
  const auto request = make_request(*store, options);
  const AnsweringModel model(*store, options.model, options.cache);
  prepare_documents(*store, request.collections, *model.text);
  const auto result = model.asker->ask(request, make_events(!options.json));
  if (options.json) {
    std::printf("%s\n", answer::to_json(result).dump(2).c_str());
    return;
  }
  std::printf("\n");
  if (result.table) print_table(*result.table);
  print_citations(result);
  print_summary(result, options.explain);
}

void run_plan(const AskCommandOptions& options) {
  const auto store = open_store(options.data);
  const auto request = make_request(*store, options);
  const AnsweringModel model(*store, options.model, options.cache);
  prepare_documents(*store, request.collections, *model.text);
  const auto plan = model.asker->plan(request);
  if (options.json) {
    std::printf("%s\n", answer::to_json(plan).dump(2).c_str());
    return;
  }
  std::printf("%s: %s.\n%s tokens to read (%s known) of %s in %s; about %.1f s.\n",
              std::string(answer::name_of(plan.mode)).c_str(), plan.why.c_str(),
              grouped(plan.prompt_tokens).c_str(), grouped(plan.cached_tokens).c_str(),
              grouped(plan.tokens_in_scope).c_str(),
              counted(plan.documents_in_scope, "document").c_str(), plan.predicted_seconds);
}

std::shared_ptr<AskCommandOptions> add_shared_options(CLI::App& verb) {
  const auto options = std::make_shared<AskCommandOptions>();
  verb.add_option("question", options->question, "The question")->required();
  verb.add_option("--collection", options->collection, "Where to look (default: everywhere)");
  add_reader_option(verb, options->names);
  verb.add_option("--mode", options->mode, "auto, rag, hybrid, long or sql")
      ->check(CLI::IsMember({"auto", "rag", "hybrid", "long", "sql"}))
      ->capture_default_str();
  add_think_option(verb, options->thinking);
  verb.add_option("--budget", options->budget_tokens, "Tokens of documents (default: the mode's)")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 24));
  verb.add_option("--max-tokens", options->max_tokens, "Tokens of the answer at most")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  verb.add_flag("--json", options->json, "Print JSON");
  add_data_option(verb, options->data);
  add_model_options(verb, options->model);
  add_cache_options(verb, options->cache);
  return options;
}

}  // namespace

void add_ask_command(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("ask", "Answer a question from the documents");
  const auto options = add_shared_options(*verb);
  verb->add_option("--temperature", options->temperature, "0 takes the likeliest token each time")
      ->check(CLI::Range(0.0, 10.0));
  verb->add_flag("--explain", options->explain, "Also say what was read, and why");
  verb->callback([options] { run_ask(*options); });
}

void add_plan_command(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("plan", "Say what asking would read and take");
  const auto options = add_shared_options(*verb);
  verb->callback([options] { run_plan(*options); });
}

}  // namespace widenet::cli
