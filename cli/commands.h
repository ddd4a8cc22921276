// The verbs: each registers its options on the application and runs when it was named.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

namespace widenet::cli {

// Runs `app`, turning what it throws into the exit codes and the one line on stderr that every
// verb shares: 0 success, 1 failure, 2 wrong usage.  The line reads
// "widenet: what was attempted, on what, why it failed, what to do".
int run_main(CLI::App& app, int argc, char** argv);

// A verb was asked for what makes no sense (exit code 2).
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A verb could not do what it was asked (exit code 1).
class CommandError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Where the documents are: --data.
struct DataOptions {
  std::filesystem::path data = "widenet-data";
};

// Which model, and how it runs: --model, --backend, --threads, --numerics.
struct ModelOptions {
  std::filesystem::path model;  // as given; empty: wherever find_model looks
  std::string backend;          // empty: the best this machine has
  int threads = 0;              // 0: as many as the machine has cores
  std::string numerics = "native";
};

// What may be kept of what was read: --cache-ram, --cache-disk.
struct CacheOptions {
  int64_t ram_bytes = int64_t{2} << 30;
  int64_t disk_bytes = int64_t{16} << 30;  // 0: nothing
};

// Register the options above on one verb; the struct must outlive the application's parse.
void add_data_option(CLI::App& verb, DataOptions& options);
void add_model_options(CLI::App& verb, ModelOptions& options);
void add_cache_options(CLI::App& verb, CacheOptions& options);

// models/nano in the working directory, then models/nano beside the executable.
std::vector<std::filesystem::path> model_places();

// The directory of the model: as given, else the first of model_places() that holds one.  Throws
// CommandError, naming the places, when there is no config.json.
std::filesystem::path find_model(const ModelOptions& options);

// Each verb is registered by its own file, X_command.cc: first those of both programs, then those
// of widenet alone.
void add_bench_command(CLI::App& app);
void add_cache_command(CLI::App& app);
void add_cost_command(CLI::App& app);
void add_bench_cache(CLI::App& bench);     // a verb of `bench`
void add_bench_capacity(CLI::App& bench);  // likewise
void add_bench_flash(CLI::App& bench);     // likewise
void add_bench_kernels(CLI::App& bench);   // likewise
void add_generate_command(CLI::App& app);
void add_logits_command(CLI::App& app);
void add_tokenize_command(CLI::App& app);

void add_ask_command(CLI::App& app);
void add_backup_commands(CLI::App& app);
void add_cache_warm(CLI::App& cache);  // a verb of `cache`
void add_doctor_command(CLI::App& app);
void add_eval_command(CLI::App& app);
void add_eval_nets(CLI::App& eval);      // a verb of `eval`
void add_bench_search(CLI::App& bench);  // a verb of `bench`
void add_extract_command(CLI::App& app);
void add_ingest_command(CLI::App& app);
void add_ls_command(CLI::App& app);
void add_plan_command(CLI::App& app);
void add_rm_command(CLI::App& app);
void add_search_command(CLI::App& app);
void add_serve_command(CLI::App& app);
void add_sql_command(CLI::App& app);

}  // namespace widenet::cli
