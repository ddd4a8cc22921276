// `widenet bench kernels`: every operation of a backend beside what this machine could do.
#include <cstdio>
#include <memory>
#include <thread>
#include <vector>

#include "cli/commands.h"
#include "kernels/bench/cases.h"
#include "kernels/bench/last_level_cache.h"
#include "kernels/bench/measure.h"
#include "kernels/bench/report.h"
#include "kernels/bench/roofs.h"
#include "kernels/thread_pool.h"

namespace widenet::cli {
namespace {

namespace bench = kernels::bench;

struct BenchKernelsOptions {
  std::string backend;       // empty: the best there is
  std::vector<int> threads;  // empty: 1 and one a core
  std::string filter;
  double milliseconds = 200;
  bool json = false;
};

const kernels::Backend& find_backend(const std::string& name) {
  if (name.empty()) return kernels::default_backend();
  const kernels::Backend* backend = kernels::find_backend(name);
  if (backend != nullptr) return *backend;
  throw CommandError("cannot measure the backend \"" + name +
                     "\": this processor lacks its instructions (leave --backend out for the best "
                     "that it has)");
}

std::vector<int> thread_counts(const BenchKernelsOptions& options) {
  if (!options.threads.empty()) return options.threads;
  const auto n_cores = static_cast<int>(std::thread::hardware_concurrency());
  return n_cores > 1 ? std::vector<int>{1, n_cores} : std::vector<int>{1};
}

// The cases whose name or shape contains the filter.
std::vector<bench::Case> select_cases(const std::string& filter) {
  std::vector<bench::Case> cases;
  for (const bench::ModelShape& model : {bench::kNano, bench::kFlash}) {
    for (bench::Case& c : bench::make_cases(model)) {
      if ((c.name() + " " + c.shape).find(filter) != std::string::npos) {
        cases.push_back(std::move(c));
      }
    }
  }
  if (cases.empty()) {
    throw UsageError("cannot measure anything: no kernel's name or shape contains \"" + filter +
                     "\" (leave --filter out to see them all)");
  }
  return cases;
}

void run(const BenchKernelsOptions& options) {
  const kernels::Backend& backend = find_backend(options.backend);
  const std::vector<bench::Case> cases = select_cases(options.filter);
  const bench::RoofLoops& loops = bench::roof_loops();
  const bench::MeasureOptions measure{.seconds = options.milliseconds * 1e-3,
                                      .cold_bytes = 4 * bench::last_level_cache_bytes()};
  const auto print = [&](const std::string& text) {
    if (options.json) return;
    std::fputs(text.c_str(), stdout);
    std::fflush(stdout);  // the next row takes a while
  };

  const std::vector<int> counts = thread_counts(options);
  std::vector<std::vector<bench::Result>> results(counts.size());
  std::vector<bench::ThreadsReport> runs;
  for (size_t i = 0; i < counts.size(); ++i) {
    kernels::ThreadPool pool(counts[i]);
    kernels::Stream stream;
    stream.pool = &pool;
    const bench::Roofs roofs = bench::measure_roofs(stream, loops);
    print(std::string(i == 0 ? "" : "\n") + "backend " + backend.name + ", " +
          bench::format_roofs(roofs, loops) + bench::format_table_head());
    for (const bench::Case& c : cases) {
      results[i].push_back(bench::measure(c, backend, stream, roofs, measure));
      print(bench::format_table_row(c, results[i].back()));
    }
    runs.push_back({roofs, cases, results[i]});
  }
  if (options.json) std::fputs(bench::format_json(backend.name, loops, runs).c_str(), stdout);
}

}  // namespace

void add_bench_kernels(CLI::App& bench_verb) {
  CLI::App* part = bench_verb.add_subcommand(
      "kernels", "Each operation's speed, and its share of what the machine can do");
  const auto options = std::make_shared<BenchKernelsOptions>();
  part->add_option("--backend", options->backend, "Kernels to run (default: the best there is)")
      ->check(CLI::IsMember({"reference", "avx2", "avx512"}));
  part->add_option("--threads", options->threads, "Numbers of threads (default: 1, and one a core)")
      ->delimiter(',')
      ->check(CLI::Range(1, 1024));
  part->add_option("--filter", options->filter, "Only kernels whose name or shape contains this");
  part->add_option("--milliseconds", options->milliseconds, "To spend on each measurement")
      ->check(CLI::Range(1, 60000))
      ->capture_default_str();
  part->add_flag("--json", options->json, "Print JSON instead of a table");
  part->callback([options] { run(*options); });
}

}  // namespace widenet::cli
