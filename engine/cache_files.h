// CacheFiles: the prefix cache's directory, its files and their catalogue.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "engine/cache_catalogue.h"
#include "engine/cache_disk.h"

namespace widenet::engine {

struct CacheStatistics {
  int64_t bytes_max = 0;
  int64_t bytes = 0;  // of files, allocated, also of those that go when they are unpinned
  int64_t n_files = 0;

  // Since open().
  int64_t n_reads = 0;          // that gave what was asked for
  int64_t n_reads_gone = 0;     // the file had gone since it was found
  int64_t n_reads_damaged = 0;  // its bytes were not what they should be: it was removed
  int64_t n_commits = 0;
  int64_t n_skipped = 0;    // commits that did not take place
  int64_t n_evictions = 0;  // files
  int64_t n_swept = 0;      // files that no row named
  int64_t n_rebuilt = 0;    // how often the catalogue was damaged and begun anew
};

// The lower half of the prefix cache: keeps bytes under block keys, within a budget.  In
// `directory`
//
//   lock                      held while the cache is open
//   catalogue.sqlite          what exists
//   files/<16 hex digits>.kv  one for each row, named by its id; the format heads cache_files.cc
//
// An accelerator and never an authority.  A file that is missing, torn, foreign or corrupt is a
// miss and is removed with its descendants; so is the whole catalogue.  What the disk does never
// throws: lookups and reads miss, commits say why they did not take place.
//
//   Atomicity  A commit is durable when it returns, and before that absent after a crash, or whole.
//   Integrity  Every byte that a read returns has been checked against its CRC-32C.
//   Budget     The blocks of all files together never exceed bytes_max.  The catalogue, about one
//              kilobyte a file, comes on top.
//   Pins       What is pinned is not evicted, and can be read even when another file has replaced
//              it.  remove() and damage take it all the same.
//
// Thread-safe.  Reads and writes of files run side by side; only the catalogue is one at a time.
class CacheFiles {
 public:
  // Makes what is not there, and sweeps what a crash left.  The reason why there is no cache is one
  // for people: another process has it, the directory cannot be written, ...  The disk outlives it.
  static Result<std::unique_ptr<CacheFiles>> open(CacheDisk& disk,
                                                  std::filesystem::path directory,
                                                  int64_t bytes_max);

  ~CacheFiles();
  CacheFiles(const CacheFiles&) = delete;
  CacheFiles& operator=(const CacheFiles&) = delete;

  // Lookups, as the catalogue's.  What cannot be looked up is a miss.
  std::optional<CacheFile> find(int64_t id);
  std::optional<CacheFile> find_rows(const BlockKey& first_key);
  std::vector<CacheFile> find_points(const BlockKey& key, std::span<const int32_t> next);
  void note_hits(std::span<const int64_t> ids, int64_t now_ms);
  void for_each(const std::function<void(const CacheFile&)>& visit);

  std::optional<Sha256::Digest> find_weight_hash(const WeightFile& file);
  void remember_weight_hash(const WeightFile& file, const Sha256::Digest& hash);

  // Stores the rows, one payload for each of file.records, and file.point's payload, and evicts
  // what the budget wants for it.  Of `file` the caller gives parent, first_block, keys, the
  // records' n_blocks, the point's key, tail, n_tokens and has_logits, seconds, n_hits and
  // last_used_ms; the rest is filled in.
  //
  // `sources` are those that some of its tokens come from: see remove_sources().
  //
  // Returns the file as it is now known, or why nothing has changed (though some may have been
  // evicted): no room, the parent is gone, the disk is full or failing.
  Result<CacheFile> commit(CacheFile file,
                           std::span<const std::span<const std::byte>> records,
                           std::span<const std::byte> point,
                           std::span<const int64_t> sources = {});

  // Reads records [first, first + targets.size()), or the point, into the caller's memory; a target
  // of another size than what it takes is a miss.  Several threads may read one file at once.
  // False, with the targets in any state: a miss.
  [[nodiscard]] bool read_records(const CacheFile& file,
                                  size_t first,
                                  std::span<const std::span<std::byte>> targets);
  [[nodiscard]] bool read_point(const CacheFile& file, std::span<std::byte> target);

  // All or, if one of them is gone, none (false).  Pins are counted.
  [[nodiscard]] bool pin(std::span<const int64_t> ids);
  void unpin(std::span<const int64_t> ids);

  // The file and its descendants, from the disk too.  True when nothing of them is left that could
  // come back; false: the disk refused, ask again.
  [[nodiscard]] bool remove(int64_t id);

  struct Removed {
    int64_t n_files = 0;
    bool is_complete = false;  // false: the disk refused, ask again
  };
  // The files with tokens of these sources, and their descendants, from the disk too, and from what
  // the catalogue has written aside.
  Removed remove_sources(std::span<const int64_t> sources);

  struct Verified {
    int64_t n_files = 0;
    int64_t bytes = 0;  // of payload that was read
    int64_t n_damaged = 0;
    std::vector<int64_t> removed;  // the damaged and their descendants
  };
  // Reads every file and checks every CRC.
  Verified verify();

  // Removes files that no row names, and rows that have no file.  Nothing outside files/, nor any
  // directory, is ever touched.  Returns how many files and rows went.
  int64_t collect_garbage();

  CacheStatistics statistics() const;

  // Why the catalogue that was there when it was opened was thrown away; empty if it was not.
  std::string thrown_away() const { return catalogue_.thrown_away(); }

 private:
  class Reservation;

  CacheFiles(CacheDisk& disk,
             std::filesystem::path directory,
             int64_t bytes_max,
             std::unique_ptr<CacheDisk::Lock> lock);

  template <typename Use>
  auto ask(const Use& use) -> decltype(use());
  void begin_anew();
  int64_t sweep();

  std::filesystem::path path_of(int64_t id) const;
  std::filesystem::path temporary_path_of(int64_t id) const;

  CacheFile store(CacheFile file,
                  std::span<const std::span<const std::byte>> records,
                  std::span<const std::byte> point,
                  std::span<const int64_t> sources);
  bool finish_read(int64_t id, bool is_whole, bool may_be_damaged);
  std::vector<int64_t> remove_everywhere(int64_t id);

  // With mutex_ held.
  int64_t bytes_used() const;
  bool make_room(int64_t bytes);
  void retire(std::span<const int64_t> ids);
  void release_pin(int64_t id);
  void unlink(int64_t id);

  CacheDisk& disk_;
  const std::filesystem::path directory_;
  const std::filesystem::path files_;
  const int64_t bytes_max_;
  const std::unique_ptr<CacheDisk::Lock> lock_;
  CacheCatalogue catalogue_;

  mutable std::mutex mutex_;  // guards what follows; taken before the catalogue's
  CacheStatistics statistics_;
  std::unordered_map<int64_t, int64_t> pins_;
  std::unordered_map<int64_t, int64_t> replaced_;  // id -> bytes: pinned, without a row
  std::set<int64_t> undeleted_;  // without a row, on a disk that refused to remove them
  std::set<int64_t> being_written_;
  int64_t bytes_reserved_ = 0;  // for those
};

}  // namespace widenet::engine
