#include "store/table_reader.h"

#include <sqlite3.h>

#include <chrono>
#include <random>
#include <set>

#include "store/impl.h"

namespace widenet::store {
namespace {

using Clock = std::chrono::steady_clock;

// What has no effect and no end that a limit does not set.
const std::set<std::string_view> kFunctions = {
    "abs",       "avg",        "coalesce",    "count",        "cume_dist",    "date",
    "datetime",  "dense_rank", "first_value", "glob",         "group_concat", "ifnull",
    "iif",       "instr",      "julianday",   "lag",          "last_value",   "lead",
    "length",    "like",       "lower",       "ltrim",        "max",          "min",
    "nth_value", "ntile",      "nullif",      "percent_rank", "rank",         "replace",
    "round",     "row_number", "rtrim",       "sign",         "strftime",     "substr",
    "substring", "sum",        "time",        "total",        "trim",         "typeof",
    "unicode",   "upper"};

std::string in_quotes(std::string_view name) {
  std::string result = "\"";
  for (const char c : name) {
    result += c;
    if (c == '"') result += c;
  }
  return result + '"';
}

// SQLite tells the authorizer within which view a table is read, but also calls so what a SELECT
// itself names by WITH.  So views with names that nobody can guess read the tables, and those with
// the tables' names read them.
struct Views {
  std::string secret;
  std::set<std::string, std::less<>> names;
  std::set<std::string, std::less<>> bases;  // tables of which a view shows every row
  bool are_made = false;                     // from then on only they may be read

  bool is_secret(const char* name) const {
    return name != nullptr && std::string_view(name).starts_with(secret);
  }
};

std::string unguessable_name() {
  std::random_device random;
  std::string name;
  for (int i = 0; i < 4; ++i) name += std::to_string(random()) + "_";
  return name;
}

int authorize(void* context,
              int action,
              const char* first,
              const char* second,
              const char* database,
              const char* accessor) {
  const auto& views = *static_cast<const Views*>(context);
  if (!views.are_made || action == SQLITE_SELECT) return SQLITE_OK;
  if (action == SQLITE_FUNCTION) {
    return second != nullptr && kFunctions.contains(second) ? SQLITE_OK : SQLITE_DENY;
  }
  if (action != SQLITE_READ || first == nullptr) return SQLITE_DENY;
  // A view's own columns, what a view reads, or how many rows there are behind one ("count(*)").
  const bool is_inside = views.is_secret(accessor) || views.is_secret(first);
  const bool is_count = second != nullptr && *second == '\0' && views.bases.contains(first);
  const bool is_view =
      views.names.contains(first) && (database == nullptr || std::string_view(database) == "temp");
  return is_inside || is_view || is_count ? SQLITE_OK : SQLITE_DENY;
}

struct Deadline {
  Clock::time_point end;
  bool has_passed = false;
};

int interrupts(void* context) {
  auto& deadline = *static_cast<Deadline*>(context);
  deadline.has_passed |= Clock::now() > deadline.end;
  return deadline.has_passed ? 1 : 0;
}

TableCell cell_of(sqlite3_stmt* statement, int column) {
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
      return sqlite3_column_int64(statement, column);
    case SQLITE_FLOAT:
      return sqlite3_column_double(statement, column);
    case SQLITE_NULL:
      return std::monostate();
    default: {
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
      const auto n = static_cast<size_t>(sqlite3_column_bytes(statement, column));
      return std::string(text == nullptr ? "" : text, n);
    }
  }
}

}  // namespace

