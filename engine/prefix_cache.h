// PrefixCache: what was read once is never read again.
//
// Keeps resume points of timelines, and finds for a prompt the one that spares most of it.  It is
// an accelerator and never an authority: what is not found, or not whole, is computed.  What goes
// on from a resume point is bit for bit what a cold run gives.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "engine/block_keys.h"
#include "engine/cache_files.h"
#include "engine/disk_prefixes.h"
#include "engine/engine.h"
#include "engine/kv_state.h"
#include "engine/prompt_notes.h"
#include "engine/resume_point.h"

namespace widenet::engine {

struct PrefixCacheOptions {
  int64_t ram_bytes = int64_t{2} << 30;  // of resume points and the rows that they share

  // Where the cache survives the process; empty: nowhere.  In native numerics alone.
  std::filesystem::path directory = {};
  int64_t disk_bytes = int64_t{16} << 30;

  // Told why something was not saved, or why nothing will be; on any thread.
  DiskPrefixes::OnTrouble on_trouble = {};
};

struct PrefixCacheStatistics {
  int64_t n_lookups = 0;
  int64_t n_hits = 0;
  int64_t tokens_wanted = 0;     // of all prompts looked up
  int64_t tokens_found = 0;      // of these
  int64_t tokens_from_disk = 0;  // of these
  int64_t n_points = 0;          // in memory now
  int64_t ram_bytes = 0;
  int64_t n_evicted = 0;  // from memory
  SaveStatistics saves;
  CacheStatistics disk;
};

// Points are kept and found by the thread that computes; the rest may be called by any.
class PrefixCache {
 public:
  // `layouts` outlive the cache.  `identity` changes with everything besides tokens that decides
  // what they make of a model's state.  Without `disk` the cache is in memory alone.
  PrefixCache(const KvLayouts& layouts,
              std::string identity,
              int64_t ram_bytes,
              std::unique_ptr<DiskPrefixes> disk = nullptr);
  PrefixCache(const PrefixCache&) = delete;
  PrefixCache& operator=(const PrefixCache&) = delete;

  // One timeline's way through the cache.
  struct Trail {
    std::vector<BlockKey> keys;  // see extend_keys(); keys[0] is the root of its scope
    SavedTrail saved;
    std::shared_ptr<const std::vector<Source>> sources;  // of the tokens; null: none are known
  };
  // Timelines of another scope never meet this one.
  Trail begin(std::string_view scope) const;

  struct Found {
    std::shared_ptr<const ResumePoint> point;
    int64_t tokens_from_disk = 0;
  };
  // The longest point that `tokens` begin with, of more than n_min tokens; and where it is all of
  // them, with logits.  The trail's keys are those of all blocks of `tokens`.
  std::optional<Found> find(Trail& trail, std::span<const TokenId> tokens, int64_t n_min);

  // `point` is where `tokens` lead, and cost so many seconds since the point before.  One in
  // passing is saved on disk only if it spares much.
  void keep(Trail& trail,
            std::span<const TokenId> tokens,
            ResumePoint point,
            double seconds,
            bool is_in_passing);

  // Of what length the point is that find() would give, and how much of it would come from disk.
  Reuse known(std::span<const TokenId> tokens, std::string_view scope) const;

  // Forgets all that was made of these sources' tokens and of what followed them, in memory and on
  // disk, and does not learn it again from those that are at it still.
  struct Forgotten {
    int64_t n_points = 0;     // in memory
    int64_t n_files = 0;      // on disk
    bool is_complete = true;  // false: the disk refused, ask again
  };
  Forgotten forget(std::span<const int64_t> sources);

  PrefixCacheStatistics statistics() const;

  // What is on disk; null if nothing is.
  DiskPrefixes* disk() { return disk_.get(); }

 private:
  using Clock = std::chrono::steady_clock;

  struct Kept {
    std::shared_ptr<const ResumePoint> point = nullptr;
    std::vector<TokenId> tail;  // its tokens after its last whole block
    std::shared_ptr<const std::vector<Source>> sources = nullptr;
    double seconds = 0.0;  // that it spares
    mutable int64_t n_hits = 0;
    mutable Clock::time_point last_used = {};
    int64_t bytes = 0;  // without shared rows
  };

  const Kept* find_kept(const Trail& trail, std::span<const TokenId> tokens, int64_t n_min) const;
  std::shared_ptr<const ResumePoint> keep_in_memory(const Trail& trail,
                                                    std::span<const TokenId> tokens,
                                                    ResumePoint point,
                                                    double seconds);
  void know_pages(const Trail& trail, const RowPages& rows);
  void count_pages(const ResumePoint& point, int64_t sign);
  void evict();
  void drop(const Kept& kept);
  double value(const Kept& kept) const;
  bool is_forgotten(const std::vector<Source>* sources, int64_t n_tokens) const;

  const KvLayouts& layouts_;
  const std::string identity_;
  const int64_t ram_bytes_max_;
  const std::unique_ptr<DiskPrefixes> disk_;

  mutable std::mutex mutex_;                                            // guards all of these
  std::unordered_map<BlockKey, std::vector<Kept>, BlockKeyHash> kept_;  // by last whole block
  std::unordered_map<const RowPages::Page*, int64_t> page_uses_;
  std::unordered_map<BlockKey, std::weak_ptr<RowPages::Page>, BlockKeyHash> pages_;  // whole ones
  size_t n_pages_checked_ = 0;             // of these, when last those gone were removed
  std::unordered_set<int64_t> forgotten_;  // sources
  PrefixCacheStatistics statistics_;
};

}  // namespace widenet::engine
