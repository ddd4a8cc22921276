#include "engine/cache_catalogue.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <queue>
#include <set>
#include <unordered_map>
#include <utility>

#include "base/check.h"

namespace widenet::engine {
namespace {

using Transaction = CacheDatabase::Transaction;
using Durable = CacheDatabase::Durable;

constexpr int64_t kVersion = 2;
constexpr size_t kTailTokensMax = 128;                // of a point: less than a block
constexpr int64_t kIdMax = int64_t{1} << 62;          // far from where counting on would overflow
constexpr double kHalfLifeMs = 6.0 * 60 * 60 * 1000;  // of a file's value to us

// What lookups by key do not need comes last: SQLite reads a row only as far as it must.
constexpr const char* kSchema = R"(
BEGIN;
CREATE TABLE files (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  parent INTEGER NOT NULL,
  first_block INTEGER NOT NULL CHECK (first_block >= 0),
  bytes INTEGER NOT NULL CHECK (bytes > 0),
  seconds REAL NOT NULL CHECK (seconds >= 0),
  n_hits INTEGER NOT NULL CHECK (n_hits >= 0),
  last_used_ms INTEGER NOT NULL,
  first_key BLOB,             -- of its blocks; NULL: it has none
  point_key BLOB,             -- NULL: it has no point
  point_tail BLOB,            -- int32 each
  point_n_tokens INTEGER NOT NULL,
  point_has_logits INTEGER NOT NULL,
  point_offset INTEGER NOT NULL,
  point_bytes INTEGER NOT NULL,
  point_crc INTEGER NOT NULL,
  records BLOB NOT NULL,      -- n_blocks, offset, bytes, crc: int64 each
  keys BLOB NOT NULL          -- 32 bytes each
) STRICT;
CREATE UNIQUE INDEX files_by_first_key ON files (first_key) WHERE first_key IS NOT NULL;
CREATE INDEX files_by_point ON files (point_key, point_tail) WHERE point_key IS NOT NULL;
CREATE INDEX files_by_parent ON files (parent);
CREATE TABLE sources (          -- what tokens of a file come from
  source INTEGER NOT NULL,
  file INTEGER NOT NULL,
  PRIMARY KEY (source, file)
) STRICT, WITHOUT ROWID;
CREATE INDEX sources_by_file ON sources (file);
CREATE TABLE weight_hashes (
  device INTEGER NOT NULL,
  inode INTEGER NOT NULL,
  size INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL,
  hash BLOB NOT NULL,
  PRIMARY KEY (device, inode)
) STRICT, WITHOUT ROWID;
PRAGMA user_version = 2;
COMMIT;
)";

#define WN_CACHE_FILE_COLUMNS                                                              \
  "id, parent, first_block, bytes, seconds, n_hits, last_used_ms, point_key, point_tail, " \
  "point_n_tokens, point_has_logits, point_offset, point_bytes, point_crc, records, keys"

// Never null: that would be NULL, and an empty list is not.
template <typename T>
Blob blob_of(std::span<const T> values) {
  if (values.empty()) return {reinterpret_cast<const std::byte*>(""), 0};
  return std::as_bytes(values);
}

Blob blob_of(const BlockKey& key) {
  return std::as_bytes(std::span(key));
}

template <typename T>
std::vector<T> values_of(Blob blob) {
  if (blob.size() % sizeof(T) != 0) throw DatabaseDamaged("a row of the cache's catalogue is torn");
  std::vector<T> values(blob.size() / sizeof(T));
  if (!blob.empty()) std::memcpy(values.data(), blob.data(), blob.size());
  return values;
}

BlockKey key_of(Blob blob) {
  BlockKey key;
  if (blob.size() != key.size()) throw DatabaseDamaged("a key in the cache's catalogue is torn");
  std::memcpy(key.data(), blob.data(), key.size());
  return key;
}

int64_t n_blocks_of(const CacheFile& file) {
  return static_cast<int64_t>(file.keys.size());
}

bool records_fit_keys(const CacheFile& file) {
  int64_t n_blocks = 0;
  for (const CacheFile::Record& record : file.records) {
    if (record.n_blocks <= 0 || record.n_blocks > n_blocks_of(file) - n_blocks) return false;
    n_blocks += record.n_blocks;
  }
  return n_blocks == n_blocks_of(file);
}

std::vector<int64_t> packed(const std::vector<CacheFile::Record>& records) {
  std::vector<int64_t> values;
  for (const CacheFile::Record& record : records) {
    values.insert(values.end(), {record.n_blocks, record.offset, record.bytes, record.crc});
  }
  return values;
}

std::vector<CacheFile::Record> unpacked(const std::vector<int64_t>& values) {
  if (values.size() % 4 != 0) throw DatabaseDamaged("a row of the cache's catalogue is torn");
  std::vector<CacheFile::Record> records;
  for (size_t i = 0; i < values.size(); i += 4) {
    records.push_back({.n_blocks = values[i],
                       .offset = values[i + 1],
                       .bytes = values[i + 2],
                       .crc = static_cast<uint32_t>(values[i + 3])});
  }
  return records;
}

// The current row of a query for WN_CACHE_FILE_COLUMNS.
CacheFile file_of(const CacheDatabase::Query& row) {
  CacheFile file{.id = row.integer(0),
                 .parent = row.integer(1),
                 .first_block = row.integer(2),
                 .keys = values_of<BlockKey>(row.blob(15)),
                 .records = unpacked(values_of<int64_t>(row.blob(14))),
                 .point = {},
                 .bytes = row.integer(3),
                 .seconds = row.real(4),
                 .n_hits = row.integer(5),
                 .last_used_ms = row.integer(6)};
  if (!row.is_null(7)) {
    file.point = CacheFile::Point{.key = key_of(row.blob(7)),
                                  .tail = values_of<int32_t>(row.blob(8)),
                                  .n_tokens = row.integer(9),
                                  .has_logits = row.integer(10) != 0,
                                  .offset = row.integer(11),
                                  .bytes = row.integer(12),
                                  .crc = static_cast<uint32_t>(row.integer(13))};
  }
  if (!records_fit_keys(file)) throw DatabaseDamaged("a row of the cache's catalogue is torn");
  return file;
}

std::optional<CacheFile> find_file(CacheDatabase& database, int64_t id) {
  auto row = database.query("SELECT " WN_CACHE_FILE_COLUMNS " FROM files WHERE id = ?1", id);
  if (!row.step()) return std::nullopt;
  return file_of(row);
}

void insert(CacheDatabase& database, const CacheFile& file) {
  const auto point = file.point.value_or(CacheFile::Point{});
  const std::vector<int64_t> records = packed(file.records);
  database.run(
      "INSERT INTO files (" WN_CACHE_FILE_COLUMNS
      ", first_key) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
      file.id, file.parent, file.first_block, file.bytes, file.seconds, file.n_hits,
      file.last_used_ms, file.point ? blob_of(point.key) : Blob(),
      file.point ? blob_of(std::span(point.tail)) : Blob(), point.n_tokens,
      int64_t{point.has_logits}, point.offset, point.bytes, int64_t{point.crc},
      blob_of(std::span(records)), blob_of(std::span(file.keys)),
      file.keys.empty() ? Blob() : blob_of(file.keys.front()));
}

// The key of the block `ordinal` of the timeline, if it is in the file.
const BlockKey* find_key(const CacheFile& file, int64_t ordinal) {
  const int64_t i = ordinal - file.first_block;
  return i >= 0 && i < n_blocks_of(file) ? &file.keys[static_cast<size_t>(i)] : nullptr;
}

bool holds_block_before(const CacheFile& parent, const CacheFile& child) {
  return find_key(parent, child.first_block - 1) != nullptr;
}

bool have_same_point(const CacheFile& a, const CacheFile& b) {
  return a.point && b.point && a.point->key == b.point->key && a.point->tail == b.point->tail;
}

// All that a lookup could find in `part` it finds in `whole`.
bool holds_whole(const CacheFile& whole, const CacheFile& part) {
  if (part.point && !have_same_point(part, whole)) return false;
  for (int64_t i = 0; i < n_blocks_of(part); ++i) {
    const BlockKey* key = find_key(whole, part.first_block + i);
    if (key == nullptr || *key != part.keys[static_cast<size_t>(i)]) return false;
  }
  return true;
}

std::vector<int64_t> ids_of(CacheDatabase::Query query) {
  std::vector<int64_t> ids;
  while (query.step()) ids.push_back(query.integer(0));
  return ids;
}

std::vector<int64_t> children_of(CacheDatabase& database, int64_t id) {
  return ids_of(database.query("SELECT id FROM files WHERE parent = ?1", id));
}

// What went, and how much of the disk it had.
struct Gone {
  std::vector<int64_t> ids;
  int64_t bytes = 0;
};

void remove_row(CacheDatabase& database, int64_t id, Gone& gone) {
  auto row = database.query("DELETE FROM files WHERE id = ?1 RETURNING bytes", id);
  if (!row.step()) return;
  gone.ids.push_back(id);
  gone.bytes += row.integer(0);
  row.step();  // to its end: the row goes when the statement is done
  database.run("DELETE FROM sources WHERE file = ?1", id);
}

void remove_tree(CacheDatabase& database, int64_t id, Gone& gone) {
  const auto ids =
      ids_of(database.query("WITH RECURSIVE tree (id) AS (VALUES (?1) UNION "
                            "SELECT files.id FROM files JOIN tree ON files.parent = tree.id) "
                            "SELECT id FROM tree",
                            id));
  for (const int64_t one : ids) remove_row(database, one, gone);
}

// The files that a new one takes the place of.
std::vector<CacheFile> find_replaced(CacheDatabase& database, const CacheFile& file) {
  std::vector<CacheFile> replaced;
  if (!file.keys.empty()) {
    auto row = database.query("SELECT " WN_CACHE_FILE_COLUMNS " FROM files WHERE first_key = ?1",
                              blob_of(file.keys.front()));
    if (row.step()) replaced.push_back(file_of(row));
  }
  if (file.point) {
    auto row =
        database.query("SELECT " WN_CACHE_FILE_COLUMNS
                       " FROM files WHERE point_key = ?1 AND point_tail = ?2 AND first_key IS NULL",
                       blob_of(file.point->key), blob_of(std::span(file.point->tail)));
    while (row.step()) replaced.push_back(file_of(row));
  }
  return replaced;
}

// Takes the new file's predecessors out, and gives it those of their children that it can have.
void replace(CacheDatabase& database,
             std::vector<CacheFile> replaced,
             const CacheFile& file,
             Gone& gone) {
  while (!replaced.empty()) {
    const CacheFile old = std::move(replaced.back());
    replaced.pop_back();
    for (const int64_t id : children_of(database, old.id)) {
      const auto child = find_file(database, id);
      const BlockKey* key = child ? find_key(file, child->first_block - 1) : nullptr;
      const BlockKey* old_key = child ? find_key(old, child->first_block - 1) : nullptr;
      if (key == nullptr || old_key == nullptr || *key != *old_key) {
        remove_tree(database, id, gone);
      } else if (holds_whole(file, *child)) {
        replaced.push_back(*child);
      } else {
        database.run("UPDATE files SET parent = ?2 WHERE id = ?1", id, file.id);
      }
    }
    remove_row(database, old.id, gone);
  }
}

// A row of the scan for victims.
struct Candidate {
  int64_t id = 0;
  int64_t parent = 0;
  int64_t bytes = 0;
  double value = 0;
  int64_t n_children = 0;
};

// The value is a logarithm, so that years do not round to nothing, and leaves out the present,
// which all have in common.
std::vector<Candidate> read_candidates(CacheDatabase& database) {
  std::vector<Candidate> candidates;
  auto row = database.query(
      "SELECT id, parent, bytes, seconds, n_hits, last_used_ms FROM files ORDER BY id");
  while (row.step()) {
    const auto n_hits = static_cast<double>(row.integer(4));
    const auto last_used_ms = static_cast<double>(row.integer(5));
    const double worth = (1 + n_hits) * row.real(3) / static_cast<double>(row.integer(2));
    candidates.push_back({.id = row.integer(0),
                          .parent = row.integer(1),
                          .bytes = row.integer(2),
                          .value = std::log2(worth) + last_used_ms / kHalfLifeMs});
  }
  return candidates;
}

}  // namespace

