#include "cli/support.h"

#include <unistd.h>

#include <cstdio>
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

void add_reader_option(CLI::App& verb, std::vector<std::string>& names) {
  verb.add_option("--as", names, "Read as who has this name, or is in these groups: NAME,GROUP,...")
      ->delimiter(',');
}

store::Reader reader_named(const std::vector<std::string>& names) {
  return {.reads_all = names.empty(), .names = names};
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
                               const CacheOptions& options_of_cache,
                               const answer::AskerOptions& asking) {
  const engine::EngineOptions load = engine_options(options);
  text = library::TextModel::load(load.model);
  engine = engine::Engine::load(load);
  cache = open_cache(*engine, options_of_cache, store.directory() / "cache");
  sweeper = std::make_unique<library::CacheSweeper>(store, *cache);
  scheduler =
      std::make_unique<engine::Scheduler>(*engine, engine::SchedulerOptions{.cache = cache});
  asker = std::make_unique<answer::Asker>(
      answer::AskerParts{.store = store,
                         .engine = *engine,
                         .scheduler = *scheduler,
                         .embedder = text->query_embedder(),
                         .tokenizer_sha256 = text->tokenizer_sha256(),
                         .encoding = engine::read_encoding_texts(load.model)},
      asking);
}

void warm_collection(AnsweringModel& model, const store::Collection& collection) {
  if (model.cache->disk() == nullptr) {
    throw CommandError("cannot read \"" + collection.name +
                       "\" ahead: nothing would be kept on disk (a server that has the cache open "
                       "can do it: POST /v1/cache/warm)");
  }
  ProgressBar bar;
  answer::AskEvents events;
  events.on_prefill = [&](int64_t done, int64_t total, double seconds_left) {
    char left[32];
    std::snprintf(left, sizeof left, "tokens read, %.0f s left", seconds_left);
    bar.show(done, total, left);
  };
  const answer::Warmed warmed = model.asker->warm({.collections = {collection.id}}, events);
  bar.clear();
  std::printf("%s of \"%s\" read ahead (%s of them known already) in %.1f s\n",
              counted(warmed.prompt_tokens, "token").c_str(), collection.name.c_str(),
              grouped(warmed.known_tokens).c_str(), warmed.seconds);
}

void ProgressBar::show(int64_t done, int64_t total, const std::string& what) {
  if (!is_shown_ || total <= 0) return;
  constexpr int64_t kWidth = 30;
  const auto filled = static_cast<size_t>(kWidth * done / total);
  const std::string bar = std::string(filled, '#') + std::string(kWidth - filled, '-');
  std::fprintf(stderr, "\r\033[K[%s] %s of %s  %.60s", bar.c_str(), grouped(done).c_str(),
               grouped(total).c_str(), what.c_str());
}

void ProgressBar::clear() const {
  if (is_shown_) std::fprintf(stderr, "\r\033[K");
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
