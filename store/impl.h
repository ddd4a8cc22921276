// What the store's methods share: connections, derived indexes, small conversions.  For store/*.cc.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <utility>
#include <vector>

#include "store/sqlite.h"
#include "store/store.h"
#include "store/vector_index.h"

namespace widenet::store {

// One collection's vectors of one embedder.  Reads share the mutex; catching up holds it alone.
struct VectorSlot {
  std::shared_mutex mutex;
  std::unique_ptr<VectorIndex> index;  // guarded by mutex; null until first used
  int64_t saved_sequence = 0;          // guarded by mutex: what the file on disk has come to
};

class Store::Impl {
 public:
  explicit Impl(const std::filesystem::path& data_directory);

  // A connection of the pool inside one read transaction: everything it reads is one snapshot.
  class Reader {
   public:
    Reader(Impl& impl, std::unique_ptr<Database> database);
    ~Reader();
    Reader(Reader&& other) noexcept = default;
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;
    Reader& operator=(Reader&&) = delete;
    Database* operator->() { return database_.get(); }
    Database& operator*() { return *database_; }

   private:
    Impl* impl_;
    std::unique_ptr<Database> database_;
  };
  Reader read();

  // The one writing connection, alone, inside a transaction that rolls back unless committed.
  class Writer {
   public:
    explicit Writer(Impl& impl)
        : lock_(impl.write_mutex_), database_(impl.writer_), transaction_(database_) {}
    Database* operator->() { return &database_; }
    Database& operator*() { return database_; }
    void commit() { transaction_.commit(); }

   private:
    std::lock_guard<std::mutex> lock_;
    Database& database_;
    Transaction transaction_;
  };
  Writer write() { return Writer(*this); }

  // Outside any transaction.
  template <typename Action>
  void with_writer(const Action& action) {
    const std::lock_guard<std::mutex> lock(write_mutex_);
    action(writer_);
  }

  // The slot, current with the database as of now.
  std::shared_ptr<VectorSlot> current_vectors(CollectionId collection,
                                              const std::string& embedder,
                                              int64_t dim);
  void save_vectors(CollectionId only = 0);  // 0: of all collections
  void forget_vectors(CollectionId collection);
  std::vector<RepairedVectors> repair_vectors();

  void set_progress(DocumentId id, double progress);
  double progress_of(DocumentId id) const;  // 0 if none is known

  // Carries out a deletion whose first transaction is on disk.  Safe to repeat at any point.
  DeletionReceipt finish_deletion(int64_t deletion);
  void finish_deletions();

  std::filesystem::path original_path(const std::string& sha256) const;

  const std::filesystem::path directory_;

 private:
  std::filesystem::path vector_path(CollectionId collection, const std::string& embedder) const;
  void catch_up(VectorSlot& slot, CollectionId collection, const std::string& embedder);

  mutable std::mutex pool_mutex_;
  std::vector<std::unique_ptr<Database>> idle_readers_;  // guarded by pool_mutex_

  std::mutex write_mutex_;
  Database writer_;  // guarded by write_mutex_

  std::mutex slots_mutex_;
  std::map<std::pair<CollectionId, std::string>, std::shared_ptr<VectorSlot>>
      slots_;  // guarded by slots_mutex_

  mutable std::mutex progress_mutex_;
  std::map<DocumentId, double> progress_;  // guarded by progress_mutex_
};

// The name of a collection's full-text table.
std::string search_table(CollectionId id);

// The columns of a Chunk (of table c), in the order read_chunk wants them, from column `first` on.
extern const char* const kChunkColumns;
Chunk read_chunk(const Query& row, int first = 0);

// 2 bytes a token where all fit, else 4.
std::vector<std::byte> pack_tokens(std::span<const int32_t> tokens);

// Puts a document's chunks into both search indexes, or takes them out.  Inside a write
// transaction.
void add_to_search(Database& database, DocumentId id);
void remove_from_search(Database& database, DocumentId id);

// A document's tables: stored, and dropped with their rows.  `parts` are the documents that may
// tell of rows; those of a part that is 0 are left out.  Inside a write transaction, like
// delete_rows, for a document that goes alone.
void insert_tables(Database& database,
                   DocumentId id,
                   std::span<const ProcessedTable> tables,
                   std::span<const DocumentId> parts);
void delete_rows(Database& database, DocumentId told_by);
void drop_tables(Database& database, DocumentId id);

}  // namespace widenet::store
