#include "library/cache_sweeper.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>

#include "engine/cache_files.h"

namespace widenet::library {
namespace {

constexpr std::chrono::seconds kEvery{1};

}  // namespace

bool sweep_cache_files(store::Store& store, const std::filesystem::path& directory) {
  const auto deletions = store.cached_deletions(store.last_deletion());
  if (deletions.empty()) return true;
  std::error_code error;
  if (!std::filesystem::exists(directory, error) && !error) {
    for (const auto& deletion : deletions) store.finish_cached_deletion(deletion.id, 0);
    return true;
  }
  const auto disk = engine::make_posix_disk();
  const auto files = engine::CacheFiles::open(*disk, directory, INT64_MAX);
  if (!files) return false;
  for (const auto& deletion : deletions) {
    const auto removed = (*files)->remove_sources(deletion.documents);
    if (!removed.is_complete) return false;
    store.finish_cached_deletion(deletion.id, removed.n_files);
  }
  return true;
}

CacheSweeper::CacheSweeper(store::Store& store, engine::PrefixCache& cache)
    : store_(store), cache_(cache), last_swept_(store.last_deletion()) {
  sweep();
  thread_ = std::thread([this] { run(); });
}

CacheSweeper::~CacheSweeper() {
  {
    const std::scoped_lock lock(mutex_);
    is_stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

// From memory what was deleted since the last time, whoever may have removed it from disk.
void CacheSweeper::sweep() {
  const std::scoped_lock lock(sweep_mutex_);
  const int64_t last = store_.last_deletion();
  bool is_on_disk = false;
  for (const auto& deletion : store_.cached_deletions(last_swept_)) {
    const auto forgotten = cache_.forget(deletion.documents);
    if (cache_.disk() == nullptr) {
      is_on_disk = is_on_disk || deletion.is_on_disk;
    } else if (deletion.is_on_disk && forgotten.is_complete) {
      store_.finish_cached_deletion(deletion.id, forgotten.n_files);
    }
  }
  last_swept_ = std::max(last_swept_, last);
  if (is_on_disk) sweep_cache_files(store_, store_.directory() / "cache");
}

void CacheSweeper::run() {
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, kEvery, [this] { return is_stopping_; })) {
    lock.unlock();
    try {
      sweep();
    } catch (const std::exception& error) {  // again in a second
      std::fprintf(stderr, "widenet: what the model made of deleted documents is still there: %s\n",
                   error.what());
    }
    lock.lock();
  }
}

}  // namespace widenet::library
