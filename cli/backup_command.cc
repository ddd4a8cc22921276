// `widenet backup` and `widenet restore`: a data directory's documents, copied whole and put back.
#include <chrono>
#include <cstdio>

#include "cli/support.h"
#include "store/backup.h"

namespace widenet::cli {
namespace {

struct BackupOptions {
  DataOptions data;
  std::filesystem::path backup;
};

void print(const store::BackupSummary& summary,
           const char* what,
           std::chrono::steady_clock::time_point start) {
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::printf("%s %s, %s of original bytes, %.1f MB in %.1f s.\n", what,
              counted(summary.n_documents, "document").c_str(),
              counted(summary.n_originals, "file").c_str(),
              static_cast<double>(summary.bytes) / 1e6, seconds);
}

void run_backup(const BackupOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  print(store::back_up(options.data.data, options.backup), "Backed up", start);
}

void run_restore(const BackupOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  const auto summary = store::restore(options.backup, options.data.data);
  store::Store::open(options.data.data);  // migrates, and finishes deletions
  print(summary, "Restored", start);
}

}  // namespace

void add_backup_commands(CLI::App& app) {
  const auto add = [&](const char* name, const char* what, const char* path,
                       void (*run)(const BackupOptions&)) {
    CLI::App* verb = app.add_subcommand(name, what);
    const auto options = std::make_shared<BackupOptions>();
    verb->add_option("directory", options->backup, path)->required();
    add_data_option(*verb, options->data);
    verb->callback([options, run] { run(*options); });
  };
  add("backup", "Copy all documents, also while others write", "Where to; not there yet",
      run_backup);
  add("restore", "Put a backup back into a new data directory", "What `widenet backup` wrote",
      run_restore);
}

}  // namespace widenet::cli
