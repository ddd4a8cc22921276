// `widenet bench prefill` and `bench decode`: how fast the model reads and writes here, where the
// time goes, and what share it is of the least that the machine allows.
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "cli/bench_support.h"
#include "cli/engine_options.h"
#include "engine/model_config.h"
#include "engine/prompt_encoding.h"
#include "engine/scheduler.h"
#include "kernels/bench/profile.h"
#include "kernels/bench/roofs.h"
#include "kernels/thread_pool.h"

namespace widenet::cli {
namespace {

namespace bench = kernels::bench;

struct BenchOptions {
  ModelOptions model;
  std::vector<int64_t> n_tokens = {4096};
  int repeats = 3;
  std::filesystem::path cache;  // of decode: prompts are remembered there, to be read once
  std::string prompt_file;      // of decode: what to answer, with guesses and without
  bool json = false;
};

int64_t peak_rss_bytes() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return int64_t{1024} * usage.ru_maxrss;
}

// One length: seconds of each repeat, and the operations of them all.
struct Measured {
  int64_t n_tokens = 0;  // of the prompt
  int64_t n_timed = 0;   // tokens that one of `seconds` was spent on
  std::vector<double> seconds = {};
  std::vector<bench::OperationProfile> profile = {};
  int64_t state_bytes = 0;
  int64_t peak_rss = 0;

