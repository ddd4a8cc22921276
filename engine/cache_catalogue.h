// CacheCatalogue: what the prefix cache has on disk, in cache/catalogue.sqlite.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/hash.h"
#include "engine/block_keys.h"
#include "engine/cache_disk.h"
#include "engine/cache_sqlite.h"

namespace widenet::engine {

// One file of the cache: the rows of consecutive blocks (maybe of none) and, at their end, a point
// from which a session can resume (maybe none).  Not both none.  Immutable once it is committed,
// except for what is marked.
struct CacheFile {
  // The rows of the next n_blocks blocks.
  struct Record {
    int64_t n_blocks = 0;
    int64_t offset = 0;  // in the file
    int64_t bytes = 0;
    uint32_t crc = 0;  // CRC-32C
  };

  struct Point {
    BlockKey key = {};  // of the last whole block before it; the caller's root if there is none
    std::vector<int32_t> tail;  // the tokens after that block
    int64_t n_tokens = 0;       // of the whole prefix
    bool has_logits = false;
    int64_t offset = 0;
    int64_t bytes = 0;
    uint32_t crc = 0;
  };

  int64_t id = 0;           // positive, never used twice
  int64_t parent = 0;       // the file with the block before its first; 0: there is none.  Changes
                            // when another file takes over that block
  int64_t first_block = 0;  // ordinal in its timeline, of keys[0] or what would be
  std::vector<BlockKey> keys;   // of its blocks, in order
  std::vector<Record> records;  // in order; their blocks are those of `keys`
  std::optional<Point> point;
  int64_t bytes = 0;         // allocated on disk; more than 0
  double seconds = 0;        // of prefill that it saves
  int64_t n_hits = 0;        // changes
  int64_t last_used_ms = 0;  // Unix time; changes
};

// A remembered content hash of a file of weights: valid while size and time of change are the same.
struct WeightFile {
  int64_t device = 0;
  int64_t inode = 0;
  int64_t size = 0;
  int64_t mtime_ns = 0;
};

// An accelerator and never an authority: what it does not know is a miss, and a database that is
// damaged or of another version is thrown away and begun anew.
//
// Files form a tree by `parent`: nothing can be resumed in a file whose ancestors are not there, so
// what goes takes its descendants along.  Except where it is said, functions cost O(log n),
// and as much again for each row that they return or remove.
//
// Throws DatabaseDamaged, whereupon the owner calls begin_anew(); else FileError.  Changes are
// durable when they return, and happen wholly or not at all.  Thread-safe.
class CacheCatalogue {
 public:
  // The disk outlives it.  One process at a time: the caller holds a lock.
  CacheCatalogue(CacheDisk& disk, std::filesystem::path path);

  // Why a database that was there was thrown away; empty if none was.
  std::string thrown_away() const;

  // Forgets everything, ids that were handed out excepted.
  void begin_anew();

  // An id for add(); used or not, it is not handed out again.
  int64_t reserve_id();

  // Replaces a file with the same first key, and one that has no blocks and the same point.  Of the
  // children of what is replaced, those that the new file holds whole (it merges them) are replaced
  // too, those that continue it become its own, and those that continue neither go, with their
  // descendants.  Returns the ids that went.  Nothing happens, and nothing is returned, if the
  // file's parent is not there or does not hold the block before its first.
  // `sources` are those that some of its tokens come from.
  std::optional<std::vector<int64_t>> add(const CacheFile& file,
                                          std::span<const int64_t> sources = {});

  std::optional<CacheFile> find(int64_t id);
  std::optional<CacheFile> find_rows(const BlockKey& first_key);

  // The points right after the block with this key (or the caller's root) with whose tail `next`
  // begins, the tokens of the prompt after that block; longest first.
  std::vector<CacheFile> find_points(const BlockKey& key, std::span<const int32_t> next);

  // Each was used once more.  Not worth a sync of its own: a crash may lose it.
  void note_hits(std::span<const int64_t> ids, int64_t now_ms);

  // These and their descendants.  Returns the ids that went; unknown ones are ignored.
  std::vector<int64_t> remove(std::span<const int64_t> ids);

  // Those with tokens of these sources, and their descendants; nothing of them is left in the
  // database's files.
  std::vector<int64_t> remove_sources(std::span<const int64_t> sources);

  struct Victims {
    std::vector<int64_t> ids;
    int64_t bytes = 0;
  };
  // What to evict for bytes_wanted, or as much of it as may go, nothing that is_kept among it.
  // Leaves only, a parent after its last child, in ascending order of
  //   (1 + n_hits) * 2^(-age / 6 h) * seconds / bytes
  // which is the same at any time of asking.  O(n log n): reads all rows, so ask for a batch.
  Victims victims(int64_t bytes_wanted, const std::function<bool(int64_t id)>& is_kept);

  // In order of id.  O(n).  `visit` may call the catalogue; a file added meanwhile may be left out.
  void for_each(const std::function<void(const CacheFile&)>& visit);

  // Files whose parent is not there or does not hold the block before them.  None, unless someone
  // else wrote into the database.  O(n log n).
  std::vector<int64_t> orphans();

  int64_t n_files() const;      // O(1)
  int64_t total_bytes() const;  // of the files, allocated.  O(1)
  int64_t n_steps() const;  // of SQLite's virtual machine so far: what was asked, without a clock

  std::optional<Sha256::Digest> find_weight_hash(const WeightFile& file);
  void remember_weight_hash(const WeightFile& file, const Sha256::Digest& hash);

 private:
  void connect();
  void create();
  CacheDatabase& database();

  CacheDisk& disk_;
  const std::filesystem::path path_;

  mutable std::mutex mutex_;  // guards what follows
  std::unique_ptr<CacheDatabase> database_;
  std::string thrown_away_;
  int64_t last_id_ = 0;
  int64_t n_files_ = 0;
  int64_t total_bytes_ = 0;
};

}  // namespace widenet::engine
