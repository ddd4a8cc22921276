// `widenet cache`: what is remembered on disk of what was read.
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/commands.h"
#include "engine/block_keys.h"
#include "engine/cache_files.h"

namespace widenet::cli {
namespace {

struct CacheCommandOptions {
  DataOptions data;
  std::filesystem::path directory;  // empty: `cache` in the data directory
  bool json = false;
};

// Opening sweeps what a crash has left.
struct OpenCache {
  explicit OpenCache(const CacheCommandOptions& options) : disk(engine::make_posix_disk()) {
    const auto directory =
        options.directory.empty() ? options.data.data / "cache" : options.directory;
    std::error_code error;
    if (!std::filesystem::is_directory(directory, error)) {
      throw CommandError("cannot open the cache in \"" + directory.string() +
                         "\": there is no such directory (it is made by the first question; --data "
                         "or --cache names another)");
    }
    auto opened = engine::CacheFiles::open(*disk, directory, INT64_MAX);
    if (!opened) throw CommandError(opened.error());
    files = *std::move(opened);
    if (!files->thrown_away().empty()) {
      std::fprintf(stderr, "widenet: %s\n", files->thrown_away().c_str());
    }
  }

  std::unique_ptr<engine::CacheDisk> disk;
  std::unique_ptr<engine::CacheFiles> files;
};

double hours_since(int64_t unix_ms) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const double ms = std::chrono::duration<double, std::milli>(now).count();
  return (ms - static_cast<double>(unix_ms)) / 3.6e6;
}

nlohmann::json to_json(const engine::CacheFile& file) {
  const int64_t first = file.first_block * engine::kBlockTokens;
  const int64_t end = first + static_cast<int64_t>(file.keys.size()) * engine::kBlockTokens;
  return {{"id", file.id},
          {"parent", file.parent},
          {"first_token", first},
          {"end_token", file.point ? file.point->n_tokens : end},
          {"rows_of_tokens", end - first},
          {"is_resume_point", file.point.has_value()},
          {"has_logits", file.point.has_value() && file.point->has_logits},
          {"bytes", file.bytes},
          {"seconds_spared", file.seconds},
          {"hits", file.n_hits},
          {"last_used_hours_ago", hours_since(file.last_used_ms)}};
}

void list(const CacheCommandOptions& options) {
  const OpenCache cache(options);
  nlohmann::json all = nlohmann::json::array();
  cache.files->for_each([&](const engine::CacheFile& file) { all.push_back(to_json(file)); });
  const engine::CacheStatistics statistics = cache.files->statistics();
  if (options.json) {
    std::printf(
        "%s\n",
        nlohmann::json{{"files", all}, {"n_files", statistics.n_files}, {"bytes", statistics.bytes}}
            .dump(2)
            .c_str());
    return;
  }
  for (const auto& file : all) {
    std::printf("%6lld after %6lld  tokens %8lld-%-8lld %8.2f MB  %5lld hits  %6.1f h ago%s\n",
                file["id"].get<long long>(), file["parent"].get<long long>(),
                file["first_token"].get<long long>(), file["end_token"].get<long long>(),
                1e-6 * file["bytes"].get<double>(), file["hits"].get<long long>(),
                file["last_used_hours_ago"].get<double>(),
                file["is_resume_point"].get<bool>() ? "" : "  (rows alone)");
  }
  std::printf("%lld files, %.1f MB\n", static_cast<long long>(statistics.n_files),
              1e-6 * static_cast<double>(statistics.bytes));
}

void verify(const CacheCommandOptions& options) {
  const OpenCache cache(options);
  const auto verified = cache.files->verify();
  if (options.json) {
    std::printf("%s\n", nlohmann::json{{"files", verified.n_files},
                                       {"bytes", verified.bytes},
                                       {"damaged", verified.n_damaged},
                                       {"removed", verified.removed}}
                            .dump(2)
                            .c_str());
  } else {
    std::printf("%lld files read, %.1f MB; %lld damaged, %zu removed with what went on from them\n",
                static_cast<long long>(verified.n_files),
                1e-6 * static_cast<double>(verified.bytes),
                static_cast<long long>(verified.n_damaged), verified.removed.size());
  }
}

void collect_garbage(const CacheCommandOptions& options) {
  const OpenCache cache(options);
  const int64_t n_removed = cache.files->statistics().n_swept + cache.files->collect_garbage();
  if (options.json) {
    std::printf("%s\n", nlohmann::json{{"removed", n_removed}}.dump(2).c_str());
  } else {
    std::printf("%lld files that nothing names, or names without a file, removed\n",
                static_cast<long long>(n_removed));
  }
}

}  // namespace

void add_cache_command(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("cache", "What is remembered on disk of what was read");
  verb->require_subcommand(1);
  const auto options = std::make_shared<CacheCommandOptions>();
  const auto add = [&](const char* name, const char* what,
                       void (*run)(const CacheCommandOptions&)) {
    CLI::App* part = verb->add_subcommand(name, what);
    add_data_option(*part, options->data);
    part->add_option("--cache", options->directory, "The cache's directory (default: in --data)");
    part->add_flag("--json", options->json, "Print JSON");
    part->callback([options, run] { run(*options); });
  };
  add("ls", "List its files", list);
  add("verify", "Read every file and check every checksum; damaged ones are removed", verify);
  add("gc", "Remove what nothing names", collect_garbage);
}

}  // namespace widenet::cli
