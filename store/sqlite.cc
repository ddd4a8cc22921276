#include "store/sqlite.h"

#include <sqlite3.h>

#include <utility>

#include "base/check.h"
#include "store/store.h"

namespace widenet::store {
namespace {

[[noreturn]] void fail(sqlite3* handle, const std::string& attempt) {
  throw StoreError("cannot " + attempt + ": " +
                   (handle != nullptr ? sqlite3_errmsg(handle) : "out of memory"));
}

fts5_api* fts5_api_of(sqlite3* handle) {
  fts5_api* api = nullptr;
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(handle, "SELECT fts5(?1)", -1, &statement, nullptr) == SQLITE_OK) {
    sqlite3_bind_pointer(statement, 1, &api, "fts5_api_ptr", nullptr);
    sqlite3_step(statement);
  }
  sqlite3_finalize(statement);
  if (api == nullptr) fail(handle, "find SQLite's full-text search (FTS5)");
  return api;
}

// The three C callbacks of an FTS5 tokenizer.  The tokenizer object is the TermFunction itself.
int make_tokenizer(void* context, const char**, int, Fts5Tokenizer** tokenizer) {
  *tokenizer = static_cast<Fts5Tokenizer*>(context);
  return SQLITE_OK;
}

void free_tokenizer(Fts5Tokenizer*) {}

using TokenCallback = int (*)(void*, int, const char*, int, int, int);

int tokenize(Fts5Tokenizer* tokenizer,
             void* context,
             int flags,
             const char* text,
             int n_bytes,
             TokenCallback callback) {
  if ((flags & FTS5_TOKENIZE_QUERY) != 0) return callback(context, 0, text, n_bytes, 0, n_bytes);
  const auto terms = *reinterpret_cast<TermFunction*>(tokenizer);
  int status = SQLITE_OK;
  try {
    terms({text, static_cast<size_t>(n_bytes)},
          [&](std::string_view term, size_t start_byte, size_t end_byte) {
            if (status != SQLITE_OK) return;
            status = callback(context, 0, term.data(), static_cast<int>(term.size()),
                              static_cast<int>(start_byte), static_cast<int>(end_byte));
          });
  } catch (...) {  // never through SQLite's frames
    return SQLITE_NOMEM;
  }
  return status;
}

}  // namespace

Query::~Query() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

bool Query::step() {
  const int status = sqlite3_step(statement_);
  if (status == SQLITE_ROW) return true;
  if (status == SQLITE_DONE) return false;
  fail(sqlite3_db_handle(statement_), std::string("run \"") + sqlite3_sql(statement_) + "\"");
}

bool Query::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

int64_t Query::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

double Query::real(int column) const {
  return sqlite3_column_double(statement_, column);
}

std::string_view Query::text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  if (text == nullptr) return {};
  return {text, static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
}

std::span<const std::byte> Query::blob(int column) const {
  const auto* bytes = static_cast<const std::byte*>(sqlite3_column_blob(statement_, column));
  return {bytes, static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
}

std::optional<int64_t> Query::optional_integer(int column) const {
  if (is_null(column)) return std::nullopt;
  return integer(column);
}

void Query::bind(int index, int64_t value) {
  WN_CHECK(sqlite3_bind_int64(statement_, index, value) == SQLITE_OK);
}

void Query::bind(int index, double value) {
  WN_CHECK(sqlite3_bind_double(statement_, index, value) == SQLITE_OK);
}

void Query::bind(int index, std::string_view value) {
  const char* data = value.data() != nullptr ? value.data() : "";
  if (sqlite3_bind_text64(statement_, index, data, value.size(), SQLITE_TRANSIENT, SQLITE_UTF8) !=
      SQLITE_OK) {
    fail(sqlite3_db_handle(statement_), "store a text of " + std::to_string(value.size()) + " B");
  }
}

void Query::bind(int index, Blob value) {
  const void* data = value.bytes.empty() ? static_cast<const void*>("") : value.bytes.data();
  if (sqlite3_bind_blob64(statement_, index, data, value.bytes.size(), SQLITE_TRANSIENT) !=
      SQLITE_OK) {
    fail(sqlite3_db_handle(statement_),
         "store a value of " + std::to_string(value.bytes.size()) + " B");
  }
}

void Query::bind(int index, std::optional<int64_t> value) {
  if (value) {
    bind(index, *value);
  } else {
    WN_CHECK(sqlite3_bind_null(statement_, index) == SQLITE_OK);
  }
}

void Database::Close::operator()(sqlite3* handle) const {
  sqlite3_close_v2(handle);
}

void Database::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

Database Database::open(const std::filesystem::path& path, Access access) {
  const int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READWRITE |
                    (access == Access::write ? SQLITE_OPEN_CREATE : 0);
  Database database;
  sqlite3* handle = nullptr;
  const int status = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
  database.handle_.reset(handle);
  if (status != SQLITE_OK) fail(handle, "open \"" + path.string() + "\"");
  sqlite3_busy_timeout(handle, 30'000);
  sqlite3_extended_result_codes(handle, 1);
  database.run_script(
      "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY;"
      "PRAGMA cache_size = -32768;");
  if (access == Access::read) {
    database.run_script("PRAGMA query_only = ON;");
  } else {
    database.run_script(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;");
  }
  return database;
}

void Database::register_tokenizer(const char* name, TermFunction terms) {
  fts5_api* api = fts5_api_of(handle_.get());
  fts5_tokenizer callbacks = {make_tokenizer, free_tokenizer, tokenize};
  auto* context = new TermFunction(terms);
  const int status = api->xCreateTokenizer(api, name, context, &callbacks, [](void* pointer) {
    delete static_cast<TermFunction*>(pointer);
  });
  if (status != SQLITE_OK) fail(handle_.get(), "register the tokenizer of the search index");
}

sqlite3_stmt* Database::prepare(const std::string& sql) {
  auto& statement = statements_[sql];
  if (statement == nullptr) {
    sqlite3_stmt* prepared = nullptr;
    const int status =
        sqlite3_prepare_v3(handle_.get(), sql.c_str(), static_cast<int>(sql.size()) + 1,
                           SQLITE_PREPARE_PERSISTENT, &prepared, nullptr);
    if (status != SQLITE_OK) {
      statements_.erase(sql);
      fail(handle_.get(), "prepare \"" + sql + "\"");
    }
    statement.reset(prepared);
  }
  WN_CHECK(!sqlite3_stmt_busy(statement.get()));  // a statement cannot run inside itself
  return statement.get();
}

void Database::run_script(const std::string& sql) {
  if (sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    fail(handle_.get(), "run \"" + sql.substr(0, 200) + "\"");
  }
}

void Database::forget_statements() {
  statements_.clear();
}

void Database::forget_statement(const std::string& sql) {
  statements_.erase(sql);
}

int64_t Database::last_insert_id() const {
  return sqlite3_last_insert_rowid(handle_.get());
}

int64_t Database::changes() const {
  return sqlite3_changes64(handle_.get());
}

Transaction::Transaction(Database& database) : database_(database) {
  database_.run("BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
  if (!open_) return;
  try {
    database_.run("ROLLBACK");
  } catch (const StoreError&) {  // SQLite has rolled back by itself after some failures
  }
}

void Transaction::commit() {
  database_.run("COMMIT");
  open_ = false;
}

}  // namespace widenet::store
