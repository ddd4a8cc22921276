// What the verbs over documents share: opening the store and the model, and saying so when they are
// not there.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "answer/ask.h"
#include "cli/commands.h"
#include "engine/engine.h"
#include "engine/prefix_cache.h"
#include "engine/scheduler.h"
#include "library/cache_sweeper.h"
#include "library/text_model.h"
#include "store/store.h"

namespace widenet::cli {

// For verbs that need documents.  Throws CommandError if the directory is not there.
std::unique_ptr<store::Store> open_store(const DataOptions& options);

// Throws CommandError naming the collections that there are.
store::Collection find_collection(const store::Store& store, const std::string& name);

// The named collection, or all of them if the name is empty.
std::vector<store::CollectionId> find_scope(const store::Store& store, const std::string& name);

// `--as NAME,...`: who asks, and in which groups it is.  No names: the operator, who reads all.
void add_reader_option(CLI::App& verb, std::vector<std::string>& names);
store::Reader reader_named(const std::vector<std::string>& names);

// Tokenizer and embedding: of the model or, where there is none, of the embedding alone.  Null if
// there is neither and none was asked for.
std::shared_ptr<const library::TextModel> find_text_model(const ModelOptions& options);

// A model that answers.  Loading takes as long as mapping its weights.
struct AnsweringModel {
  // What it reads is remembered on disk, beside the documents, where options say so.
  AnsweringModel(store::Store& store,
                 const ModelOptions& options,
                 const CacheOptions& cache,
                 const answer::AskerOptions& asking = {});

  std::shared_ptr<const library::TextModel> text;
  std::unique_ptr<engine::Engine> engine;
  std::shared_ptr<engine::PrefixCache> cache;
  std::unique_ptr<library::CacheSweeper> sweeper;
  std::unique_ptr<engine::Scheduler> scheduler;
  std::unique_ptr<answer::Asker> asker;
};

// Reads a collection ahead of the first question about it, with a progress bar.
void warm_collection(AnsweringModel& model, const store::Collection& collection);

// Whether a person is looking at stderr.
bool stderr_is_terminal();

// One line on stderr that is written over; nothing where that is a file.
class ProgressBar {
 public:
  void show(int64_t done, int64_t total, const std::string& what);
  void clear() const;

 private:
  bool is_shown_ = stderr_is_terminal();
};

// "1 document", "2 documents"; 12,345.
std::string counted(int64_t n, const std::string& noun);
std::string grouped(int64_t n);

}  // namespace widenet::cli
