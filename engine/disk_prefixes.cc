// A file holds the rows of consecutive blocks, at most kFileBytes of them, in records that end
// where pages do; and a resume point at their end.
#include "engine/disk_prefixes.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

namespace widenet::engine {
namespace {

constexpr int64_t kFileBytes = int64_t{16} << 20;
constexpr int64_t kPointBytesMax = int64_t{1} << 30;  // more is damage
constexpr int64_t kQueuedBytesMax = int64_t{256} << 20;
constexpr int64_t kPageBlocks = kPageTokens / kBlockTokens;
constexpr size_t kReadersMax = 4;
constexpr int64_t kReadBytes = int64_t{4} << 20;  // that one thread reads at a time

int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// Records of one file that are read in one go.
struct Reading {
  const CacheFile* file;
  size_t first_record;
  std::vector<std::span<std::byte>> targets = {};
  int64_t bytes = 0;
};

// A record that is not a whole page of ours: read beside it, and copied into it.
struct PartialRecord {
  std::vector<uint8_t> bytes;
  int64_t first_token;
  int64_t end_token;    // of the record
  int64_t used_tokens;  // of the record, from its beginning
};

// What is to be read for a timeline, and where to.
struct ReadingPlan {
  std::vector<Reading> readings;
  std::deque<PartialRecord> partial;  // whose elements stay where they are
  std::vector<int64_t> files;
};

// The rows of the timeline's first n_blocks blocks, except for pages that are known.  Nothing if
// the catalogue says what cannot be: it decides where bytes go, and is not believed.
std::optional<ReadingPlan> plan_reading(const DiskPrefixes::Place& place,
                                        int64_t n_blocks,
                                        const std::vector<bool>& is_known,
                                        const RowPages& rows) {
  ReadingPlan plan;
  for (const DiskPrefixes::Place::Part& part : place.rows) {
    int64_t block = part.file.first_block;
    const int64_t end = std::min(block + part.n_blocks, n_blocks);
    if (block < end) plan.files.push_back(part.file.id);
    bool is_continued = false;
    for (size_t i = 0; i < part.file.records.size() && block < end; ++i) {
      const CacheFile::Record& record = part.file.records[i];
      const int64_t first_block = std::exchange(block, block + record.n_blocks);
      const int64_t page = first_block / kPageBlocks;
      if (record.n_blocks <= 0 || block > (page + 1) * kPageBlocks ||
          record.bytes != rows.layout().bytes(record.n_blocks * kBlockTokens)) {
        return std::nullopt;
      }
      if (is_known[static_cast<size_t>(page)]) {
        is_continued = false;
        continue;
      }
      uint8_t* target = rows.pages()[static_cast<size_t>(page)]->bytes.get();
      if (record.n_blocks < kPageBlocks || block > end) {
        plan.partial.push_back({std::vector<uint8_t>(static_cast<size_t>(record.bytes)),
                                first_block * kBlockTokens, block * kBlockTokens,
                                (std::min(block, end) - first_block) * kBlockTokens});
        target = plan.partial.back().bytes.data();
      }
      if (!is_continued || plan.readings.back().bytes >= kReadBytes) {
        plan.readings.push_back({.file = &part.file, .first_record = i});
      }
      plan.readings.back().targets.push_back(
          std::as_writable_bytes(std::span(target, static_cast<size_t>(record.bytes))));
      plan.readings.back().bytes += record.bytes;
      is_continued = true;
    }
    if (block < end) return std::nullopt;
  }
  return plan;
}

// By several threads, this one among them.
bool read_all(CacheFiles& files,
              const ReadingPlan& plan,
              const CacheFile& point,
              std::span<uint8_t> point_bytes) {
  std::atomic<size_t> next = 0;
  std::atomic<bool> is_whole = true;
  const auto read = [&] {
    for (size_t i = next++; i < plan.readings.size() && is_whole; i = next++) {
      const Reading& reading = plan.readings[i];
      if (!files.read_records(*reading.file, reading.first_record, reading.targets)) {
        is_whole = false;
      }
    }
  };
  std::vector<std::thread> readers;
  while (readers.size() + 1 < std::min(kReadersMax, plan.readings.size())) {
    readers.emplace_back(read);
  }
  if (!files.read_point(point, std::as_writable_bytes(point_bytes))) is_whole = false;
  read();
  for (std::thread& reader : readers) reader.join();
  return is_whole;
}

}  // namespace

int64_t DiskPrefixes::Place::n_blocks() const {
  int64_t n = 0;
  for (const Part& part : rows) n += part.n_blocks;
  return n;
}

int64_t DiskPrefixes::Job::bytes() const {
  auto bytes = static_cast<int64_t>(point_bytes.size());
  for (const auto& record : records) bytes += static_cast<int64_t>(record.size());
  return bytes;
}

Result<std::unique_ptr<DiskPrefixes>> DiskPrefixes::open(const std::filesystem::path& directory,
                                                         int64_t bytes_max,
                                                         const ModelConfig& config,
                                                         const KvLayouts& layouts,
                                                         OnTrouble on_trouble) {
  std::unique_ptr<CacheDisk> disk = make_posix_disk();
  auto files = CacheFiles::open(*disk, directory, bytes_max);
  if (!files) return Unexpected{files.error()};
  return std::unique_ptr<DiskPrefixes>(
      new DiskPrefixes(std::move(disk), *std::move(files), config, layouts, std::move(on_trouble)));
}

DiskPrefixes::DiskPrefixes(std::unique_ptr<CacheDisk> disk,
                           std::unique_ptr<CacheFiles> files,
                           const ModelConfig& config,
                           const KvLayouts& layouts,
                           OnTrouble on_trouble)
    : config_(config),
      layouts_(layouts),
      disk_(std::move(disk)),
      files_(std::move(files)),
      on_trouble_(std::move(on_trouble)) {
  thread_ = std::thread([this] { work(); });
}

DiskPrefixes::~DiskPrefixes() {
  {
    const std::scoped_lock lock(mutex_);
    is_stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

DiskPrefixes::Place DiskPrefixes::find(std::span<const BlockKey> keys,
                                       std::span<const TokenId> tokens,
                                       int64_t n_min) {
  const auto total = static_cast<int64_t>(tokens.size());
  const int64_t n_blocks = total / kBlockTokens;
  Place place;
  int64_t block = 0;
  while (block < n_blocks) {
    auto file = files_->find_rows(keys[static_cast<size_t>(block) + 1]);
    if (!file || file->first_block != block) break;
    const auto ours =
        keys.subspan(static_cast<size_t>(block) + 1, static_cast<size_t>(n_blocks - block));
    const auto parting = std::ranges::mismatch(file->keys, ours);
    const int64_t n = parting.in1 - file->keys.begin();
    place.rows.push_back({*std::move(file), n});
    block += n;
  }
  for (; block >= 0 && (block + 1) * kBlockTokens > n_min && !place.point; --block) {
    const auto next = tokens.subspan(static_cast<size_t>(block * kBlockTokens));
    for (CacheFile& file : files_->find_points(keys[static_cast<size_t>(block)], next)) {
      const int64_t n = file.point->n_tokens;
      const auto n_tail = static_cast<int64_t>(file.point->tail.size());
      if (n != block * kBlockTokens + n_tail || file.point->bytes > kPointBytesMax) continue;
      if (n <= n_min || (n == total && !file.point->has_logits)) continue;
      place.point = std::move(file);
      break;
    }
  }
  return place;
}

std::optional<ResumePoint> DiskPrefixes::load(const Place& place,
                                              std::span<const BlockKey> keys,
                                              const KnownPage& known_page) {
  ResumePoint point{make_kv_state(config_, layouts_), {}};
  KvState& state = point.state;
  state.n_tokens = place.n_tokens();
  const int64_t n_blocks = state.n_tokens / kBlockTokens;
  state.rows.extend(0, n_blocks * kBlockTokens);
  std::vector<bool> is_known(static_cast<size_t>((n_blocks + kPageBlocks - 1) / kPageBlocks));
  for (int64_t page = 0; (page + 1) * kPageBlocks <= n_blocks; ++page) {
    auto known = known_page(keys[static_cast<size_t>((page + 1) * kPageBlocks)]);
    if (known == nullptr) continue;
    state.rows.put_page(static_cast<size_t>(page), std::move(known));
    is_known[static_cast<size_t>(page)] = true;
  }

  auto plan = plan_reading(place, n_blocks, is_known, state.rows);
  if (!plan.has_value()) return std::nullopt;
  std::vector<uint8_t> bytes(static_cast<size_t>(place.point->point->bytes));
  if (!read_all(*files_, *plan, *place.point, bytes)) return std::nullopt;
  for (const PartialRecord& record : plan->partial) {
    state.rows.copy_in(record.first_token, record.end_token, record.used_tokens, record.bytes);
  }
  if (!unpack_point(bytes, config_, layouts_, point)) return std::nullopt;
  plan->files.push_back(place.point->id);
  files_->note_hits(plan->files, now_ms());
  return point;
}

SavedTrail DiskPrefixes::trail_of(const Place& place) {
  SavedTrail trail;
  trail.n_queued = place.n_blocks();
  trail.point_from = place.n_tokens();
  trail.progress->n_blocks = trail.n_queued;
  if (place.rows.empty()) return trail;
  trail.progress->file = place.rows.back().file.id;
  std::vector<int64_t> ids;
  for (const Place::Part& part : place.rows) ids.push_back(part.file.id);
  if (files_->pin(ids)) {
    trail.pin = std::shared_ptr<void>(nullptr, [this, ids](void*) { files_->unpin(ids); });
  }
  return trail;
}

void DiskPrefixes::save(std::span<const BlockKey> keys,
                        std::span<const TokenId> tokens,
                        std::span<const Source> sources,
                        const ResumePoint& point,
                        double seconds,
                        SavedTrail& trail) {
  const auto n_tokens = static_cast<int64_t>(tokens.size());
  const int64_t n_blocks = n_tokens / kBlockTokens;
  // From where the disk is on: something was not saved; or the disk knows rows further on than a
  // point, whose session had to begin before them, and then what holds the last of them is no file
  // for this point to go on from.
  if (trail.progress->has_failed || n_blocks < trail.n_queued) {
    const int64_t point_from = trail.point_from;
    trail = trail_of(find(keys, tokens, n_tokens));
    trail.point_from = point_from;
  }
  const int64_t first = std::min(trail.n_queued, n_blocks);
  const int64_t row_bytes = layouts_.pages.bytes((n_blocks - first) * kBlockTokens);
  {
    const std::scoped_lock lock(mutex_);
    if (queued_bytes_ > 0 && queued_bytes_ + row_bytes > kQueuedBytesMax) {
      ++statistics_.n_skipped;
      return;
    }
  }
  Job job;
  job.progress = trail.progress;
  job.first_block = first;
  job.seconds = seconds;
  const auto whole = keys.first(static_cast<size_t>(n_blocks) + 1);
  job.keys.assign(whole.begin() + first + 1, whole.end());
  for (int64_t block = first; block < n_blocks;) {
    const int64_t end = std::min((block / kPageBlocks + 1) * kPageBlocks, n_blocks);
    job.record_blocks.push_back(end - block);
    job.records.emplace_back(
        static_cast<size_t>(layouts_.pages.bytes((end - block) * kBlockTokens)));
    point.state.rows.copy_out(block * kBlockTokens, end * kBlockTokens, job.records.back());
    block = end;
  }
  job.point_bytes = pack_point(point, config_, layouts_);
  job.point.key = whole.back();
  job.point.tail.assign(tokens.begin() + n_blocks * kBlockTokens, tokens.end());
  job.point.n_tokens = n_tokens;
  job.point.has_logits = !point.logits.empty();
  job.sources.assign(sources.begin(), sources.end());
  trail.n_queued = n_blocks;
  trail.point_from = n_tokens;
  const std::scoped_lock lock(mutex_);
  if (has_forgotten(sources, n_tokens)) return;
  queued_bytes_ += job.bytes();
  queue_.push_back(std::move(job));
  changed_.notify_all();
}

bool DiskPrefixes::has_forgotten(std::span<const Source> sources, int64_t n_tokens) const {
  return !forgotten_.empty() && std::ranges::any_of(sources, [&](const Source& source) {
    return source.first_token < n_tokens && forgotten_.contains(source.id);
  });
}

CacheFiles::Removed DiskPrefixes::forget(std::span<const int64_t> sources) {
  std::unique_lock lock(mutex_);
  forgotten_.insert(sources.begin(), sources.end());
  std::erase_if(queue_, [&](const Job& job) {
    if (!has_forgotten(job.sources, job.point.n_tokens)) return false;
    job.progress->has_failed = true;
    queued_bytes_ -= job.bytes();
    ++statistics_.n_skipped;
    return true;
  });
  changed_.notify_all();
  changed_.wait(lock, [this, n_begun = n_begun_] { return n_ended_ >= n_begun; });
  lock.unlock();
  return files_->remove_sources(sources);
}

void DiskPrefixes::drain() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return queued_bytes_ == 0; });
}