  double median() const { return seconds[seconds.size() / 2]; }
  double n_timed_in_all() const {
    return static_cast<double>(n_timed) * static_cast<double>(seconds.size());
  }
};

Measured measure_prefill(engine::Engine& engine, const BenchOptions& options, int64_t n_tokens) {
  const auto tokens = random_tokens(n_tokens, engine.config().vocab_size);
  Measured measured{.n_tokens = n_tokens, .n_timed = n_tokens};
  bench::take_profile();
  for (int i = 0; i < options.repeats; ++i) {
    const auto session = engine.make_session();
    measured.seconds.push_back(seconds_of([&] { session->sync(tokens); }));
    measured.state_bytes = session->state_bytes();
  }
  measured.profile = bench::take_profile();
  return measured;
}

Measured measure_decode(engine::Engine& engine, const BenchOptions& options, int64_t n_tokens) {
  const auto prompt = random_tokens(n_tokens, engine.config().vocab_size);
  Measured measured{.n_tokens = n_tokens, .n_timed = 1};
  const auto session = engine.make_session(open_cache(engine, {}, options.cache), "");
  session->sync(prompt);
  bench::take_profile();
  const engine::TokenId token = 2;
  for (int i = 0; i < 32 * options.repeats; ++i) {
    measured.seconds.push_back(seconds_of([&] {
      session->extend({&token, 1});
      engine::Session* const one = session.get();
      engine.advance({&one, 1});
      session->keep_extension(1);
    }));
  }
  measured.profile = bench::take_profile();
  measured.state_bytes = session->state_bytes();
  return measured;
}

// The same message answered with guesses of the draft head and without, in turns; seconds are
// medians.
struct GuessingMeasured {
  int64_t n_generated = 0;
  int64_t n_guessed = 0;
  int64_t n_right = 0;
  double seconds_plain = 0.0;
  double seconds_guessing = 0.0;
};

GuessingMeasured measure_guessing(engine::Engine& engine, const std::string& text, int repeats) {
  engine::Scheduler scheduler(engine);
  const engine::Message message{
      .role = engine::Role::user, .content = engine.tokenizer().encode(text), .reasoning = {}};
  engine::GenerationRequest request;
  request.prompt =
      engine::encode_messages(engine.tokenizer(), {&message, 1}, engine::Thinking::none);
  request.max_tokens = 256;
  std::vector<double> seconds[2];
  GuessingMeasured measured;
  for (int i = 0; i < repeats; ++i) {
    for (const bool may_draft : {false, true}) {
      request.may_draft = may_draft;
      const engine::Completion completion = scheduler.generate(request);
      seconds[may_draft ? 1 : 0].push_back(completion.seconds.decode);
      measured.n_generated = completion.usage.completion_tokens;
      measured.n_guessed = completion.usage.guessed_tokens;
      measured.n_right = completion.usage.right_guesses;
    }
  }
  for (auto& each : seconds) std::sort(each.begin(), each.end());
  measured.seconds_plain = seconds[0][seconds[0].size() / 2];
  measured.seconds_guessing = seconds[1][seconds[1].size() / 2];
  return measured;
}

nlohmann::json to_json(const GuessingMeasured& m) {
  return {{"tokens", m.n_generated},
          {"guessed", m.n_guessed},
          {"right", m.n_right},
          {"seconds_plain", m.seconds_plain},
          {"seconds_guessing", m.seconds_guessing},
          {"speed_up", m.seconds_plain / m.seconds_guessing}};
}

void print_guessing(const nlohmann::json& result) {
  std::printf(
      "answering in %lld tokens: %.2f ms a token, with guesses %.2f (%.2f times "
      "as fast); %lld of %lld guesses were right\n",
      result["tokens"].get<long long>(),
      1e3 * result["seconds_plain"].get<double>() / result["tokens"].get<double>(),
      1e3 * result["seconds_guessing"].get<double>() / result["tokens"].get<double>(),
      result["speed_up"].get<double>(), result["right"].get<long long>(),
      result["guessed"].get<long long>());
}

nlohmann::json to_json(const Measured& m, const bench::Roofs& roofs) {
  double at_roof = 0.0;
  int64_t operations = 0;
  nlohmann::json kernels = nlohmann::json::array();
  double in_kernels = 0.0;
  for (const auto& p : m.profile) in_kernels += p.seconds;
  double in_all = 0.0;
  for (const double s : m.seconds) in_all += s;
  for (const auto& p : m.profile) {
    at_roof += p.seconds_at(roofs);
    operations += p.all_operations();
    kernels.push_back(
        {{"kernel", p.operation},
         {"share_of_time", p.seconds / in_all},
         {"operations_per_second", static_cast<double>(p.all_operations()) / p.seconds},
         {"share_of_roof", p.seconds_at(roofs) / p.seconds}});
  }
  kernels.push_back({{"kernel", "(between them)"}, {"share_of_time", 1.0 - in_kernels / in_all}});
  return {{"tokens", m.n_tokens},
          {"seconds", m.median()},
          {"seconds_least", m.seconds.front()},
          {"tokens_per_second", static_cast<double>(m.n_timed) / m.median()},
          {"operations_per_token", static_cast<double>(operations) / m.n_timed_in_all()},
          {"share_of_roof", at_roof / in_all},
          {"bytes_per_token", static_cast<double>(m.state_bytes) / static_cast<double>(m.n_tokens)},
          {"peak_rss_bytes", m.peak_rss},
          {"kernels", kernels}};
}

void print_table(const nlohmann::json& result, bool is_decode) {
  if (is_decode) {
    std::printf("after %lld tokens: %.2f ms a token (at best %.2f)",
                result["tokens"].get<long long>(), 1e3 * result["seconds"].get<double>(),
                1e3 * result["seconds_least"].get<double>());
  } else {
    std::printf("%lld tokens in %.2f s: %.0f tokens/s (at best %.2f s)",
                result["tokens"].get<long long>(), result["seconds"].get<double>(),
                result["tokens_per_second"].get<double>(), result["seconds_least"].get<double>());
  }
  std::printf(", %.0f%% of the roofs\n", 1e2 * result["share_of_roof"].get<double>());
  std::printf(
      "  %.1f million operations a token; %.0f bytes kept a token; %.0f MB of memory at most\n",
      1e-6 * result["operations_per_token"].get<double>(), result["bytes_per_token"].get<double>(),
      1e-6 * result["peak_rss_bytes"].get<double>());
  for (const auto& kernel : result["kernels"]) {
    std::printf("  %-22s %5.1f%% of the time", kernel["kernel"].get<std::string>().c_str(),
                1e2 * kernel["share_of_time"].get<double>());
    if (kernel.value("operations_per_second", 0.0) > 0.0) {
      std::printf("  %7.1f GOP/s  %3.0f%% of its roof",
                  1e-9 * kernel["operations_per_second"].get<double>(),
                  1e2 * kernel["share_of_roof"].get<double>());
    }
    std::printf("\n");
  }
}

void run(const BenchOptions& options, bool is_decode) {
  engine::EngineOptions load = engine_options(options.model);
  const kernels::Backend* inner =
      load.backend.empty() ? &kernels::default_backend() : kernels::find_backend(load.backend);
  const kernels::Backend backend =
      bench::profiled(inner != nullptr ? *inner : kernels::default_backend());
  if (inner != nullptr) load.operations = &backend;  // else load() says what there is
  const auto engine = engine::Engine::load(load);

  std::vector<Measured> all;
  for (const int64_t n_tokens : options.n_tokens) {
    all.push_back((is_decode ? measure_decode : measure_prefill)(*engine, options, n_tokens));
    std::sort(all.back().seconds.begin(), all.back().seconds.end());
    all.back().peak_rss = peak_rss_bytes();  // before the roofs take their memory
  }

  std::optional<GuessingMeasured> guessing;
  if (!options.prompt_file.empty()) {
    guessing = measure_guessing(*engine, read_file(options.prompt_file), options.repeats);
  }

  kernels::ThreadPool pool(engine->n_threads());
  kernels::Stream stream;
  stream.pool = &pool;
  const bench::Roofs roofs = bench::measure_roofs(stream, bench::roof_loops());
  nlohmann::json report = {{"model", engine->name()},
                           {"backend", engine->backend_name()},
                           {"threads", engine->n_threads()},
                           {"cpu_share", roofs.cpu_share},
                           {"lengths", nlohmann::json::array()}};
  for (const Measured& measured : all) report["lengths"].push_back(to_json(measured, roofs));
  if (guessing.has_value()) report["guessing"] = to_json(*guessing);
  if (options.json) {
    std::printf("%s\n", report.dump(2).c_str());
    return;
  }
  std::printf("%s, %s, %d threads%s\n", engine->name().c_str(), engine->backend_name().c_str(),
              engine->n_threads(), roofs.cpu_share < 0.9 ? " (disturbed by other processes)" : "");
  for (const auto& result : report["lengths"]) print_table(result, is_decode);
  if (report.contains("guessing")) print_guessing(report["guessing"]);
}

}  // namespace

void add_bench_command(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("bench", "Measure how fast the model runs here");
  verb->require_subcommand(1);
  const auto options = std::make_shared<BenchOptions>();
  const auto add = [&](const char* name, const char* what, bool is_decode) {
    CLI::App* part = verb->add_subcommand(name, what);
    part->add_option("--tokens", options->n_tokens, "Lengths of the prompt")
        ->delimiter(',')
        ->check(CLI::Range(1, 1 << 20))
        ->capture_default_str();
    part->add_option("--repeats", options->repeats, "How often")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
    if (is_decode) {
      part->add_option("--prompt-file", options->prompt_file,
                       "A message to answer, with guesses of the draft head and without");
      part->add_option("--cache", options->cache,
                       "Directory where prompts are remembered (default: they are not)");
    }
    part->add_flag("--json", options->json, "Print JSON instead of a table");
    add_model_options(*part, options->model);
    part->callback([options, is_decode] { run(*options, is_decode); });
  };
  add("prefill", "Tokens read a second", false);
  add("decode", "Milliseconds a written token", true);
  add_bench_cache(*verb);
  add_bench_capacity(*verb);
  add_bench_flash(*verb);
  add_bench_kernels(*verb);
}

}  // namespace widenet::cli