CacheCatalogue::CacheCatalogue(CacheDisk& disk, std::filesystem::path path)
    : disk_(disk), path_(std::move(path)) {
  if (!disk_.exists(path_)) {
    create();
    return;
  }
  try {
    connect();
  } catch (const DatabaseDamaged& damage) {
    thrown_away_ = damage.what();
    create();
  }
}

// A connection to a sound database of our version, and what is kept in memory of it.
void CacheCatalogue::connect() {
  auto database = std::make_unique<CacheDatabase>(disk_, path_);
  const int64_t version = database->integer("PRAGMA user_version");
  if (version != kVersion) {
    throw DatabaseDamaged("\"" + path_.string() + "\" is of version " + std::to_string(version) +
                          ", not " + std::to_string(kVersion));
  }
  database->check();
  const int64_t last_id =
      std::max(database->integer("SELECT seq FROM sqlite_sequence WHERE name = 'files'"),
               database->integer("SELECT max(id) FROM files"));
  if (last_id < 0 || last_id > kIdMax)
    throw DatabaseDamaged("the cache's catalogue counts wrongly");
  last_id_ = std::max(last_id_, last_id);
  n_files_ = database->integer("SELECT count(*) FROM files");
  total_bytes_ = database->integer("SELECT sum(bytes) FROM files");
  database_ = std::move(database);
}

