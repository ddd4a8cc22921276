#include "eval/evaluation_log.h"

#include <fstream>
#include <thread>
#include <utility>

namespace widenet::eval {
namespace {

std::string cpu_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

}  // namespace

EvaluationLog::EvaluationLog(store::Store& store,
                             std::string kind,
                             nlohmann::json config,
                             bool resume)
    : store_(store) {
  evaluation_.kind = std::move(kind);
  evaluation_.state = "running";
  evaluation_.config_json = config.dump();
  if (resume) {
    for (const auto& earlier : store.evaluations()) {
      const bool is_same =
          earlier.kind == evaluation_.kind && nlohmann::json::parse(earlier.config_json) == config;
      if (is_same) evaluation_.id = earlier.id;
    }
  }
  if (evaluation_.id == 0) {
    evaluation_.id = store.create_evaluation(evaluation_);
    return;
  }
  for (const auto& item : store.evaluation_items(evaluation_.id)) {
    items_[item.key] = nlohmann::json::parse(item.item_json);
  }
}

std::optional<nlohmann::json> EvaluationLog::find(const std::string& key) const {
  const auto found = items_.find(key);
  return found == items_.end() ? std::nullopt : std::optional(found->second);
}

void EvaluationLog::put(const std::string& key, const nlohmann::json& item) {
  store_.put_evaluation_item(evaluation_.id, {.key = key, .item_json = item.dump()});
  items_[key] = item;
}

void EvaluationLog::finish(const nlohmann::json& results) {
  evaluation_.state = "done";
  evaluation_.results_json = results.dump();
  store_.update_evaluation(evaluation_);
}

nlohmann::json describe(const engine::Engine& engine) {
  return {{"model", engine.name()},
          {"fingerprint", engine.fingerprint()},
          {"backend", engine.backend_name()},
          {"numerics", engine.numerics() == engine::Numerics::exact ? "exact" : "native"},
          {"cpu", cpu_name()},
          {"cores", std::thread::hardware_concurrency()}};
}

}  // namespace widenet::eval
