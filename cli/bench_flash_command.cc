// `widenet bench flash`: how fast V4-Flash would be here.  One layer of each kind, of real sizes
// and random weights, is run and timed; the whole model is their sum.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "cli/bench_support.h"
#include "cli/commands.h"
#include "engine/inventory.h"
#include "engine/model.h"
#include "engine/published_models.h"
#include "engine/weights.h"
#include "kernels/bench/roofs.h"
#include "kernels/thread_pool.h"

namespace widenet::cli {
namespace {

namespace bench = kernels::bench;

struct FlashOptions {
  int threads = 0;
  int64_t prompt = 1024;
  int steps = 8;
  bool json = false;
};

// Layers of the whole model like one that is timed here.
struct LayerKind {
  const char* name;
  int64_t ratio;
};
constexpr std::array<LayerKind, 3> kKinds = {{{"window", 0}, {"csa", 4}, {"hca", 128}}};
constexpr int64_t kChunk = 256;

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Bytes of a layer's weights that one token reads: all but the experts it is not sent to.
double bytes_for_a_token(const engine::Checkpoint& checkpoint,
                         const engine::ModelConfig& config,
                         const std::string& prefix) {
  double experts = 0.0;
  double rest = 0.0;
  for (const auto& [name, tensor] : checkpoint.tensors()) {
    if (!name.starts_with(prefix)) continue;
    const bool is_expert = name.find(".experts.") != std::string::npos;
    (is_expert ? experts : rest) += static_cast<double>(tensor.bytes.size());
  }
  return rest + experts * static_cast<double>(config.n_experts_per_token) /
                    static_cast<double>(config.n_experts);
}

class ByteCounter final : public engine::TensorVisitor {
 public:
  engine::DType dtype_of(const std::string&, engine::DType published) override { return published; }
  void visit(const std::string&,
             engine::DType dtype,
             std::initializer_list<int64_t> shape) override {
    int64_t n = engine::bytes_per_element(dtype);
    for (const int64_t extent : shape) n *= extent;
    total += n;
  }