SaveStatistics DiskPrefixes::statistics() const {
  const std::scoped_lock lock(mutex_);
  return statistics_;
}

void DiskPrefixes::work() {
  std::string last_trouble;
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return is_stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    Job job = std::move(queue_.front());
    queue_.pop_front();
    const int64_t bytes = job.bytes();
    ++n_begun_;
    lock.unlock();
    std::string trouble;
    const bool is_saved = commit(job, trouble);
    if (!trouble.empty() && trouble != last_trouble && on_trouble_) on_trouble_(trouble);
    if (!trouble.empty()) last_trouble = trouble;
    lock.lock();
    ++(is_saved ? statistics_.n_saved : statistics_.n_skipped);
    queued_bytes_ -= bytes;
    ++n_ended_;
    changed_.notify_all();
  }
}

// Blocks that another session has saved meanwhile are not saved again.
void DiskPrefixes::skip_known(Job& job) {
  while (!job.keys.empty()) {
    const auto file = files_->find_rows(job.keys.front());
    if (!file || file->first_block != job.first_block) return;
    const auto parting = std::ranges::mismatch(file->keys, job.keys);
    int64_t n_known = parting.in1 - file->keys.begin();
    job.first_block += n_known;
    job.keys.erase(job.keys.begin(), parting.in2);
    while (n_known > 0) {
      int64_t& blocks = job.record_blocks.front();
      if (n_known < blocks) {  // the rest of a page: the rows of its first blocks go
        const int64_t n_left = blocks - n_known;
        std::vector<uint8_t> rest;
        const uint8_t* rows = job.records.front().data();
        for (const PageLayout::Array& array : layouts_.pages.arrays()) {
          const int64_t block_bytes = array.n_rows(kBlockTokens) * array.row_bytes;
          rest.insert(rest.end(), rows + n_known * block_bytes, rows + blocks * block_bytes);
          rows += blocks * block_bytes;
        }
        job.records.front() = std::move(rest);
        blocks = n_left;
        break;
      }
      n_known -= blocks;
      job.record_blocks.erase(job.record_blocks.begin());
      job.records.erase(job.records.begin());
    }
    job.progress->file = file->id;
    job.progress->n_blocks = job.first_block;
  }
}

