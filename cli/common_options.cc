// The options that verbs share, and where the shipped model is looked for.
#include <string>
#include <system_error>
#include <vector>

#include "cli/commands.h"

namespace widenet::cli {
namespace {

bool holds_model(const std::filesystem::path& directory) {
  std::error_code error;
  return std::filesystem::is_regular_file(directory / "config.json", error);
}

}  // namespace

void add_data_option(CLI::App& verb, DataOptions& options) {
  verb.add_option("--data", options.data, "The directory that holds the documents")
      ->capture_default_str();
}

void add_model_options(CLI::App& verb, ModelOptions& options) {
  verb.add_option("--model", options.model,
                  "The model's directory (default: models/nano here, then beside the executable)");
  verb.add_option("--backend", options.backend, "Kernels to run on (default: the best there is)")
      ->check(CLI::IsMember({"reference", "avx2", "avx512", "cuda"}));
  verb.add_option("--threads", options.threads, "Threads (default: one a core)")
      ->check(CLI::Range(0, 1024));
  verb.add_option("--numerics", options.numerics, "native or exact")
      ->check(CLI::IsMember({"native", "exact"}))
      ->capture_default_str();
}

void add_cache_options(CLI::App& verb, CacheOptions& options) {
  verb.add_option("--cache-ram", options.ram_bytes, "Memory for what has been read, e.g. 2G")
      ->transform(CLI::AsSizeValue(/*kb_is_1000=*/false))
      ->default_str("2G");
  verb.add_option("--cache-disk", options.disk_bytes,
                  "Disk for what has been read, e.g. 16G; 0: none")
      ->transform(CLI::AsSizeValue(/*kb_is_1000=*/false))
      ->default_str("16G");
}

std::vector<std::filesystem::path> model_places() {
  std::vector<std::filesystem::path> places = {std::filesystem::path("models") / "nano"};
  std::error_code error;
  const auto executable = std::filesystem::read_symlink("/proc/self/exe", error);
  if (!error) places.push_back(executable.parent_path() / "models" / "nano");
  return places;
}

std::filesystem::path find_model(const ModelOptions& options) {
  const auto places =
      options.model.empty() ? model_places() : std::vector<std::filesystem::path>{options.model};
  std::string looked;
  for (const auto& place : places) {
    if (holds_model(place)) return place;
    looked += (looked.empty() ? "\"" : ", \"") + place.string() + "\"";
  }
  throw CommandError("cannot open a model: no config.json in " + looked +
                     " (give --model DIR, the directory of a DeepSeek-V4 checkpoint)");
}

}  // namespace widenet::cli
