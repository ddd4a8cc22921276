// `widenet cost`: operations and state of a token, by part, beside those of the published models.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "engine/cost.h"
#include "engine/published_models.h"

namespace widenet::cli {
namespace {

using engine::CostByPart;
using engine::Flops;
using engine::KvBytes;
using engine::Part;

struct CostOptions {
  ModelOptions model;
  int64_t length = 1 << 20;
  bool json = false;
};

struct ModelCost {
  std::string name;
  CostByPart decode;
  CostByPart prefill;
  KvBytes kv;
};

// By how much the printed numbers are divided, and what they are called then.
struct Scale {
  double divisor;
  const char* unit;
};

ModelCost cost_of(const std::string& name, const engine::ModelConfig& config, int64_t length) {
  return {name, count_flops(config, engine::decode_range(length)),
          count_flops(config, engine::prefill_range(length)),
          count_kv_bytes(config, engine::KvLayouts(config, /*is_native=*/true), length)};
}

ModelCost cost_of(const std::string& name,
                  const engine::LatentAttentionConfig& config,
                  int64_t length) {
  return {name, count_flops(config, engine::decode_range(length)),
          count_flops(config, engine::prefill_range(length)), count_kv_bytes(config, length)};
}

// The directory to reckon for: as given, else the shipped model if it can be found.
std::optional<std::filesystem::path> model_directory(const CostOptions& options) {
  if (!options.model.model.empty()) return find_model(options.model);
  try {
    return find_model(options.model);
  } catch (const CommandError&) {
    return std::nullopt;  // the published models need no files
  }
}

// V3.2 first: the others are compared with it.
std::vector<ModelCost> costs_of(const CostOptions& options) {
  std::vector<ModelCost> costs = {cost_of("V3.2", engine::v32(), options.length),
                                  cost_of("V4-Flash", engine::v4_flash(), options.length),
                                  cost_of("V4-Pro", engine::v4_pro(), options.length)};
  if (const auto directory = model_directory(options)) {
    const std::string name = std::filesystem::canonical(*directory).filename().string();
    costs.push_back(cost_of(name, engine::load_model_config(*directory), options.length));
  }
  return costs;
}

const char* label_of(Part part) {
  switch (part) {
    case Part::head:
      return "head (embedding: 0)";
    case Part::hyper_connection:
      return "mHC";
    case Part::projections:
      return "q, kv and o projections";
    case Part::compressors:
      return "compressors";
    case Part::indexer:
      return "indexer, projections";
    case Part::index_scores:
      return "indexer, scores";
    case Part::window:
      return "attention, window";
    case Part::selected:
      return "attention, selected";
    case Part::heavy:
      return "attention, all of HCA";
    case Part::router:
      return "router";
    case Part::routed_experts:
      return "routed experts";
    case Part::shared_experts:
      return "shared expert";
    case Part::dense_ffn:
      return "dense MLP";
  }
  return "";
}

// "1,048,576"
std::string with_commas(int64_t n) {
  std::string text = std::to_string(n);
  for (auto i = static_cast<int64_t>(text.size()) - 3; i > 0; i -= 3) {
    text.insert(static_cast<size_t>(i), ",");
  }
  return text;
}

// Three digits that count, so that nano is readable beside Pro; "-" for what a model lacks.
std::string three_digits(double value) {
  if (value == 0) return "-";
  const int n_whole = static_cast<int>(std::floor(std::log10(value))) + 1;
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", std::clamp(3 - n_whole, 0, 6), value);
  return text;
}

void print_row(const std::string& label, const std::vector<std::string>& cells) {
  std::printf("%-26s", label.c_str());
  for (const std::string& cell : cells) std::printf(" %12s", cell.c_str());
  std::printf("\n");
}

using Value = std::function<double(const ModelCost&)>;

void print_values(const std::string& label,
                  const std::vector<ModelCost>& costs,
                  double divisor,
                  const Value& value) {
  std::vector<std::string> cells;
  for (const ModelCost& cost : costs) cells.push_back(three_digits(value(cost) / divisor));
  print_row(label, cells);
}

// As a share of the first model's.
void print_shares(const std::vector<ModelCost>& costs, const Value& value) {
  std::vector<std::string> cells;
  for (const ModelCost& cost : costs) {
    cells.push_back(three_digits(100 * value(cost) / value(costs.front())) + "%");
  }
  print_row("  of " + costs.front().name, cells);
}

void print_head(const std::string& title, const std::vector<ModelCost>& costs) {
  std::vector<std::string> names;
  for (const ModelCost& cost : costs) names.push_back(cost.name);
  std::printf("%s\n", title.c_str());
  print_row("", names);
}

void print_flops(const std::vector<ModelCost>& costs,
                 const Scale& scale,
                 const std::string& what,
                 const std::function<const CostByPart&(const ModelCost&)>& pick) {
  print_head(what + ", " + scale.unit, costs);
  for (size_t i = 0; i < engine::kParts; ++i) {
    const auto part = static_cast<Part>(i);
    print_values(label_of(part), costs, scale.divisor,
                 [&](const ModelCost& cost) { return pick(cost)[part].total(); });
  }
  const Value total = [&](const ModelCost& cost) { return pick(cost).total().total(); };
  const Value fp8 = [&](const ModelCost& cost) { return pick(cost).total().fp8_equivalent(); };
  print_values("total", costs, scale.divisor, total);
  print_shares(costs, total);
  print_values("equivalent FP8 FLOPs", costs, scale.divisor, fp8);
  print_shares(costs, fp8);
  print_values("MTP block, if it drafts", costs, scale.divisor,
               [&](const ModelCost& cost) { return pick(cost).mtp.total(); });
  std::printf("\n");
}

void print_kv(const std::vector<ModelCost>& costs) {
  constexpr double kMega = 1e6;
  const Value total = [](const ModelCost& cost) { return static_cast<double>(cost.kv.total()); };
  const auto row = [&](const char* label, int64_t KvBytes::*bytes) {
    print_values(label, costs, kMega,
                 [=](const ModelCost& cost) { return static_cast<double>(cost.kv.*bytes); });
  };
  print_head("KV cache of one sequence, MB (10^6 bytes)", costs);
  row("window rings", &KvBytes::rings);
  row("rows or compressed entries", &KvBytes::entries);
  row("index keys", &KvBytes::index_keys);
  row("compressor tails", &KvBytes::tails);
  print_values("total", costs, kMega, total);
  print_shares(costs, total);
}

void print_tables(const CostOptions& options) {
  const std::vector<ModelCost> costs = costs_of(options);
  const std::string length = with_commas(options.length);
  print_flops(costs, {1e9, "GFLOP (two a multiply-add)"}, "Token " + length + " of a sequence",
              [](const ModelCost& cost) -> const CostByPart& { return cost.decode; });
  print_flops(costs, {1e12, "TFLOP"}, "A prompt of " + length + " tokens",
              [](const ModelCost& cost) -> const CostByPart& { return cost.prefill; });
  print_kv(costs);
}

nlohmann::json to_json(const Flops& flops) {
  return {{"fp4", flops.fp4},
          {"fp8", flops.fp8},
          {"bf16", flops.bf16},
          {"total", flops.total()},
          {"fp8_equivalent", flops.fp8_equivalent()}};
}

nlohmann::json to_json(const CostByPart& cost) {
  nlohmann::json parts;
  for (size_t i = 0; i < engine::kParts; ++i) {
    parts[name_of(static_cast<Part>(i))] = to_json(cost.parts[i]);
  }
  return {{"parts", parts}, {"total", to_json(cost.total())}, {"mtp", to_json(cost.mtp)}};
}

nlohmann::json to_json(const KvBytes& bytes) {
  return {{"rings", bytes.rings},
          {"entries", bytes.entries},
          {"index_keys", bytes.index_keys},
          {"tails", bytes.tails},
          {"total", bytes.total()}};
}

void print_json(const CostOptions& options) {
  nlohmann::json models = nlohmann::json::array();
  for (const ModelCost& cost : costs_of(options)) {
    models.push_back({{"name", cost.name},
                      {"decode_flops", to_json(cost.decode)},
                      {"prefill_flops", to_json(cost.prefill)},
                      {"kv_bytes", to_json(cost.kv)}});
  }
  const nlohmann::json all = {{"length", options.length}, {"models", models}};
  std::printf("%s\n", all.dump(2).c_str());
}

}  // namespace

void add_cost_command(CLI::App& app) {
  CLI::App* verb =
      app.add_subcommand("cost", "Reckon operations and state, beside the published models'");
  const auto options = std::make_shared<CostOptions>();
  verb->add_option("--length", options->length, "Tokens of the sequence")
      ->check(CLI::Range(int64_t{1}, engine::kContextMax))
      ->capture_default_str();
  verb->add_option("--model", options->model.model,
                   "A directory with a DeepSeek-V4 config.json; no weights are needed (default: "
                   "models/nano here, then beside the executable, if there)");
  verb->add_flag("--json", options->json, "Print JSON, in operations and bytes");
  verb->callback([options] { options->json ? print_json(*options) : print_tables(*options); });
}

}  // namespace widenet::cli
