#include "cli/engine_options.h"

#include <map>

namespace widenet::cli {

engine::EngineOptions engine_options(const ModelOptions& options) {
  return {
      .model = find_model(options),
      .numerics = options.numerics == "exact" ? engine::Numerics::exact : engine::Numerics::native,
      .backend = options.backend,
      .threads = options.threads};
}

void add_think_option(CLI::App& verb, engine::Thinking& thinking) {
  const std::map<std::string, engine::Thinking> names = {{"none", engine::Thinking::none},
                                                         {"low", engine::Thinking::low},
                                                         {"high", engine::Thinking::high},
                                                         {"max", engine::Thinking::max}};
  verb.add_option("--think", thinking, "none, low, high or max: reason before answering")
      ->transform(CLI::CheckedTransformer(names))
      ->default_str("none");
}

}  // namespace widenet::cli
