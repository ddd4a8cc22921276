// `widenet ingest`: adds files and directories to a collection, with a progress bar.  What an
// interrupted run left undone is done first.
#include <chrono>
#include <cstdio>

#include "cli/support.h"
#include "library/ingest_job.h"

namespace widenet::cli {
namespace {

struct IngestCommandOptions {
  DataOptions data;
  ModelOptions model;
  std::vector<std::filesystem::path> paths;
  std::string collection;
  int64_t n_children = 2;
  bool warms = false;
  CacheOptions cache;
};

struct Counts {
  int64_t unchanged = 0;
  int64_t refused = 0;
};

Counts add_all(store::Store& store,
               store::CollectionId collection,
               const std::vector<library::SourceFile>& files,
               store::JobId job) {
  Counts counts;
  for (const auto& file : files) {
    try {
      const auto added = library::add_file(store, collection, file, job);
      counts.unchanged += added.outcome == store::AddOutcome::unchanged;
    } catch (const FileError& error) {  // vanished or unreadable: the rest goes on
      std::fprintf(stderr, "widenet: %s\n", error.what());
      ++counts.refused;
    }
  }
  return counts;
}

library::IngestSummary work(store::Store& store,
                            const library::TextModel& model,
                            store::JobId job,
                            const IngestCommandOptions& options) {
  ProgressBar bar;
  library::IngestOptions ingest;
  ingest.n_children = options.n_children;
  ingest.on_progress = [&](const library::IngestProgress& progress) {
    const auto& document = progress.document;
    if (document.state == store::DocumentState::failed) {
      bar.clear();
      std::fprintf(stderr, "widenet: cannot ingest \"%s\": %s\n", document.key.c_str(),
                   document.error.c_str());
    }
    const int64_t finished = progress.done + progress.failed;
    bar.show(finished, finished + progress.pending, document.key);
  };
  const auto summary = library::run_ingest_job(store, model, job, ingest);
  bar.clear();
  return summary;
}

void run(const IngestCommandOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  const auto files = library::find_files(options.paths);
  const auto model = find_text_model(options.model);
  if (!model) {
    throw CommandError(
        "cannot ingest: no tokenizer.json in models/nano here or beside the "
        "executable (give --model DIR)");
  }
  const auto store = store::Store::open(options.data.data);
  const auto collection = store->find_or_create_collection(options.collection);
  store::Job job;
  job.kind = "ingest";
  job.collection = collection;
  job.total = static_cast<int64_t>(files.size());
  job.id = store->create_job(job);
  const Counts counts = add_all(*store, collection, files, job.id);
  const auto summary = work(*store, *model, job.id, options);
  store->save_vectors();

  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::printf("%s ready, %s unchanged, %s failed in %.1f s\n",
              counted(summary.done, "document").c_str(), grouped(counts.unchanged).c_str(),
              grouped(summary.failed + counts.refused).c_str(), seconds);
  if (options.warms) {
    AnsweringModel answering(*store, options.model, options.cache);
    warm_collection(answering, *store->collection(collection));
  }
  if (summary.failed + counts.refused > 0) throw CLI::RuntimeError(1);
}

}  // namespace

void add_ingest_command(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("ingest", "Add files and directories to a collection");
  const auto options = std::make_shared<IngestCommandOptions>();
  verb->add_option("paths", options->paths, "Files, or directories with all they hold")->required();
  verb->add_option("--collection", options->collection, "Where to; made if need be")->required();
  verb->add_option("--children", options->n_children, "Documents worked on at once")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  verb->add_flag("--warm", options->warms, "Read them ahead of the first question");
  add_data_option(*verb, options->data);
  add_model_options(*verb, options->model);
  add_cache_options(*verb, options->cache);
  verb->callback([options] { run(*options); });
}

}  // namespace widenet::cli