// The journals go before what they belong to.
void CacheCatalogue::create() {
  database_.reset();
  for (const char* suffix : {"-wal", "-journal", ""}) disk_.remove(path_.string() + suffix);
  disk_.sync_directory(path_.parent_path());
  CacheDatabase(disk_, path_).run_script(kSchema);
  connect();
}

CacheDatabase& CacheCatalogue::database() {
  if (database_ == nullptr) throw FileError("\"" + path_.string() + "\" could not be begun anew");
  return *database_;
}

std::string CacheCatalogue::thrown_away() const {
  const std::lock_guard lock(mutex_);
  return thrown_away_;
}

void CacheCatalogue::begin_anew() {
  const std::lock_guard lock(mutex_);
  create();
}

int64_t CacheCatalogue::reserve_id() {
  const std::lock_guard lock(mutex_);
  return ++last_id_;
}

std::optional<std::vector<int64_t>> CacheCatalogue::add(const CacheFile& file,
                                                        std::span<const int64_t> sources) {
  WN_CHECK(!file.keys.empty() || file.point);
  WN_CHECK(records_fit_keys(file) && file.bytes > 0 && file.seconds >= 0 && file.n_hits >= 0);
  WN_CHECK(file.first_block >= 0 && (file.parent == 0) == (file.first_block == 0));
  WN_CHECK(!file.point || file.point->tail.size() <= kTailTokensMax);
  const std::lock_guard lock(mutex_);
  WN_CHECK(file.id > 0 && file.id <= last_id_);
  Transaction transaction(database(), Durable::now);
  if (file.parent != 0) {
    const auto parent = find_file(database(), file.parent);
    if (!parent || !holds_block_before(*parent, file)) return std::nullopt;
  }
  Gone gone;
  replace(database(), find_replaced(database(), file), file, gone);
  insert(database(), file);
  for (const int64_t source : sources) {
    database().run("INSERT INTO sources VALUES (?1, ?2)", source, file.id);
  }
  transaction.commit();
  n_files_ += 1 - std::ssize(gone.ids);
  total_bytes_ += file.bytes - gone.bytes;
  return gone.ids;
}

