// CacheVfs: SQLite on a CacheDisk, so that a failing disk fails the cache's catalogue too.
#pragma once

#include <memory>
#include <string>

#include "engine/cache_disk.h"

namespace widenet::engine {

// An SQLite "virtual file system", registered under a name of its own for as long as it lives.
//
// For one connection in locking_mode=EXCLUSIVE: locks do nothing (the cache's lock file guards the
// whole directory), and there is no shared memory.  Temporary files are refused: temp_store=MEMORY.
// What the disk throws becomes SQLITE_FULL or SQLITE_IOERR_*.
class CacheVfs {
 public:
  // The disk outlives it, and it outlives the connections that are opened with its name.
  explicit CacheVfs(CacheDisk& disk);
  ~CacheVfs();
  CacheVfs(const CacheVfs&) = delete;
  CacheVfs& operator=(const CacheVfs&) = delete;

  const char* name() const;

  // What the disk said last that made an operation fail; SQLite's own message does not have it.
  const std::string& last_error() const;

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace widenet::engine
