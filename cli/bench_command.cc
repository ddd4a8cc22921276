// `widenet bench`: how fast the model reads and writes here, beside what the memory allows; and, in
// bench_kernels_command.cc, how fast each kernel is.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include "cli/engine_options.h"
#include "engine/model_config.h"

namespace widenet::cli {
namespace {

struct BenchOptions {
  ModelOptions model;
  int64_t n_tokens = 4096;
  int repeats = 3;
};

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Bytes a second that one thread reads from memory, the best of a few passes over 256 MiB.
double memory_bandwidth() {
  const std::vector<uint64_t> memory(size_t{1} << 25, 1);
  double best = 1e9;
  uint64_t sum = 0;
  for (int pass = 0; pass < 5; ++pass) {
    best = std::min(best, seconds_of([&] {
                      for (const uint64_t word : memory) sum += word;
                    }));
  }
  if (sum == 0) std::printf(" ");  // so that the sum is computed
  return static_cast<double>(memory.size() * sizeof(uint64_t)) / best;
}

std::vector<engine::TokenId> random_tokens(int64_t n, int64_t vocab_size) {
  std::vector<engine::TokenId> tokens;
  uint32_t state = 1;
  for (int64_t i = 0; i < n; ++i) {
    state = state * 1664525u + 1013904223u;
    tokens.push_back(static_cast<engine::TokenId>((state >> 8) % vocab_size));
  }
  return tokens;
}

// Median and extremes over the repeats; a shared machine makes the spread worth printing.
void run_prefill(const BenchOptions& options) {
  const auto engine = engine::Engine::load(engine_options(options.model));
  const auto tokens = random_tokens(options.n_tokens, engine->config().vocab_size);
  std::vector<double> seconds;
  for (int i = 0; i < options.repeats; ++i) {
    const auto session = engine->make_session();
    seconds.push_back(seconds_of([&] { session->sync(tokens); }));
  }
  std::sort(seconds.begin(), seconds.end());
  const auto n_tokens = static_cast<double>(options.n_tokens);
  std::printf("%s, %s: prefill of %lld tokens: %.0f tokens/s (median of %d; %.0f to %.0f)\n",
              engine->name().c_str(), engine->backend_name().c_str(),
              static_cast<long long>(options.n_tokens), n_tokens / seconds[seconds.size() / 2],
              options.repeats, n_tokens / seconds.back(), n_tokens / seconds.front());
}

void run_decode(const BenchOptions& options) {
  const engine::EngineOptions load = engine_options(options.model);
  const auto engine = engine::Engine::load(load);
  auto tokens = random_tokens(options.n_tokens, engine->config().vocab_size);
  const auto session = engine->make_session();
  session->sync(tokens);
  std::vector<double> seconds;
  for (int i = 0; i < 32 * options.repeats; ++i) {
    tokens.push_back(2);
    seconds.push_back(seconds_of([&] { session->sync(tokens); }));
  }
  std::sort(seconds.begin(), seconds.end());

  const double median = seconds[seconds.size() / 2];
  const double bandwidth = memory_bandwidth();
  double n_bytes = 0;
  for (const auto& entry : std::filesystem::directory_iterator(load.model)) {
    if (entry.path().extension() == ".safetensors")
      n_bytes += static_cast<double>(entry.file_size());
  }
  std::printf("%s, %s: decoding after %lld tokens: %.2f ms a token (median of %zu)\n",
              engine->name().c_str(), engine->backend_name().c_str(),
              static_cast<long long>(options.n_tokens), median * 1e3, seconds.size());
  std::printf(
      "one thread reads memory at %.1f GB/s: all %.1f MB of weights once would take %.2f ms\n",
      bandwidth / 1e9, n_bytes / 1e6, n_bytes / bandwidth * 1e3);
}

}  // namespace

void add_bench_command(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("bench", "Measure how fast the model runs here");
  verb->require_subcommand(1);
  const auto options = std::make_shared<BenchOptions>();
  const auto add = [&](const char* name, const char* what, void (*run)(const BenchOptions&)) {
    CLI::App* part = verb->add_subcommand(name, what);
    part->add_option("--tokens", options->n_tokens, "Length of the prompt")
        ->check(CLI::Range(1, 1 << 20))
        ->capture_default_str();
    part->add_option("--repeats", options->repeats, "How often")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
    add_model_options(*part, options->model);
    part->callback([options, run] { run(*options); });
  };
  add("prefill", "Tokens read a second", run_prefill);
  add("decode", "Milliseconds a written token", run_decode);
  add_bench_kernels(*verb);
}

}  // namespace widenet::cli