std::optional<CacheFile> CacheCatalogue::find(int64_t id) {
  const std::lock_guard lock(mutex_);
  return find_file(database(), id);
}

std::optional<CacheFile> CacheCatalogue::find_rows(const BlockKey& first_key) {
  const std::lock_guard lock(mutex_);
  auto row = database().query("SELECT " WN_CACHE_FILE_COLUMNS " FROM files WHERE first_key = ?1",
                              blob_of(first_key));
  if (!row.step()) return std::nullopt;
  CacheFile file = file_of(row);
  if (file.keys.empty() || file.keys.front() != first_key) {
    throw DatabaseDamaged("the cache's catalogue finds the wrong rows");
  }
  return file;
}

// In the order of their bytes the prefixes of `next` come before it, and before them or between
// them only tails that part from it.  So the last tail that is not after `next` is the longest
// prefix, or it shows up to where a prefix may reach; then the search goes on from there.
std::vector<CacheFile> CacheCatalogue::find_points(const BlockKey& key,
                                                   std::span<const int32_t> next) {
  const std::lock_guard lock(mutex_);
  std::vector<CacheFile> found;
  next = next.first(std::min(next.size(), kTailTokensMax));
  for (;;) {
    auto row = database().query("SELECT " WN_CACHE_FILE_COLUMNS
                                " FROM files WHERE point_key = ?1 AND point_tail <= ?2 "
                                "ORDER BY point_tail DESC LIMIT 1",
                                blob_of(key), blob_of(next));
    if (!row.step()) return found;
    CacheFile file = file_of(row);
    if (!file.point || file.point->key != key) {
      throw DatabaseDamaged("the cache's catalogue finds the wrong point");
    }
    const std::vector<int32_t>& tail = file.point->tail;
    const auto n_common = static_cast<size_t>(
        std::mismatch(tail.begin(), tail.end(), next.begin(), next.end()).first - tail.begin());
    if (n_common == tail.size()) {
      found.push_back(std::move(file));
      if (n_common == 0) return found;
      next = next.first(n_common - 1);
    } else {
      if (n_common == next.size()) {
        throw DatabaseDamaged("the points in the cache's catalogue are out of order");
      }
      next = next.first(n_common);
    }
  }
}

