#include "engine/prefix_cache.h"

#include <algorithm>
#include <cmath>

namespace widenet::engine {
namespace {

constexpr double kHalfLifeSeconds = 6 * 3600;

int64_t n_blocks(std::span<const TokenId> tokens) {
  return static_cast<int64_t>(tokens.size()) / kBlockTokens;
}

}  // namespace

PrefixCache::PrefixCache(const ModelConfig& config,
                         const KvLayouts& layouts,
                         const PrefixCacheOptions& options)
    : config_(config), layouts_(layouts), options_(options) {}

PrefixCache::~PrefixCache() = default;

PrefixCache::Trail PrefixCache::begin(std::string_view scope) const {
  return {.keys = {root_key("", scope)}};
}

std::optional<PrefixCache::Found> PrefixCache::find(const Trail& trail,
                                                    std::span<const TokenId> tokens,
                                                    int64_t n_min) {
  const std::scoped_lock lock(mutex_);
  ++statistics_.n_lookups;
  statistics_.tokens_wanted += static_cast<int64_t>(tokens.size());
  const Kept* kept = find_kept(trail, tokens, n_min);
  if (kept == nullptr) return std::nullopt;
  ++kept->n_hits;
  kept->last_used = Clock::now();
  ++statistics_.n_hits;
  statistics_.tokens_found += kept->point->state.n_tokens;
  return Found{.point = kept->point};
}

int64_t PrefixCache::n_known(std::span<const TokenId> tokens, std::string_view scope) const {
  Trail trail = begin(scope);
  extend_keys(tokens, trail.keys);
  const std::scoped_lock lock(mutex_);
  const Kept* kept = find_kept(trail, tokens, 0);
  return kept == nullptr ? 0 : kept->point->state.n_tokens;
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

void PrefixCache::keep(const Trail& trail,
                       std::span<const TokenId> tokens,
                       ResumePoint point,
                       double seconds) {
  WN_CHECK(point.state.n_tokens == static_cast<int64_t>(tokens.size()));
  const std::scoped_lock lock(mutex_);
  const int64_t block = n_blocks(tokens);
  const auto tail = tokens.subspan(static_cast<size_t>(block * kBlockTokens));
  std::vector<Kept>& here = kept_[trail.keys[static_cast<size_t>(block)]];
  auto kept = std::find_if(here.begin(), here.end(),
                           [&](const Kept& k) { return std::ranges::equal(k.tail, tail); });
  if (kept != here.end()) {
    kept->last_used = Clock::now();
    if (point.logits.empty() || !kept->point->logits.empty()) return;
    count_pages(*kept->point, -1);
    statistics_.ram_bytes -= kept->bytes;
  } else {
    kept = here.insert(here.end(), Kept{.tail = {tail.begin(), tail.end()}, .seconds = seconds});
    ++statistics_.n_points;
  }
  kept->point = std::make_shared<const ResumePoint>(std::move(point));
  kept->last_used = Clock::now();
  kept->bytes = own_bytes(*kept->point);
  statistics_.ram_bytes += kept->bytes;
  count_pages(*kept->point, +1);
  evict();
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
  while (statistics_.ram_bytes > options_.ram_bytes && !kept_.empty()) {
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
    count_pages(*here[worst].point, -1);
    statistics_.ram_bytes -= here[worst].bytes;
    here.erase(here.begin() + static_cast<std::ptrdiff_t>(worst));
    if (here.empty()) kept_.erase(worst_key);
    --statistics_.n_points;
    ++statistics_.n_evicted;
  }
}

PrefixCacheStatistics PrefixCache::statistics() const {
  const std::scoped_lock lock(mutex_);
  return statistics_;
}

}  // namespace widenet::engine
