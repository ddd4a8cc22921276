// SQLite, wrapped once: connections, cached statements, transactions, and our tokenizer for FTS5.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>

struct sqlite3;
struct sqlite3_stmt;

namespace widenet::store {

// Bytes that are bound as a BLOB, not as TEXT.
struct Blob {
  std::span<const std::byte> bytes;
};

// One run of a prepared statement; resets it when it goes.  Rows are read as they are stepped to,
// and string_views and spans live until the next step.
class Query {
 public:
  explicit Query(sqlite3_stmt* statement) : statement_(statement) {}
  ~Query();
  Query(Query&& other) noexcept : statement_(std::exchange(other.statement_, nullptr)) {}
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;
  Query& operator=(Query&&) = delete;

  bool step();  // false: no more rows

  bool is_null(int column) const;
  int64_t integer(int column) const;
  double real(int column) const;
  std::string_view text(int column) const;
  std::string string(int column) const { return std::string(text(column)); }
  std::span<const std::byte> blob(int column) const;
  std::optional<int64_t> optional_integer(int column) const;

  void bind(int index, int64_t value);
  void bind(int index, double value);
  void bind(int index, std::string_view value);
  void bind(int index, Blob value);
  void bind(int index, std::optional<int64_t> value);

 private:
  sqlite3_stmt* statement_;
};

// Reports the terms of a text to FTS5: term, and the byte range it came from.
using TermSink = std::function<void(std::string_view term, size_t start_byte, size_t end_byte)>;
using TermFunction = void (*)(std::string_view text, const TermSink& sink);

// One connection in WAL mode.  Used by one thread at a time.  Throws StoreError.
class Database {
 public:
  enum class Access { read, write };
  // `write` creates the file, commits with synchronous=FULL and overwrites what it deletes.
  static Database open(const std::filesystem::path& path, Access access);

  // Makes `tokenize = NAME` available.  A query's phrases are taken as terms, whole: whoever builds
  // one calls `terms` first.
  void register_tokenizer(const char* name, TermFunction terms);

  // Binds the arguments to ?1, ?2, ...; the statement is prepared once per connection.
  template <typename... Args>
  Query query(const std::string& sql, const Args&... args) {
    Query query(prepare(sql));
    int index = 0;
    (bind_one(query, ++index, args), ...);
    return query;
  }
  // For statements without rows.  Returns how many rows changed.
  template <typename... Args>
  int64_t run(const std::string& sql, const Args&... args) {
    query(sql, args...).step();
    return changes();
  }
  // The first column of the first row.
  template <typename... Args>
  std::optional<int64_t> find_integer(const std::string& sql, const Args&... args) {
    Query found = query(sql, args...);
    if (!found.step()) return std::nullopt;
    return found.optional_integer(0);
  }
  void run_script(const std::string& sql);  // several statements, not cached
  // Statements on a virtual table must go before the table does; those that are not run again
  // need not be kept.  None of them may be running.
  void forget_statements();
  void forget_statement(const std::string& sql);

  int64_t last_insert_id() const;
  int64_t changes() const;

 private:
  struct Close {
    void operator()(sqlite3* handle) const;
  };
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };

  template <typename T>
  static void bind_one(Query& query, int index, const T& value) {
    if constexpr (std::is_integral_v<T>) {
      query.bind(index, static_cast<int64_t>(value));
    } else if constexpr (std::is_convertible_v<T, std::string_view>) {
      query.bind(index, std::string_view(value));
    } else {
      query.bind(index, value);
    }
  }
  sqlite3_stmt* prepare(const std::string& sql);

  std::unique_ptr<sqlite3, Close> handle_;
  std::unordered_map<std::string, std::unique_ptr<sqlite3_stmt, Finalize>> statements_;
};

// Commits when told to, else rolls back.
class Transaction {
 public:
  explicit Transaction(Database& database);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  void commit();

 private:
  Database& database_;
  bool open_ = true;
};

}  // namespace widenet::store