  int64_t total = 0;
};

// Bytes that may be asked for without pushing others out; all there could ever be if unknown.
int64_t available_memory() {
  std::ifstream meminfo("/proc/meminfo");
  for (std::string line; std::getline(meminfo, line);) {
    if (line.starts_with("MemAvailable:")) return 1024 * std::stoll(line.substr(13));
  }
  return INT64_MAX;
}

// Better a word now than the kernel's killer later.
void check_memory(const engine::ModelConfig& config) {
  ByteCounter counter;
  engine::visit_inventory(config, counter);
  constexpr int64_t kActivations = int64_t{1} << 30;
  if (available_memory() >= counter.total + kActivations) return;
  throw CommandError("cannot measure V4-Flash: a layer of each kind takes " +
                     std::to_string((counter.total + kActivations) / 1'000'000'000) +
                     " GB of memory, and " + std::to_string(available_memory() / 1'000'000'000) +
                     " GB are free; stop other programs or take a larger machine");
}

// A model of one layer, which shares the weights of all.
struct OneLayer {
  OneLayer(const engine::ModelConfig& whole,
           const engine::ModelWeights& all,
           size_t layer,
           kernels::ThreadPool& pool)
      : config(whole), weights(all), model(nullptr) {
    config.n_layers = 1;
    config.compress_ratios = {whole.compress_ratios[layer]};
    weights.layers = {all.layers[layer]};
    model = std::make_unique<engine::Model>(
        config, weights,
        engine::ModelOptions{engine::Numerics::native, &kernels::default_backend(), &pool});
    state.emplace(engine::make_kv_state(config, model->layouts()));
  }

  double run(std::span<const engine::TokenId> tokens, engine::Model::Logits wanted) {
    const engine::Model::Step step{.tokens = tokens, .state = &*state, .wanted = wanted};
    return seconds_of([&] { model->forward({&step, 1}); });
  }

  engine::ModelConfig config;
  engine::ModelWeights weights;
  std::unique_ptr<engine::Model> model;
  std::optional<engine::KvState> state;
  std::vector<double> chunk_seconds;  // a token
  std::vector<double> token_seconds;
};

nlohmann::json measure(const FlashOptions& options) {
  const engine::ModelConfig flash = engine::v4_flash();
  engine::ModelConfig config = flash;
  config.n_mtp_layers = 0;
  config.n_hash_layers = 0;
  config.n_layers = static_cast<int64_t>(kKinds.size());
  config.compress_ratios.clear();
  for (const LayerKind& kind : kKinds) config.compress_ratios.push_back(kind.ratio);
  check_memory(config);
  const engine::Checkpoint checkpoint = engine::random_checkpoint(config, /*seed=*/1);
  const engine::ModelWeights weights = engine::resolve_weights(config, checkpoint);
  kernels::ThreadPool pool(options.threads > 0
                               ? options.threads
                               : static_cast<int>(std::thread::hardware_concurrency()));

  std::vector<std::unique_ptr<OneLayer>> layers;
  for (size_t i = 0; i < kKinds.size(); ++i) {
    layers.push_back(std::make_unique<OneLayer>(config, weights, i, pool));
  }
  uint32_t random = 1;
  const auto some_tokens = [&](int64_t n) {
    std::vector<engine::TokenId> tokens;
    for (int64_t i = 0; i < n; ++i) {
      random = random * 1664525u + 1013904223u;
      tokens.push_back(static_cast<engine::TokenId>((random >> 8) % flash.vocab_size));
    }
    return tokens;
  };
  // In turns, so that no layer finds its weights in a cache that the whole model would have
  // emptied.
  for (int64_t at = 0; at < options.prompt; at += kChunk) {
    const auto tokens = some_tokens(std::min(kChunk, options.prompt - at));
    for (auto& layer : layers) {
      layer->chunk_seconds.push_back(layer->run(tokens, engine::Model::Logits::none) /
                                     static_cast<double>(tokens.size()));
    }
  }
  std::vector<double> with_head;
  for (int i = 0; i < options.steps; ++i) {
    const auto tokens = some_tokens(1);
    for (auto& layer : layers) {
      layer->token_seconds.push_back(layer->run(tokens, engine::Model::Logits::none));
    }
    with_head.push_back(layers[0]->run(some_tokens(1), engine::Model::Logits::last));
  }

  kernels::Stream stream;
  stream.pool = &pool;
  const bench::Roofs roofs = bench::measure_roofs(stream, bench::roof_loops());
  const double head = std::max(0.0, median(with_head) - median(layers[0]->token_seconds));
  double token = head;
  double prompt_token = 0.0;
  double bytes = static_cast<double>(checkpoint.get("head.weight").bytes.size());
  nlohmann::json kinds = nlohmann::json::array();
  for (size_t i = 0; i < kKinds.size(); ++i) {
    const auto n_alike = static_cast<double>(
        std::count(flash.compress_ratios.begin(), flash.compress_ratios.begin() + flash.n_layers,
                   kKinds[i].ratio));
    const double seconds = median(layers[i]->token_seconds);
    const double read = bytes_for_a_token(checkpoint, config, "layers." + std::to_string(i) + ".");
    token += n_alike * seconds;
    prompt_token += n_alike * median(layers[i]->chunk_seconds);
    bytes += n_alike * read;
    kinds.push_back({{"kind", kKinds[i].name},
                     {"layers", n_alike},
                     {"seconds_a_token", seconds},
                     {"seconds_a_prompt_token", median(layers[i]->chunk_seconds)},
                     {"bytes_a_token", read},
                     {"share_of_bandwidth", read / seconds / roofs.read}});
  }
  return {{"backend", kernels::default_backend().name},
          {"threads", pool.n_threads()},
          {"cpu_share", roofs.cpu_share},
          {"memory_bytes_per_second", roofs.read},
          {"weights_here_bytes", checkpoint.total_bytes()},
          {"prompt_tokens", options.prompt},
          {"layers", kinds},
          {"head_seconds", head},
          {"predicted",
           {{"tokens_per_second", 1.0 / token},
            {"prompt_tokens_per_second", 1.0 / prompt_token},
            {"bytes_a_token", bytes},
            {"tokens_per_second_at_full_bandwidth", roofs.read / bytes}}}};
}

void print(const nlohmann::json& r) {
  std::printf("V4-Flash, %s, %d threads%s: %.1f GB of random weights, after %lld tokens\n",
              r["backend"].get<std::string>().c_str(), r["threads"].get<int>(),
              r["cpu_share"].get<double>() < 0.9 ? " (disturbed by other processes)" : "",
              1e-9 * r["weights_here_bytes"].get<double>(), r["prompt_tokens"].get<long long>());
  for (const auto& layer : r["layers"]) {
    std::printf(
        "  %-7s x %2.0f  %7.2f ms a token, %4.0f MB at %2.0f%% of the bandwidth; %6.2f ms a "
        "prompt token\n",
        layer["kind"].get<std::string>().c_str(), layer["layers"].get<double>(),
        1e3 * layer["seconds_a_token"].get<double>(), 1e-6 * layer["bytes_a_token"].get<double>(),
        1e2 * layer["share_of_bandwidth"].get<double>(),
        1e3 * layer["seconds_a_prompt_token"].get<double>());
  }
  const auto& predicted = r["predicted"];
  std::printf("  head          %7.2f ms a token\n", 1e3 * r["head_seconds"].get<double>());
  std::printf(
      "the whole model, in memory: %.2f tokens/s written (%.1f GB a token; %.2f at full "
      "bandwidth), %.1f tokens/s read\n",
      predicted["tokens_per_second"].get<double>(), 1e-9 * predicted["bytes_a_token"].get<double>(),
      predicted["tokens_per_second_at_full_bandwidth"].get<double>(),
      predicted["prompt_tokens_per_second"].get<double>());
}

}  // namespace

void add_bench_flash(CLI::App& bench) {
  CLI::App* verb = bench.add_subcommand(
      "flash",
      "How fast V4-Flash would be here, from a layer of each kind (needs 14 GB of memory)");
  const auto options = std::make_shared<FlashOptions>();
  verb->add_option("--threads", options->threads, "Threads (0: one a core)")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  verb->add_option("--tokens", options->prompt, "Length of the prompt")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  verb->add_option("--steps", options->steps, "Tokens to write")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  verb->add_flag("--json", options->json, "Print JSON instead of a table");
  verb->callback([options] {
    const nlohmann::json report = measure(*options);
    if (options->json) {
      std::printf("%s\n", report.dump(2).c_str());
    } else {
      print(report);
    }
  });
}

}  // namespace widenet::cli