void CacheCatalogue::note_hits(std::span<const int64_t> ids, int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  Transaction transaction(database(), Durable::later);
  for (const int64_t id : ids) {
    database().run(
        "UPDATE files SET n_hits = n_hits + 1, last_used_ms = max(last_used_ms, ?2) WHERE id = ?1",
        id, now_ms);
  }
  transaction.commit();
}

std::vector<int64_t> CacheCatalogue::remove(std::span<const int64_t> ids) {
  const std::lock_guard lock(mutex_);
  Transaction transaction(database(), Durable::now);
  Gone gone;
  for (const int64_t id : ids) remove_tree(database(), id, gone);
  transaction.commit();
  n_files_ -= std::ssize(gone.ids);
  total_bytes_ -= gone.bytes;
  return gone.ids;
}

std::vector<int64_t> CacheCatalogue::remove_sources(std::span<const int64_t> sources) {
  const std::lock_guard lock(mutex_);
  Gone gone;
  {
    Transaction transaction(database(), Durable::now);
    for (const int64_t source : sources) {
      const auto files =
          ids_of(database().query("SELECT file FROM sources WHERE source = ?1", source));
      for (const int64_t id : files) remove_tree(database(), id, gone);
    }
    transaction.commit();
  }
  n_files_ -= std::ssize(gone.ids);
  total_bytes_ -= gone.bytes;
  database().query("PRAGMA wal_checkpoint(TRUNCATE)").step();
  return gone.ids;
}

