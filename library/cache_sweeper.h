// What the model made of documents that were deleted goes from the prefix cache, too.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <thread>

#include "engine/prefix_cache.h"
#include "store/store.h"

namespace widenet::library {

// For those who have no cache open: removes it from the one in `directory`.  False: another process
// has that open, and does it within a second; or the disk refused, and whoever opens it next does.
bool sweep_cache_files(store::Store& store, const std::filesystem::path& directory);

// Looks every second for documents that were deleted, by whatever process, and makes the cache
// forget them.  Thread-safe.
class CacheSweeper {
 public:
  // Both outlive it.  Forgets what was deleted while no cache was open.
  CacheSweeper(store::Store& store, engine::PrefixCache& cache);
  ~CacheSweeper();
  CacheSweeper(const CacheSweeper&) = delete;
  CacheSweeper& operator=(const CacheSweeper&) = delete;

  // Now.  Throws StoreError.
  void sweep();

 private:
  void run();

  store::Store& store_;
  engine::PrefixCache& cache_;
  std::mutex sweep_mutex_;
  int64_t last_swept_;  // deletion, from memory; guarded by sweep_mutex_
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_stopping_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace widenet::library
