#include "engine/prefix_cache.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace widenet::engine {
namespace {

constexpr double kHalfLifeSeconds = 6 * 3600;

// Tokens that must be spared for a point to be worth its place on disk.
constexpr int64_t kSavedMin = 256;

int64_t n_blocks(std::span<const TokenId> tokens) {
  return static_cast<int64_t>(tokens.size()) / kBlockTokens;
}

}  // namespace

PrefixCache::PrefixCache(const KvLayouts& layouts,
                         std::string identity,
                         int64_t ram_bytes,
                         std::unique_ptr<DiskPrefixes> disk)
    : layouts_(layouts),
      identity_(std::move(identity)),
      ram_bytes_max_(ram_bytes),
      disk_(std::move(disk)) {}

PrefixCache::Trail PrefixCache::begin(std::string_view scope) const {
  return {.keys = {root_key(identity_, scope)}, .saved = {}, .sources = {}};
}

std::optional<PrefixCache::Found> PrefixCache::find(Trail& trail,
                                                    std::span<const TokenId> tokens,
                                                    int64_t n_min) {
  Found found;
  int64_t n_found = n_min;
  {
    const std::scoped_lock lock(mutex_);
    ++statistics_.n_lookups;
    statistics_.tokens_wanted += static_cast<int64_t>(tokens.size());
    if (const Kept* kept = find_kept(trail, tokens, n_min)) {
      ++kept->n_hits;
      kept->last_used = Clock::now();
      found.point = kept->point;
      n_found = kept->point->state.n_tokens;
    }
  }
  if (disk_ != nullptr) {
    const DiskPrefixes::Place place = disk_->find(trail.keys, tokens, n_found);
    trail.saved = disk_->trail_of(place);
    if (place.point.has_value()) {
      auto loaded = disk_->load(place, trail.keys, [this](const BlockKey& key) {
        const std::scoped_lock lock(mutex_);
        const auto page = pages_.find(key);
        return page == pages_.end() ? nullptr : page->second.lock();
      });
      if (loaded.has_value()) {
        found.tokens_from_disk = loaded->state.n_tokens - (found.point ? n_found : 0);
        const auto whole = tokens.first(static_cast<size_t>(loaded->state.n_tokens));
        found.point = keep_in_memory(trail, whole, *std::move(loaded), place.point->seconds);
      }
    }
  }
  if (found.point == nullptr) return std::nullopt;
  const std::scoped_lock lock(mutex_);
  ++statistics_.n_hits;
  statistics_.tokens_found += found.point->state.n_tokens;
  statistics_.tokens_from_disk += found.tokens_from_disk;
  return found;
}

Reuse PrefixCache::known(std::span<const TokenId> tokens, std::string_view scope) const {
  Trail trail = begin(scope);
  extend_keys(tokens, trail.keys);
  int64_t n = 0;
  {
    const std::scoped_lock lock(mutex_);
    if (const Kept* kept = find_kept(trail, tokens, 0)) n = kept->point->state.n_tokens;
  }
  if (disk_ == nullptr) return {.n_tokens = n};
  const int64_t n_on_disk = disk_->find(trail.keys, tokens, n).n_tokens();
  if (n_on_disk <= n) return {.n_tokens = n};
  return {.n_tokens = n_on_disk, .from_disk = n_on_disk - n};
}

// From the last block back: the first that has a point at all has the longest.
const PrefixCache::Kept* PrefixCache::find_kept(const Trail& trail,
                                                std::span<const TokenId> tokens,
                                                int64_t n_min) const {
  const auto total = static_cast<int64_t>(tokens.size());
  for (int64_t block = n_blocks(tokens); block * kBlockTokens + kBlockTokens > n_min; --block) {
    if (block < 0) break;
    const auto here = kept_.find(trail.keys[static_cast<size_t>(block)]);
    if (here == kept_.end()) continue;
    const std::span after = tokens.subspan(static_cast<size_t>(block * kBlockTokens));
    const Kept* longest = nullptr;
    for (const Kept& kept : here->second) {
      const int64_t n = kept.point->state.n_tokens;
      const bool is_usable =
          n_min < n && (n < total || (n == total && !kept.point->logits.empty()));
      if (!is_usable || !std::equal(kept.tail.begin(), kept.tail.end(), after.begin())) continue;
      if (longest == nullptr || n > longest->point->state.n_tokens) longest = &kept;
    }
    if (longest != nullptr) return longest;
  }
  return nullptr;
}

void PrefixCache::keep(Trail& trail,
                       std::span<const TokenId> tokens,
                       ResumePoint point,
                       double seconds,
                       bool is_in_passing) {
  const auto n_tokens = static_cast<int64_t>(tokens.size());
  const auto kept = keep_in_memory(trail, tokens, std::move(point), seconds);
  const bool is_worth_it =
      n_tokens >= kSavedMin && (!is_in_passing || n_tokens - trail.saved.point_from >= kSavedMin);
  if (disk_ == nullptr || kept == nullptr || !is_worth_it) return;
  const auto sources = trail.sources ? std::span(*trail.sources) : std::span<const Source>();
  disk_->save(trail.keys, tokens, sources, *kept, seconds, trail.saved);
}