CacheCatalogue::Victims CacheCatalogue::victims(int64_t bytes_wanted,
                                                const std::function<bool(int64_t)>& is_kept) {
  std::vector<Candidate> candidates;
  {
    const std::lock_guard lock(mutex_);
    candidates = read_candidates(database());
  }
  std::unordered_map<int64_t, Candidate*> by_id;
  for (Candidate& candidate : candidates) by_id[candidate.id] = &candidate;
  const auto parent_of = [&](const Candidate& candidate) -> Candidate* {
    const auto found = by_id.find(candidate.parent);
    return found != by_id.end() ? found->second : nullptr;
  };
  for (const Candidate& candidate : candidates) {
    if (Candidate* parent = parent_of(candidate)) ++parent->n_children;
  }

  const auto is_worth_more = [](const Candidate* a, const Candidate* b) {
    return a->value > b->value;
  };
  std::priority_queue<Candidate*, std::vector<Candidate*>, decltype(is_worth_more)> leaves(
      is_worth_more);
  const auto offer = [&](Candidate& candidate) {
    if (candidate.n_children == 0 && !is_kept(candidate.id)) leaves.push(&candidate);
  };
  for (Candidate& candidate : candidates) offer(candidate);
  Victims victims;
  while (victims.bytes < bytes_wanted && !leaves.empty()) {
    const Candidate& victim = *leaves.top();
    leaves.pop();
    victims.ids.push_back(victim.id);
    victims.bytes += victim.bytes;
    if (Candidate* parent = parent_of(victim)) {
      --parent->n_children;
      offer(*parent);
    }
  }
  return victims;
}

void CacheCatalogue::for_each(const std::function<void(const CacheFile&)>& visit) {
  int64_t last_id = 0;
  for (;;) {
    std::vector<CacheFile> page;  // a few at a time, so that others get their turn
    {
      const std::lock_guard lock(mutex_);
      auto row = database().query("SELECT " WN_CACHE_FILE_COLUMNS
                                  " FROM files WHERE id > ?1 ORDER BY id LIMIT 64",
                                  last_id);
      while (row.step()) page.push_back(file_of(row));
    }
    if (page.empty()) return;
    for (const CacheFile& file : page) visit(file);
    last_id = page.back().id;
  }
}

std::vector<int64_t> CacheCatalogue::orphans() {
  const std::lock_guard lock(mutex_);
  return ids_of(database().query(
      "SELECT id FROM files AS child WHERE parent <> 0 AND NOT EXISTS ("
      "SELECT 1 FROM files WHERE id = child.parent AND first_block < child.first_block "
      "AND child.first_block <= first_block + length(keys) / 32)"));
}

int64_t CacheCatalogue::n_files() const {
  const std::lock_guard lock(mutex_);
  return n_files_;
}

int64_t CacheCatalogue::total_bytes() const {
  const std::lock_guard lock(mutex_);
  return total_bytes_;
}

int64_t CacheCatalogue::n_steps() const {
  const std::lock_guard lock(mutex_);
  return database_ == nullptr ? 0 : database_->n_steps();
}

std::optional<Sha256::Digest> CacheCatalogue::find_weight_hash(const WeightFile& file) {
  const std::lock_guard lock(mutex_);
  auto row = database().query(
      "SELECT hash FROM weight_hashes WHERE device = ?1 AND inode = ?2 AND size = ?3 "
      "AND mtime_ns = ?4",
      file.device, file.inode, file.size, file.mtime_ns);
  if (!row.step()) return std::nullopt;
  return key_of(row.blob(0));
}

void CacheCatalogue::remember_weight_hash(const WeightFile& file, const Sha256::Digest& hash) {
  const std::lock_guard lock(mutex_);
  Transaction transaction(database(), Durable::now);
  database().run("REPLACE INTO weight_hashes VALUES (?1, ?2, ?3, ?4, ?5)", file.device, file.inode,
                 file.size, file.mtime_ns, blob_of(hash));
  transaction.commit();
}

}  // namespace widenet::engine
