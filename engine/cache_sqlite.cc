#include "engine/cache_sqlite.h"

#include <sqlite3.h>

#include <cerrno>
#include <cstring>

#include "base/check.h"

namespace widenet::engine {
namespace {

// The disk's and the machine's failures.  With our own fixed statements everything else
// ("malformed", "not a database", "no such table", a violated constraint) means that the file is
// not ours.
bool is_failure_of_the_disk(int code) {
  switch (code & 255) {
    case SQLITE_IOERR:
    case SQLITE_FULL:
    case SQLITE_NOMEM:
    case SQLITE_CANTOPEN:
      return true;
    default:
      return false;
  }
}

}  // namespace

CacheDatabase::Query::~Query() {
  if (statement_ == nullptr) return;
  database_.n_steps_ += sqlite3_stmt_status(statement_, SQLITE_STMTSTATUS_VM_STEP, /*reset=*/1);
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

bool CacheDatabase::Query::step() {
  const int status = sqlite3_step(statement_);
  if (status == SQLITE_ROW) return true;
  if (status == SQLITE_DONE) return false;
  database_.fail(std::string("run \"") + sqlite3_sql(statement_) + "\"");
}

bool CacheDatabase::Query::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

int64_t CacheDatabase::Query::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

double CacheDatabase::Query::real(int column) const {
  return sqlite3_column_double(statement_, column);
}

Blob CacheDatabase::Query::blob(int column) const {
  const auto* bytes = static_cast<const std::byte*>(sqlite3_column_blob(statement_, column));
  return {bytes, static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
}

void CacheDatabase::Query::bind(int index, int64_t value) {
  WN_CHECK(sqlite3_bind_int64(statement_, index, value) == SQLITE_OK);
}

void CacheDatabase::Query::bind(int index, double value) {
  WN_CHECK(sqlite3_bind_double(statement_, index, value) == SQLITE_OK);
}

void CacheDatabase::Query::bind(int index, Blob value) {
  if (sqlite3_bind_blob64(statement_, index, value.data(), value.size(), SQLITE_TRANSIENT) !=
      SQLITE_OK) {
    database_.fail("bind " + std::to_string(value.size()) + " bytes");
  }
}

// The pragma takes effect as it is compiled, so it cannot be a kept statement.
CacheDatabase::Transaction::Transaction(CacheDatabase& database, Durable durable)
    : database_(database) {
  database_.run_script(durable == Durable::now ? "PRAGMA synchronous = FULL"
                                               : "PRAGMA synchronous = NORMAL");
  database_.run("BEGIN IMMEDIATE");
}

CacheDatabase::Transaction::~Transaction() {
  if (!is_open_) return;
  try {
    database_.run("ROLLBACK");
  } catch (const FileError&) {  // SQLite has rolled back by itself after some failures
  }
}

void CacheDatabase::Transaction::commit() {
  database_.run("COMMIT");
  is_open_ = false;
}

void CacheDatabase::Close::operator()(sqlite3* handle) const {
  sqlite3_close_v2(handle);
}

void CacheDatabase::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

CacheDatabase::CacheDatabase(CacheDisk& disk, const std::filesystem::path& path)
    : vfs_(disk), path_(path.string()) {
  sqlite3* handle = nullptr;
  const int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  const int status = sqlite3_open_v2(path_.c_str(), &handle, flags, vfs_.name());
  handle_.reset(handle);
  if (handle == nullptr) throw std::bad_alloc();
  if (status != SQLITE_OK) fail("open it");
  sqlite3_extended_result_codes(handle, 1);
  // Exclusive before anything else: without shared memory a WAL can be opened in no other mode.
  // What is deleted is overwritten, because the tails of points are tokens of someone's text.
  run_script(
      "PRAGMA locking_mode = EXCLUSIVE; PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;"
      "PRAGMA cell_size_check = ON; PRAGMA journal_mode = WAL;"
      "PRAGMA secure_delete = ON; PRAGMA cache_size = -8192;");
}

void CacheDatabase::fail(const std::string& attempt) const {
  const int code = sqlite3_errcode(handle_.get());
  const std::string what =
      "cannot " + attempt + " in \"" + path_ + "\": " + sqlite3_errmsg(handle_.get());
  if (!is_failure_of_the_disk(code)) throw DatabaseDamaged(what);
  throw FileError(vfs_.last_error().empty() ? what : what + " (" + vfs_.last_error() + ")",
                  code == SQLITE_FULL ? ENOSPC : EIO);
}

sqlite3_stmt* CacheDatabase::prepare(const char* sql) {
  auto& statement = statements_[sql];
  if (statement == nullptr) {
    sqlite3_stmt* prepared = nullptr;
    const int status =
        sqlite3_prepare_v3(handle_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &prepared, nullptr);
    if (status != SQLITE_OK) {
      statements_.erase(sql);
      fail(std::string("prepare \"") + sql + "\"");
    }
    statement.reset(prepared);
  }
  WN_CHECK(!sqlite3_stmt_busy(statement.get()));  // a statement cannot run inside itself
  return statement.get();
}

void CacheDatabase::run_script(const char* sql) {
  if (sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
    fail(std::string("run \"") + sql + "\"");
  }
}

void CacheDatabase::check() {
  // SQLite takes a flipped bit in the version of the format for a newer one, and only reads.
  if (sqlite3_db_readonly(handle_.get(), "main") != 0) {
    throw DatabaseDamaged("\"" + path_ + "\" is of a newer format");
  }
  Query result = query("PRAGMA quick_check(1)");
  const bool has_row = result.step();
  const Blob text = has_row ? result.blob(0) : Blob();
  constexpr std::string_view kOk = "ok";
  if (text.size() != kOk.size() || std::memcmp(text.data(), kOk.data(), kOk.size()) != 0) {
    throw DatabaseDamaged("\"" + path_ + "\" is damaged");
  }
}

}  // namespace widenet::engine