// Nothing if such a point was there already, or is to be forgotten.
std::shared_ptr<const ResumePoint> PrefixCache::keep_in_memory(const Trail& trail,
                                                               std::span<const TokenId> tokens,
                                                               ResumePoint point,
                                                               double seconds) {
  WN_CHECK(point.state.n_tokens == static_cast<int64_t>(tokens.size()));
  const int64_t block = n_blocks(tokens);
  const auto tail = tokens.subspan(static_cast<size_t>(block * kBlockTokens));
  const std::scoped_lock lock(mutex_);
  if (is_forgotten(trail.sources.get(), point.state.n_tokens)) return nullptr;
  std::vector<Kept>& here = kept_[trail.keys[static_cast<size_t>(block)]];
  auto kept = std::find_if(here.begin(), here.end(),
                           [&](const Kept& k) { return std::ranges::equal(k.tail, tail); });
  if (kept != here.end()) {
    kept->last_used = Clock::now();
    if (point.logits.empty() || !kept->point->logits.empty()) return nullptr;
    count_pages(*kept->point, -1);
    statistics_.ram_bytes -= kept->bytes;
  } else {
    kept = here.insert(here.end(), Kept{.tail = {tail.begin(), tail.end()}, .seconds = seconds});
    ++statistics_.n_points;
  }
  const auto shared = std::make_shared<const ResumePoint>(std::move(point));
  kept->point = shared;
  kept->sources = trail.sources;
  kept->last_used = Clock::now();
  kept->bytes = own_bytes(*shared);
  statistics_.ram_bytes += kept->bytes;
  count_pages(*shared, +1);
  know_pages(trail, shared->state.rows);
  evict();
  return shared;
}

// Whole pages, for those that read the same ones from disk.
void PrefixCache::know_pages(const Trail& trail, const RowPages& rows) {
  if (disk_ == nullptr) return;
  for (size_t i = 0; i < rows.pages().size(); ++i) {
    const size_t end = (i + 1) * kPageTokens / kBlockTokens;
    if (end >= trail.keys.size() || rows.pages()[i]->end % kPageTokens != 0) break;
    auto& known = pages_[trail.keys[end]];
    if (known.expired()) known = rows.pages()[i];
  }
  if (pages_.size() < 2 * n_pages_checked_ + 1024) return;
  std::erase_if(pages_, [](const auto& page) { return page.second.expired(); });
  n_pages_checked_ = pages_.size();
}

// Pages count once, however many points share them.
void PrefixCache::count_pages(const ResumePoint& point, int64_t sign) {
  for (const auto& page : point.state.rows.pages()) {
    int64_t& uses = page_uses_[page.get()];
    const bool was_used = uses > 0;
    uses += sign;
    if (was_used != (uses > 0)) statistics_.ram_bytes += sign * layouts_.pages.page_bytes();
    if (uses == 0) page_uses_.erase(page.get());
  }
}

double PrefixCache::value(const Kept& kept) const {
  const double age = std::chrono::duration<double>(Clock::now() - kept.last_used).count();
  const double hits = (1.0 + static_cast<double>(kept.n_hits)) * std::exp2(-age / kHalfLifeSeconds);
  const int64_t bytes = kept.bytes + layouts_.pages.bytes(kBlockTokens);
  return hits * kept.seconds / static_cast<double>(bytes);
}

// What is worth least goes, one after the other.
void PrefixCache::evict() {
  while (statistics_.ram_bytes > ram_bytes_max_ && !kept_.empty()) {
    auto worst_key = kept_.end();
    size_t worst = 0;
    double least = 0.0;
    for (auto it = kept_.begin(); it != kept_.end(); ++it) {
      for (size_t i = 0; i < it->second.size(); ++i) {
        const double worth = value(it->second[i]);
        if (worst_key != kept_.end() && worth >= least) continue;
        worst_key = it;
        worst = i;
        least = worth;
      }
    }
    std::vector<Kept>& here = worst_key->second;
    drop(here[worst]);
    here.erase(here.begin() + static_cast<std::ptrdiff_t>(worst));
    if (here.empty()) kept_.erase(worst_key);
    ++statistics_.n_evicted;
  }
}

// Its bytes no longer count; the caller erases it.
void PrefixCache::drop(const Kept& kept) {
  count_pages(*kept.point, -1);
  statistics_.ram_bytes -= kept.bytes;
  --statistics_.n_points;
}

bool PrefixCache::is_forgotten(const std::vector<Source>* sources, int64_t n_tokens) const {
  return sources != nullptr && !forgotten_.empty() &&
         std::ranges::any_of(*sources, [&](const Source& source) {
           return source.first_token < n_tokens && forgotten_.contains(source.id);
         });
}

PrefixCache::Forgotten PrefixCache::forget(std::span<const int64_t> sources) {
  Forgotten result;
  {
    const std::scoped_lock lock(mutex_);
    forgotten_.insert(sources.begin(), sources.end());
    for (auto it = kept_.begin(); it != kept_.end();) {
      result.n_points += std::erase_if(it->second, [&](const Kept& kept) {
        if (!is_forgotten(kept.sources.get(), kept.point->state.n_tokens)) return false;
        drop(kept);
        return true;
      });
      it = it->second.empty() ? kept_.erase(it) : std::next(it);
    }
  }
  if (disk_ == nullptr) return result;
  const auto removed = disk_->forget(sources);
  result.n_files = removed.n_files;
  result.is_complete = removed.is_complete;
  return result;
}

PrefixCacheStatistics PrefixCache::statistics() const {
  const std::scoped_lock lock(mutex_);
  PrefixCacheStatistics statistics = statistics_;
  if (disk_ == nullptr) return statistics;
  statistics.saves = disk_->statistics();
  statistics.disk = disk_->files().statistics();
  return statistics;
}

}  // namespace widenet::engine
