// `widenet ingest`: adds files and directories to a collection, with a progress bar.  What an
// interrupted run left undone is done first.
#include <chrono>
#include <cstdio>

#include "cli/support.h"
#include "library/ingest_job.h"
#include "library/record_set.h"

namespace widenet::cli {
namespace {

struct IngestCommandOptions {
  DataOptions data;
  ModelOptions model;
  std::vector<std::filesystem::path> paths;
  std::string collection;
  int64_t n_children = 2;
  std::string mapping;
  std::optional<std::vector<std::string>> readers;
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
               store::JobId job,
               const std::optional<std::vector<std::string>>& readers) {
  Counts counts;
  for (const auto& file : files) {
    try {
      const auto added = library::add_file(store, collection, file, job, readers);
      counts.unchanged += added.outcome == store::AddOutcome::unchanged;
    } catch (const FileError& error) {  // vanished or unreadable: the rest goes on
      std::fprintf(stderr, "widenet: %s\n", error.what());
      ++counts.refused;
    }
  }
  return counts;
}

// A path, or the name of one of the mappings that come with widenet.
std::filesystem::path find_mapping(const std::string& name) {
  namespace fs = std::filesystem;
  if (fs::is_regular_file(name)) return name;
  const std::string file = name + ".toml";
  std::vector<fs::path> places = {fs::path("mappings") / file};
  std::error_code error;
  const auto executable = fs::read_symlink("/proc/self/exe", error);
  if (!error) places.push_back(executable.parent_path() / "mappings" / file);
  for (const fs::path& place : places) {
    if (fs::is_regular_file(place)) return place;
  }
  throw CommandError("cannot find the mapping \"" + name + "\": it is no file, and none of " +
                     "mappings/" + file + " here or beside the executable (see docs/RECORDS.md)");
}

// Exports become records; what else was named stays in `files`.
void add_records(store::Store& store,
                 store::CollectionId collection,
                 const std::string& mapping,
                 std::vector<library::SourceFile>& files,
                 store::JobId job,
                 const std::optional<std::vector<std::string>>& readers) {
  const auto path = find_mapping(mapping);
  const size_t n_all = files.size();
  library::add_record_set(store, collection, path.stem().string(), path, files, job, readers);
  std::printf("%s of records by %s",
              counted(static_cast<int64_t>(n_all - files.size()), "export").c_str(),
              path.string().c_str());
  if (!files.empty()) {
    std::printf("; %s besides", counted(static_cast<int64_t>(files.size()), "file").c_str());
  }
  std::printf("\n");
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
  auto files = library::find_files(options.paths);
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
  if (!options.mapping.empty())
    add_records(*store, collection, options.mapping, files, job.id, options.readers);
  const Counts counts = add_all(*store, collection, files, job.id, options.readers);
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
  verb->add_option(
          "--readers", options->readers,
          "Who may read these documents: NAME,GROUP,... (default: as before, or everybody)")
      ->delimiter(',');
  verb->add_option("--mapping", options->mapping,
                   "What exports of a CRM or ERP hold: a .toml file, or salesforce, hubspot, sap, "
                   "odoo, dynamics");
  verb->add_flag("--warm", options->warms, "Read them ahead of the first question");
  add_data_option(*verb, options->data);
  add_model_options(*verb, options->model);
  add_cache_options(*verb, options->cache);
  verb->callback([options] { run(*options); });
}

}  // namespace widenet::cli
