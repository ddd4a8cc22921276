#include "cli/support.h"

#include <unistd.h>

#include <system_error>

#include "cli/engine_options.h"

namespace widenet::cli {
namespace {

namespace fs = std::filesystem;

bool is_file(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

}  // namespace

std::unique_ptr<store::Store> open_store(const DataOptions& options) {
  std::error_code error;
  if (!fs::is_directory(options.data, error)) {
    throw CommandError("cannot open the documents in \"" + options.data.string() +
                       "\": there is no such directory (widenet ingest makes it, --data DIR names "
                       "another)");
  }
  return store::Store::open(options.data);
}

store::Collection find_collection(const store::Store& store, const std::string& name) {
  if (const auto collection = store.collection(name)) return *collection;
  std::string names;
  for (const auto& collection : store.collections()) {
    names += (names.empty() ? "" : ", ") + collection.name;
  }
  throw CommandError("cannot open collection \"" + name + "\": there is none of this name (there " +
                     (names.empty() ? "are none at all: see widenet ingest" : "are: " + names) +
                     ")");
}

std::vector<store::CollectionId> find_scope(const store::Store& store, const std::string& name) {
  if (!name.empty()) return {find_collection(store, name).id};
  std::vector<store::CollectionId> all;
  for (const auto& collection : store.collections()) all.push_back(collection.id);
  if (all.empty()) {
    throw CommandError("cannot search \"" + store.directory().string() +
                       "\": there are no documents (add some with widenet ingest)");
  }
  return all;
}

std::shared_ptr<const library::TextModel> find_text_model(const ModelOptions& options) {
  if (!options.model.empty()) return library::TextModel::load(options.model);
  for (const auto& place : model_places()) {
    if (is_file(place / "tokenizer.json")) return library::TextModel::load(place);
    const auto embedder = place.parent_path() / "nano-embed";
    if (is_file(embedder / "tokenizer.json")) return library::TextModel::load(embedder, embedder);
  }
  return nullptr;
}

AnsweringModel::AnsweringModel(store::Store& store,
                               const ModelOptions& options,
                               const CacheOptions& cache) {
  const engine::EngineOptions load = engine_options(options);
  text = library::TextModel::load(load.model);
  engine = engine::Engine::load(load);
  scheduler = std::make_unique<engine::Scheduler>(
      *engine,
      engine::SchedulerOptions{.cache = open_cache(*engine, cache, store.directory() / "cache")});
  asker = std::make_unique<answer::Asker>(
      answer::AskerParts{.store = store,
                         .engine = *engine,
                         .scheduler = *scheduler,
                         .embedder = text->query_embedder(),
                         .tokenizer_sha256 = text->tokenizer_sha256(),
                         .encoding = engine::read_encoding_texts(load.model)});
}

bool stderr_is_terminal() {
  return ::isatty(STDERR_FILENO) == 1;
}

std::string grouped(int64_t n) {
  std::string digits = std::to_string(n);
  for (auto at = static_cast<int64_t>(digits.size()) - 3; at > (n < 0 ? 1 : 0); at -= 3) {
    digits.insert(static_cast<size_t>(at), ",");
  }
  return digits;
}

std::string counted(int64_t n, const std::string& noun) {
  return grouped(n) + " " + noun + (n == 1 ? "" : "s");
}

}  // namespace widenet::cli
