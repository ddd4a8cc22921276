// `widenet bench capacity`: how many tokens of conversations fit into a budget, by what is kept of
// their sliding windows.
//
// No model runs: state of the published models' shapes is made of zeros and stored in a prefix
// cache on disk, whose own count of bytes is what is reckoned with.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/bench_support.h"
#include "cli/commands.h"
#include "cli/retention.h"
#include "engine/disk_prefixes.h"
#include "engine/published_models.h"
#include "engine/resume_point.h"

namespace widenet::cli {
namespace {

namespace fs = std::filesystem;

struct BenchCapacityOptions {
  Conversations conversations;
  int64_t budget_bytes = int64_t{48} << 30;
  fs::path directory = fs::temp_directory_path();
  bool json = false;
};

struct Shape {
  std::string name;
  engine::ModelConfig config;
  engine::KvLayouts layouts;

  Shape(std::string its_name, engine::ModelConfig its_config)
      : name(std::move(its_name)),
        config(std::move(its_config)),
        layouts(config, /*is_native=*/true) {}
};

// As the cache counts them.
struct StoredBytes {
  double prefix = 0;
  double conversation = 0;  // each, on top of it
};

// A directory that goes with the object.
class Scratch {
 public:
  explicit Scratch(const fs::path& parent) {
    std::string name = (parent / "widenet-bench-capacity-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw CommandError("cannot create \"" + name + "\"");
    path_ = name;
  }
  ~Scratch() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

int64_t width_of_tail(const Shape& shape, int64_t layer, int64_t channels) {
  return shape.config.compressor_halves(layer) * channels;
}

void resize(engine::CompressorTail& tail, int64_t n) {
  tail.values.resize(static_cast<size_t>(n));
  tail.gates.resize(static_cast<size_t>(n));
}

// Goes on to n_tokens, as a model would.
void go_on(const Shape& shape, int64_t n_tokens, engine::KvState& state) {
  const size_t n_pages = state.rows.pages().size();
  state.rows.extend(state.n_tokens, n_tokens);
  for (const auto& page : state.rows.pages().subspan(n_pages)) {
    std::memset(page->bytes.get(), 0, static_cast<size_t>(shape.layouts.pages.page_bytes()));
  }
  for (int64_t i = 0; i < shape.config.n_layers; ++i) {
    const int64_t ratio = shape.config.ratio(i);
    if (ratio == 0) continue;
    engine::LayerState& layer = state.layers[static_cast<size_t>(i)];
    const int64_t n_rows = engine::tail_rows(n_tokens, ratio);
    resize(layer.tail, n_rows * width_of_tail(shape, i, shape.config.head_dim));
    if (!shape.config.has_indexer(i)) continue;
    resize(layer.index_tail, n_rows * width_of_tail(shape, i, shape.config.index_head_dim));
  }
  state.n_tokens = n_tokens;
}

// Stores a conversation's resume points, and the rows before them that are not there yet.
void store_conversation(const Shape& shape,
                        const Retention& retention,
                        const Conversations& conversations,
                        engine::TokenId first_own_token,
                        engine::DiskPrefixes& disk) {
  auto tokens = random_tokens(conversations.total(), shape.config.vocab_size);
  tokens[static_cast<size_t>(conversations.prefix)] = first_own_token;
  std::vector<engine::BlockKey> keys = {engine::root_key("capacity", "")};
  engine::extend_keys(tokens, keys);
  auto trail = disk.trail_of(disk.find(keys, tokens, 0));
  engine::ResumePoint point{engine::make_kv_state(shape.config, shape.layouts), {}};
  for (const int64_t stop : retention.stops) {
    go_on(shape, stop, point.state);
    if (stop <= trail.point_from) continue;  // that of a conversation before
    const bool knows_next = retention.knows_next && stop > conversations.prefix;
    point.logits.resize(knows_next ? static_cast<size_t>(shape.config.vocab_size) : 0);
    point.state.draft.streams.resize(
        knows_next ? static_cast<size_t>(shape.config.hc_mult * shape.config.dim) : 0);
    const auto whole = std::span(tokens).first(static_cast<size_t>(stop));
    const auto n_keys = static_cast<size_t>(stop / engine::kBlockTokens) + 1;
    disk.save(std::span(keys).first(n_keys), whole, /*sources=*/{}, point, /*seconds=*/1.0, trail);
    disk.drain();
  }
}

std::unique_ptr<engine::DiskPrefixes> open_disk(const Shape& shape, const fs::path& directory) {
  auto disk = engine::DiskPrefixes::open(
      directory, int64_t{1} << 40, shape.config, shape.layouts, [](const std::string& why) {
        std::fprintf(stderr, "widenet: something was not stored: %s\n", why.c_str());
      });
  if (!disk) throw CommandError(disk.error());
  return *std::move(disk);
}

int64_t stored_in(engine::DiskPrefixes& disk) {
  if (disk.statistics().n_skipped > 0) {
    throw CommandError("cannot measure the capacity: the disk did not take everything");
  }
  return disk.files().statistics().bytes;
}

// The second of two conversations shows what one takes on top of the prefix.
StoredBytes store_stops(const Shape& shape,
                        const Retention& retention,
                        const Conversations& conversations,
                        const fs::path& directory) {
  const auto disk = open_disk(shape, directory);
  int64_t bytes[2];
  for (const int i : {0, 1}) {
    store_conversation(shape, retention, conversations, i, *disk);
    bytes[i] = stored_in(*disk);
  }
  const auto conversation = static_cast<double>(bytes[1] - bytes[0]);
  return {.prefix = static_cast<double>(bytes[0]) - conversation, .conversation = conversation};
}

// Bytes of what one token gave the compressors of all layers.
int64_t input_bytes(const Shape& shape) {
  int64_t n = 0;
  for (int64_t i = 0; i < shape.config.n_layers; ++i) {
    if (shape.config.ratio(i) == 0) continue;
    n += width_of_tail(shape, i, shape.config.head_dim);
    if (shape.config.has_indexer(i)) n += width_of_tail(shape, i, shape.config.index_head_dim);
  }
  return 2 * n * static_cast<int64_t>(sizeof(float));  // values and gates
}

// What stands by position takes as much for every token: a file of some blocks is stored, and
// counts for all.
StoredBytes store_positions(const Shape& shape,
                            const Retention& retention,
                            const Conversations& conversations,
                            const fs::path& directory) {
  constexpr int64_t kFileBytes = int64_t{16} << 20;  // or a block that is larger
  const int64_t n_layers = shape.config.n_layers + shape.config.n_draft_layers();
  int64_t bytes = n_layers * shape.layouts.rows.row_bytes();
  if (retention.window == WindowState::with_inputs) bytes += input_bytes(shape);
  const int64_t block_bytes =
      shape.layouts.pages.bytes(engine::kBlockTokens) + bytes * engine::kBlockTokens;
  const int64_t n_blocks = std::max(int64_t{1}, kFileBytes / block_bytes);
  const std::vector<std::byte> blocks(static_cast<size_t>(n_blocks * block_bytes));
  const std::span<const std::byte> payload = blocks;

  const int64_t n_tokens = n_blocks * engine::kBlockTokens;
  std::vector<engine::BlockKey> keys = {engine::root_key("capacity", "")};
  engine::extend_keys(random_tokens(n_tokens, shape.config.vocab_size), keys);
  const auto disk = open_disk(shape, directory);
  engine::CacheFile file;
  file.keys.assign(keys.begin() + 1, keys.end());
  file.records.emplace_back().n_blocks = n_blocks;
  const auto committed = disk->files().commit(std::move(file), {&payload, 1}, {});
  if (!committed) throw CommandError(committed.error());
  const double by_token =
      static_cast<double>(disk->files().statistics().bytes) / static_cast<double>(n_tokens);
  return {.prefix = by_token * static_cast<double>(conversations.prefix),
          .conversation = by_token * static_cast<double>(conversations.own())};
}

nlohmann::json measure(const Shape& shape,
                       const Retention& retention,
                       const BenchCapacityOptions& options) {
  const Conversations& conversations = options.conversations;
  const Scratch scratch(options.directory);
  const auto store = retention.window == WindowState::at_stops ? store_stops : store_positions;
  const StoredBytes bytes = store(shape, retention, conversations, scratch.path() / "cache");
  const int64_t kept = retention.kept(conversations);
  const double left = static_cast<double>(options.budget_bytes) - bytes.prefix;
  const auto n_conversations =
      kept == 0 || left < 0 ? int64_t{0} : static_cast<int64_t>(left / bytes.conversation);
  const auto again = recomputed(retention, conversations);
  return {{"retention", retention.name},
          {"prefix_bytes", bytes.prefix},
          {"conversation_bytes", bytes.conversation},
          {"bytes_per_token", bytes.conversation / static_cast<double>(std::max(kept, int64_t{1}))},
          {"conversations", n_conversations},
          {"tokens", n_conversations == 0 ? 0 : conversations.prefix + n_conversations * kept},
          {"recomputed_by_request", again.by_request},
          {"recomputed_at_beginning", again.at_beginning},
          {"recomputed_anywhere_mean", again.anywhere_mean},
          {"recomputed_anywhere_max", again.anywhere_max}};
}

// How much more fits than with the retentions that everything is compared with.
void compare(nlohmann::json& results) {
  for (const auto& [key, name] : {std::pair("to_every_token", "every token"),
                                  std::pair("to_every_block", "every 128 tokens")}) {
    const auto base = std::find_if(results.begin(), results.end(),
                                   [&](const auto& result) { return result["retention"] == name; });
    const double tokens = (*base)["tokens"];
    for (auto& result : results) result[key] = result["tokens"].get<double>() / tokens;
  }
}

void print(const nlohmann::json& model) {
  std::printf("%s\n%-38s %9s %9s %9s %9s %10s %10s %9s %9s\n",
              model["model"].get<std::string>().c_str(), "window state kept", "KB/token",
              "M tokens", "to every", "to every", "recomputed", "at a new", "anywhere,",
              "anywhere,");
  std::printf("%-38s %9s %9s %9s %9s %10s %10s %9s %9s\n", "", "", "in budget", "token", "128",
              "a request", "beginning", "mean", "worst");
  for (const auto& result : model["retentions"]) {
    std::printf("%-38s %9.2f %9.2f %9.2f %9.2f %10.0f %10lld %9.0f %9lld\n",
                result["retention"].get<std::string>().c_str(),
                1e-3 * result["bytes_per_token"].get<double>(),
                1e-6 * result["tokens"].get<double>(), result["to_every_token"].get<double>(),
                result["to_every_block"].get<double>(),
                result["recomputed_by_request"].get<double>(),
                result["recomputed_at_beginning"].get<long long>(),
                result["recomputed_anywhere_mean"].get<double>(),
                result["recomputed_anywhere_max"].get<long long>());
  }
  std::printf("\n");
}

void run(const BenchCapacityOptions& options) {
  if (options.conversations.prefix % engine::kBlockTokens != 0) {
    throw UsageError("cannot measure: --prefix must be a multiple of " +
                     std::to_string(engine::kBlockTokens));
  }
  nlohmann::json models = nlohmann::json::array();
  for (const Shape& shape :
       {Shape("V4-Flash", engine::v4_flash()), Shape("V4-Pro", engine::v4_pro())}) {
    nlohmann::json results = nlohmann::json::array();
    for (const Retention& retention : make_retentions(options.conversations)) {
      results.push_back(measure(shape, retention, options));
    }
    compare(results);
    models.push_back({{"model", shape.name}, {"retentions", std::move(results)}});
    if (!options.json) print(models.back());
  }
  if (!options.json) return;
  const nlohmann::json all = {
      {"budget_bytes", options.budget_bytes},   {"prefix", options.conversations.prefix},
      {"turns", options.conversations.n_turns}, {"prompt", options.conversations.prompt},
      {"answer", options.conversations.answer}, {"models", models}};
  std::printf("%s\n", all.dump(2).c_str());
}

}  // namespace

void add_bench_capacity(CLI::App& bench) {
  const auto options = std::make_shared<BenchCapacityOptions>();
  CLI::App* verb = bench.add_subcommand(
      "capacity", "Conversations that fit into a budget, by what is kept of their windows");
  verb->add_option("--budget", options->budget_bytes, "What they are to fit into, e.g. 48G")
      ->transform(CLI::AsSizeValue(/*kb_is_1000=*/false))
      ->default_str("48G");
  const auto add_length = [&](const char* name, int64_t& value, const char* what) {
    verb->add_option(name, value, what)->check(CLI::Range(1, 1 << 20))->capture_default_str();
  };
  Conversations& conversations = options->conversations;
  add_length("--prefix", conversations.prefix, "Tokens that all conversations begin with");
  add_length("--turns", conversations.n_turns, "Turns of each");
  add_length("--prompt", conversations.prompt, "Tokens of a turn's prompt");
  add_length("--answer", conversations.answer, "Tokens of a turn's answer");
  verb->add_option("--directory", options->directory, "Where to keep files meanwhile, some 2 GB")
      ->check(CLI::ExistingDirectory)
      ->capture_default_str();
  verb->add_flag("--json", options->json, "Print JSON");
  verb->callback([options] { run(*options); });
}

}  // namespace widenet::cli