class TableReader::Connection {
 public:
  Connection(const std::filesystem::path& file, std::vector<RecordTable> all)
      : tables(std::move(all)) {
    sqlite3* handle = nullptr;
    const int status =
        sqlite3_open_v2(file.c_str(), &handle, SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READONLY, nullptr);
    handle_.reset(handle);
    if (status != SQLITE_OK) throw StoreError(failure("open \"" + file.string() + "\""));
    sqlite3_busy_timeout(handle, 30'000);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_set_authorizer(handle, authorize, &views_);
    for (const RecordTable& table : tables) make_view(table);
    views_.are_made = true;
    set_limits();
  }

  const std::vector<RecordTable> tables;

  Result<TableRows> run(const std::string& sql, const TableLimits& limits) {
    Deadline deadline{.end = Clock::now() + std::chrono::milliseconds(limits.milliseconds_max)};
    sqlite3_progress_handler(handle_.get(), 1000, interrupts, &deadline);
    sqlite3_stmt* prepared = nullptr;
    const char* rest = nullptr;
    const int status = sqlite3_prepare_v2(handle_.get(), sql.c_str(),
                                          static_cast<int>(sql.size()) + 1, &prepared, &rest);
    const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> statement(prepared,
                                                                          sqlite3_finalize);
    if (status != SQLITE_OK) return refused(deadline);
    if (prepared == nullptr) return Unexpected("it is empty");
    if (std::string_view(rest).find_first_not_of(" \t\r\n;") != std::string_view::npos) {
      return Unexpected("it is more than one statement");
    }
    return read(prepared, limits, deadline);
  }

 private:
  struct Close {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };

  void make_view(const RecordTable& table) {
    const std::string base = "rows_" + std::to_string(table.id);
    const std::string inner = in_quotes(views_.secret + base);
    std::string columns = "_row, _document, _start, _end";
    for (size_t i = 0; i < table.columns.size(); ++i) {
      columns += ", c" + std::to_string(i) + " AS " + in_quotes(table.columns[i].name);
    }
    const std::string sql = "CREATE TEMP VIEW " + inner + " AS SELECT " + columns + " FROM main." +
                            base + "; CREATE TEMP VIEW " + in_quotes(table.name) +
                            " AS SELECT * FROM temp." + inner;
    if (sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
      throw StoreError(failure("make a view of table \"" + table.name + "\""));
    }
    views_.names.insert(table.name);
    views_.bases.insert(base);
  }

  void set_limits() {
    const std::pair<int, int> limits[] = {
        {SQLITE_LIMIT_LENGTH, 1 << 20},           {SQLITE_LIMIT_SQL_LENGTH, 1 << 16},
        {SQLITE_LIMIT_EXPR_DEPTH, 100},           {SQLITE_LIMIT_COMPOUND_SELECT, 10},
        {SQLITE_LIMIT_VDBE_OP, 100'000},          {SQLITE_LIMIT_ATTACHED, 0},
        {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000}, {SQLITE_LIMIT_WORKER_THREADS, 0}};
    for (const auto& [which, value] : limits) sqlite3_limit(handle_.get(), which, value);
  }

  static Result<TableRows> read(sqlite3_stmt* statement,
                                const TableLimits& limits,
                                Deadline& deadline) {
    TableRows result;
    const int n_columns = sqlite3_column_count(statement);
    for (int i = 0; i < n_columns; ++i)
      result.columns.emplace_back(sqlite3_column_name(statement, i));
    int64_t bytes = 0;
    int status = sqlite3_step(statement);
    for (; status == SQLITE_ROW; status = sqlite3_step(statement)) {
      for (int i = 0; i < n_columns; ++i) bytes += 8 + sqlite3_column_bytes(statement, i);
      result.is_cut = std::ssize(result.rows) == limits.rows_max || bytes > limits.bytes_max;
      if (result.is_cut) return result;
      auto& row = result.rows.emplace_back();
      for (int i = 0; i < n_columns; ++i) row.push_back(cell_of(statement, i));
    }
    if (status == SQLITE_DONE) return result;
    if (deadline.has_passed) return Unexpected("it takes too long");
    return judged(sqlite3_db_handle(statement), status);
  }

  Result<TableRows> refused(const Deadline& deadline) const {
    if (deadline.has_passed) return Unexpected("it takes too long");
    return judged(handle_.get(), sqlite3_errcode(handle_.get()));
  }

  // What the SQL brought about is a reason; what the disk did is a failure.
  static Result<TableRows> judged(sqlite3* handle, int status) {
    switch (status & 0xff) {
      case SQLITE_AUTH:
        return Unexpected("it does more than read the tables of this collection (" +
                          std::string(sqlite3_errmsg(handle)) + ")");
      case SQLITE_ERROR:
      case SQLITE_TOOBIG:
      case SQLITE_MISMATCH:
      case SQLITE_RANGE:
      case SQLITE_CONSTRAINT:
        return Unexpected(std::string(sqlite3_errmsg(handle)));
      default:
        throw StoreError("cannot ask tables: " + std::string(sqlite3_errmsg(handle)));
    }
  }

  std::string failure(const std::string& attempt) const {
    return "cannot " + attempt + ": " + sqlite3_errmsg(handle_.get());
  }

  Views views_{.secret = unguessable_name(), .names = {}, .bases = {}};
  std::unique_ptr<sqlite3, Close> handle_;
};

TableReader::TableReader(const std::filesystem::path& file, std::vector<RecordTable> tables)
    : connection_(std::make_unique<Connection>(file, std::move(tables))) {}

TableReader::~TableReader() = default;

const std::vector<RecordTable>& TableReader::tables() const {
  return connection_->tables;
}

Result<TableRows> TableReader::query(const std::string& sql, const TableLimits& limits) {
  return connection_->run(sql, limits);
}

std::unique_ptr<TableReader> Store::read_tables(CollectionId collection) const {
  return std::make_unique<TableReader>(impl_->directory_ / "store.sqlite",
                                       record_tables({collection}));
}

}  // namespace widenet::store
