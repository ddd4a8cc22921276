// DiskPrefixes: resume points on disk - found by block keys, read by several threads, and saved in
// the background.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "base/result.h"
#include "engine/block_keys.h"
#include "engine/cache_files.h"
#include "engine/prompt_notes.h"
#include "engine/resume_point.h"

namespace widenet::engine {

// How far a timeline is on disk.  Each session has one; the thread that saves moves it on.
struct SavedTrail {
  int64_t n_queued = 0;    // blocks, saved or about to be
  int64_t point_from = 0;  // tokens of the last point that was saved

  struct Progress {
    std::atomic<int64_t> n_blocks = 0;     // on disk
    std::atomic<bool> has_failed = false;  // something queued was not saved
    int64_t file = 0;                      // that has the last of them; 0: none.  The saver's
  };
  std::shared_ptr<Progress> progress = std::make_shared<Progress>();
  std::shared_ptr<void> pin = nullptr;  // keeps what the session goes on from
};

struct SaveStatistics {
  int64_t n_saved = 0;
  int64_t n_skipped = 0;  // the queue was full, or the disk; nothing waited for it
  int64_t bytes_written = 0;
};

class DiskPrefixes {
 public:
  // Told why something was not saved, when that is another reason than the last time; on the
  // saver's thread.
  using OnTrouble = std::function<void(const std::string& why)>;

  // Config and layouts outlive it.  Why there is none: see CacheFiles::open().
  static Result<std::unique_ptr<DiskPrefixes>> open(const std::filesystem::path& directory,
                                                    int64_t bytes_max,
                                                    const ModelConfig& config,
                                                    const KvLayouts& layouts,
                                                    OnTrouble on_trouble);

  // Saves what is queued, then stops.
  ~DiskPrefixes();
  DiskPrefixes(const DiskPrefixes&) = delete;
  DiskPrefixes& operator=(const DiskPrefixes&) = delete;

  // A resume point on disk, and the files with the rows before it.
  struct Place {
    struct Part {
      CacheFile file;
      int64_t n_blocks = 0;  // its first ones that belong to the timeline
    };
    std::vector<Part> rows;  // of all blocks of the tokens that are there
    std::optional<CacheFile> point;

    int64_t n_tokens() const { return point.has_value() ? point->point->n_tokens : 0; }
    int64_t n_blocks() const;
  };
  // The rows, as far as there are any, and the longest point of more than n_min of the tokens; of
  // all of them only with logits.  keys[i] names the first i blocks of `tokens`.  Reads the
  // catalogue alone: its cost grows with the tokens found, not with what else is there.
  // Thread-safe.
  Place find(std::span<const BlockKey> keys, std::span<const TokenId> tokens, int64_t n_min);

  // Reads it; nothing if that fails.  known_page(key) may have a page, whole, whose last block has
  // this key.
  using KnownPage = std::function<std::shared_ptr<RowPages::Page>(const BlockKey& key)>;
  std::optional<ResumePoint> load(const Place& place,
                                  std::span<const BlockKey> keys,
                                  const KnownPage& known_page);

  // The trail of a session that begins to compute where `place` ends; not longer-lived than this.
  SavedTrail trail_of(const Place& place);

  // Queues the rows that are not there yet, and the point.  Never waits: a full queue means that
  // this point is skipped, and its rows come with the next.
  void save(std::span<const BlockKey> keys,
            std::span<const TokenId> tokens,
            std::span<const Source> sources,
            const ResumePoint& point,
            double seconds,
            SavedTrail& trail);

  // Removes what was made of these sources' tokens, and what goes on from there; what is queued of
  // it is not saved, nor anything later.
  CacheFiles::Removed forget(std::span<const int64_t> sources);

  // Waits until all that was queued is saved.
  void drain();

  CacheFiles& files() { return *files_; }
  SaveStatistics statistics() const;

 private:
  struct Job {
    std::shared_ptr<SavedTrail::Progress> progress;
    int64_t first_block = 0;
    std::vector<BlockKey> keys;                 // of the blocks from there on
    std::vector<std::vector<uint8_t>> records;  // their rows, page by page
    std::vector<int64_t> record_blocks;
    CacheFile::Point point;
    std::vector<uint8_t> point_bytes;
    std::vector<Source> sources;
    double seconds = 0.0;

    int64_t bytes() const;
  };

  DiskPrefixes(std::unique_ptr<CacheDisk> disk,
               std::unique_ptr<CacheFiles> files,
               const ModelConfig& config,
               const KvLayouts& layouts,
               OnTrouble on_trouble);

  void work();
  bool has_forgotten(std::span<const Source> sources, int64_t n_tokens) const;
  bool commit(Job& job, std::string& trouble);
  void skip_known(Job& job);

  const ModelConfig& config_;
  const KvLayouts& layouts_;
  const std::unique_ptr<CacheDisk> disk_;
  const std::unique_ptr<CacheFiles> files_;
  const OnTrouble on_trouble_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> queue_;     // guarded by mutex_, as what follows
  int64_t queued_bytes_ = 0;  // of those and of the one being saved
  int64_t n_begun_ = 0;       // jobs taken from the queue
  int64_t n_ended_ = 0;       // of these
  bool is_stopping_ = false;
  std::unordered_set<int64_t> forgotten_;  // sources
  SaveStatistics statistics_;
  std::thread thread_;
};

}  // namespace widenet::engine
