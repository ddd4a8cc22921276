#include "cli/engine_options.h"

#include <cstdio>
#include <map>

namespace widenet::cli {

engine::EngineOptions engine_options(const ModelOptions& options) {
  return {
      .model = find_model(options),
      .numerics = options.numerics == "exact" ? engine::Numerics::exact : engine::Numerics::native,
      .backend = options.backend,
      .threads = options.threads};
}

std::shared_ptr<engine::PrefixCache> open_cache(const engine::Engine& engine,
                                                const CacheOptions& options,
                                                const std::filesystem::path& directory) {
  return engine.make_cache(
      {.ram_bytes = options.ram_bytes,
       .directory = options.disk_bytes > 0 ? directory : std::filesystem::path(),
       .disk_bytes = options.disk_bytes,
       .on_trouble = [](const std::string& why) {
         std::fprintf(stderr, "widenet: what is read is not remembered on disk: %s\n", why.c_str());
       }});
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
