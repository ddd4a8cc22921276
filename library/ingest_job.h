// From files to searchable documents: extraction in children, chunks, tokens, embeddings, and one
// transaction a document.
//
// A file is acknowledged when add_file returns: its bytes and its row are durable.  Whatever
// happens after, process_queued takes up what is neither ready nor failed.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ingest/extract_child.h"
#include "library/text_model.h"
#include "store/store.h"

namespace widenet::library {

// A file to be added: where its bytes are, and the key it has in its collection.
struct SourceFile {
  std::filesystem::path path;
  std::string key;  // e.g. "contracts/2021/a.pdf"
};

// Files as they are; directories recursively, sorted, without hidden files and without following
// links out of them.  Keys are relative to the parent of each given path, so that a directory's
// name is part of them.  Throws FileError naming the path that is not there.
std::vector<SourceFile> find_files(std::span<const std::filesystem::path> paths);

// Copies the bytes into the store and queues the document.  `readers`: see NewDocument.  Throws
// FileError, StoreError.
store::Added add_file(store::Store& store,
                      store::CollectionId collection,
                      const SourceFile& file,
                      std::optional<store::JobId> job = {},
                      const std::optional<std::vector<std::string>>& readers = {});

struct IngestProgress {
  int64_t done = 0;  // ready
  int64_t failed = 0;
  int64_t pending = 0;       // seen so far and not finished
  store::Document document;  // the one that just began, came further or finished
};

struct IngestOptions {
  int64_t n_children = 2;                              // documents worked on at once
  std::filesystem::path extractor = "/proc/self/exe";  // has the verb `extract`
  ingest::ExtractLimits limits;
  int64_t chunk_tokens = 512;
  std::function<void(const IngestProgress&)> on_progress;  // one call at a time, on any thread
  std::function<bool()> is_cancelled;                      // asked between documents
};

struct IngestSummary {
  int64_t done = 0;
  int64_t failed = 0;
};

// Works on queued documents, those of an interrupted run first, until none is left.  Blocks.  A
// document that fails has its reason in the store; the rest goes on.  One process at a time does
// this for a store: nothing if another does.  Throws StoreError, and ExtractError when no child can
// be started.
std::optional<IngestSummary> process_queued(store::Store& store,
                                            const TextModel& model,
                                            const IngestOptions& options = {});

// Returns when every document of the job is ready or has failed, and marks the job done: works on
// them, or waits while another process does.
IngestSummary run_ingest_job(store::Store& store,
                             const TextModel& model,
                             store::JobId job,
                             const IngestOptions& options = {});

// Replaces the tokens of documents whose chunks were tokenised for another model.  Returns how many
// documents that were.
int64_t refresh_tokens(store::Store& store, store::CollectionId collection, const TextModel& model);

}  // namespace widenet::library
