// One evaluation in the store: what was run, each item as it finished, the results.  A run that was
// interrupted goes on where it stopped.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>

#include "engine/engine.h"
#include "store/store.h"

namespace widenet::eval {

// What was asked of an evaluation makes no sense, or its input cannot be read.
class EvalError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class EvaluationLog {
 public:
  // With `resume`, goes on with the newest evaluation of this kind and configuration, if any.
  EvaluationLog(store::Store& store, std::string kind, nlohmann::json config, bool resume);

  store::EvaluationId id() const { return evaluation_.id; }

  std::optional<nlohmann::json> find(const std::string& key) const;
  void put(const std::string& key, const nlohmann::json& item);
  void finish(const nlohmann::json& results);

 private:
  store::Store& store_;
  store::Evaluation evaluation_;
  std::map<std::string, nlohmann::json> items_;
};

// Model, backend and machine, as every evaluation's configuration records them.
nlohmann::json describe(const engine::Engine& engine);

}  // namespace widenet::eval
