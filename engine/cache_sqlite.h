// CacheDatabase: the SQLite connection of the prefix cache's catalogue.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/file.h"
#include "engine/cache_vfs.h"

struct sqlite3;
struct sqlite3_stmt;

namespace widenet::engine {

// The bytes on disk are not the database that we wrote.
class DatabaseDamaged : public FileError {
 public:
  using FileError::FileError;
};

// Bytes that are bound as a BLOB.  An empty one is an empty value; a null pointer is NULL.
using Blob = std::span<const std::byte>;

// One connection in WAL mode that has its file to itself.  Used by one thread at a time.  Throws
// DatabaseDamaged, or FileError for what the disk refused.
class CacheDatabase {
 public:
  // One run of a prepared statement; resets it when it goes.  Blobs live until the next step.
  class Query {
   public:
    Query(CacheDatabase& database, sqlite3_stmt* statement)
        : database_(database), statement_(statement) {}
    ~Query();
    Query(Query&& other) noexcept
        : database_(other.database_), statement_(std::exchange(other.statement_, nullptr)) {}
    Query(const Query&) = delete;
    Query& operator=(const Query&) = delete;
    Query& operator=(Query&&) = delete;

    bool step();  // false: no more rows

    bool is_null(int column) const;
    int64_t integer(int column) const;
    double real(int column) const;
    Blob blob(int column) const;

    void bind(int index, int64_t value);
    void bind(int index, double value);
    void bind(int index, Blob value);

   private:
    CacheDatabase& database_;
    sqlite3_stmt* statement_;
  };

  // now: a commit is durable when it returns.  later: with the next one that is; after a crash it
  // may be absent, but whole or absent as ever.
  enum class Durable { now, later };

  // Commits when told to, else rolls back.
  class Transaction {
   public:
    Transaction(CacheDatabase& database, Durable durable);
    ~Transaction();
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;

    void commit();

   private:
    CacheDatabase& database_;
    bool is_open_ = true;
  };

  // Makes the file if it is not there.  The disk outlives the connection.
  CacheDatabase(CacheDisk& disk, const std::filesystem::path& path);

  // Binds the arguments to ?1, ?2, ...; the statement is prepared once.
  template <typename... Args>
  Query query(const char* sql, const Args&... args) {
    Query query(*this, prepare(sql));
    int index = 0;
    (query.bind(++index, args), ...);
    return query;
  }
  // For statements without rows.
  template <typename... Args>
  void run(const char* sql, const Args&... args) {
    query(sql, args...).step();
  }
  // The first column of the first row, or 0.
  template <typename... Args>
  int64_t integer(const char* sql, const Args&... args) {
    Query found = query(sql, args...);
    return found.step() ? found.integer(0) : 0;
  }
  void run_script(const char* sql);  // several statements, not kept

  // Throws DatabaseDamaged if the file's structure is not sound, or SQLite would not write to it.
  // Reads all of it.
  void check();

  // Of SQLite's virtual machine, by all queries so far: what they cost, without a clock.
  int64_t n_steps() const { return n_steps_; }

 private:
  struct Close {
    void operator()(sqlite3* handle) const;
  };
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };

  [[noreturn]] void fail(const std::string& attempt) const;
  sqlite3_stmt* prepare(const char* sql);

  CacheVfs vfs_;
  std::string path_;
  std::unique_ptr<sqlite3, Close> handle_;
  std::unordered_map<std::string, std::unique_ptr<sqlite3_stmt, Finalize>> statements_;
  int64_t n_steps_ = 0;
};

}  // namespace widenet::engine
