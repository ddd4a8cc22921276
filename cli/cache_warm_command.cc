// `widenet cache warm`: reads a collection ahead of the first question about it.
#include <memory>
#include <string>

#include "cli/support.h"
#include "library/ingest_job.h"

namespace widenet::cli {
namespace {

struct WarmOptions {
  DataOptions data;
  ModelOptions model;
  CacheOptions cache;
  std::string collection;
};

void warm(const WarmOptions& options) {
  const auto store = open_store(options.data);
  const auto collection = find_collection(*store, options.collection);
  AnsweringModel model(*store, options.model, options.cache);
  library::refresh_tokens(*store, collection.id, *model.text);
  warm_collection(model, collection);
}

}  // namespace

void add_cache_warm(CLI::App& cache) {
  CLI::App* verb = cache.add_subcommand(
      "warm", "Read a collection now, so that no question in mode `long` has to");
  const auto options = std::make_shared<WarmOptions>();
  verb->add_option("collection", options->collection, "The collection")->required();
  add_data_option(*verb, options->data);
  add_model_options(*verb, options->model);
  add_cache_options(*verb, options->cache);
  verb->callback([options] { warm(*options); });
}

}  // namespace widenet::cli