// False if it was not saved; `trouble` is why, unless that is what happens to caches: something
// before it was not saved either, or has been evicted.
bool DiskPrefixes::commit(Job& job, std::string& trouble) {
  SavedTrail::Progress& progress = *job.progress;
  if (progress.has_failed || job.first_block > progress.n_blocks) {
    progress.has_failed = true;
    return false;
  }
  skip_known(job);
  size_t first_record = 0;
  size_t first_key = 0;
  while (true) {
    CacheFile file;
    file.parent = progress.file;
    file.first_block = job.first_block + static_cast<int64_t>(first_key);
    file.last_used_ms = now_ms();
    std::vector<std::span<const std::byte>> payloads;
    int64_t bytes = 0;
    size_t n_keys = 0;
    size_t record = first_record;
    for (; record < job.records.size() && (bytes == 0 || bytes < kFileBytes); ++record) {
      file.records.emplace_back().n_blocks = job.record_blocks[record];
      payloads.push_back(std::as_bytes(std::span(job.records[record])));
      bytes += static_cast<int64_t>(job.records[record].size());
      n_keys += static_cast<size_t>(job.record_blocks[record]);
    }
    const auto keys = std::span(job.keys).subspan(first_key, n_keys);
    file.keys.assign(keys.begin(), keys.end());
    const bool is_last = record == job.records.size();
    if (is_last) file.point = job.point;
    file.seconds = job.seconds * static_cast<double>(n_keys + (is_last ? 1 : 0)) /
                   static_cast<double>(job.keys.size() + 1);
    const auto point =
        is_last ? std::span<const uint8_t>(job.point_bytes) : std::span<const uint8_t>();
    const int64_t first_token = file.first_block * kBlockTokens;
    const int64_t end_token =
        is_last ? job.point.n_tokens : first_token + static_cast<int64_t>(n_keys) * kBlockTokens;
    const auto sources = sources_within(job.sources, first_token, end_token);
    const auto saved = files_->commit(std::move(file), payloads, std::as_bytes(point), sources);
    if (!saved) {
      progress.has_failed = true;
      if (progress.file == 0 || files_->find(progress.file)) trouble = saved.error();
      return false;
    }
    if (!saved->keys.empty()) {
      progress.file = saved->id;
      progress.n_blocks = saved->first_block + static_cast<int64_t>(saved->keys.size());
    }
    {
      const std::scoped_lock lock(mutex_);
      statistics_.bytes_written += saved->bytes;
    }
    if (is_last) return true;
    first_record = record;
    first_key += n_keys;
  }
}

}  // namespace widenet::engine
