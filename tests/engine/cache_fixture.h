// Entries of the prefix cache as tests want them: made, committed, looked up, read back.
#pragma once

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "engine/cache_files.h"

namespace widenet::engine {

inline BlockKey key_of(const std::string& name) {
  return Sha256().update(name).finish();
}

// Blocks `first` to `end` of a timeline: their keys are those of the timeline's name.
inline std::vector<BlockKey> keys_of(const std::string& timeline, int64_t first, int64_t end) {
  std::vector<BlockKey> keys;
  for (int64_t i = first; i < end; ++i) keys.push_back(key_of(timeline + std::to_string(i)));
  return keys;
}

inline std::vector<std::byte> bytes_of(const std::string& name, size_t n_bytes) {
  const BlockKey seed = key_of(name);
  std::seed_seq sequence(seed.begin(), seed.end());
  std::mt19937 random(sequence);
  std::vector<std::byte> bytes(n_bytes);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

// What a test wants to be stored: the file as the caller of commit() describes it, and payloads.
struct Entry {
  CacheFile file;
  std::vector<std::vector<std::byte>> records;
  std::vector<std::byte> point;
  std::vector<int64_t> sources = {};
};

// A record for each n_blocks in `records`, a block having block_bytes.
inline Entry make_rows(std::vector<BlockKey> keys,
                       const std::vector<int64_t>& records,
                       size_t block_bytes = 100) {
  Entry entry;
  for (const int64_t n_blocks : records) {
    const std::string name = to_hex(keys.at(entry.records.size()));
    entry.file.records.push_back({.n_blocks = n_blocks});
    entry.records.push_back(bytes_of(name, block_bytes * static_cast<size_t>(n_blocks)));
  }
  entry.file.keys = std::move(keys);
  entry.file.seconds = 1;
  return entry;
}

inline Entry with_point(Entry entry,
                        const BlockKey& key,
                        std::vector<int32_t> tail,
                        size_t n_bytes = 50) {
  std::string name = to_hex(key);
  for (const int32_t token : tail) name += ' ' + std::to_string(token);
  entry.point = bytes_of(name, n_bytes);
  entry.file.point = CacheFile::Point{.key = key, .tail = std::move(tail), .n_tokens = 7};
  entry.file.seconds = 1;
  return entry;
}

// The same as a continuation of `parent`.
inline Entry after(const CacheFile& parent, int64_t first_block, Entry entry) {
  entry.file.parent = parent.id;
  entry.file.first_block = first_block;
  return entry;
}

inline Result<CacheFile> commit(CacheFiles& cache, const Entry& entry) {
  std::vector<std::span<const std::byte>> records(entry.records.begin(), entry.records.end());
  return cache.commit(entry.file, records, entry.point, entry.sources);
}

// For commits that must succeed.
inline CacheFile committed(CacheFiles& cache, const Entry& entry) {
  auto file = commit(cache, entry);
  EXPECT_TRUE(file.has_value()) << file.error();
  return file ? *file : CacheFile{};
}

// As a request would find it.
inline std::optional<CacheFile> look_up(CacheFiles& cache, const Entry& entry) {
  if (!entry.file.keys.empty()) return cache.find_rows(entry.file.keys.front());
  for (CacheFile& file : cache.find_points(entry.file.point->key, entry.file.point->tail)) {
    if (file.point->tail == entry.file.point->tail) return std::move(file);
  }
  return std::nullopt;
}

enum class Outcome { whole, miss, wrong };

// Reads all that `file` has, and compares it with what was to be stored.
inline Outcome read_back(CacheFiles& cache, const CacheFile& file, const Entry& entry) {
  if (file.keys != entry.file.keys || file.records.size() != entry.records.size()) {
    return Outcome::wrong;
  }
  std::vector<std::vector<std::byte>> records;
  for (const CacheFile::Record& record : file.records) {
    records.emplace_back(static_cast<size_t>(record.bytes));
  }
  std::vector<std::span<std::byte>> targets(records.begin(), records.end());
  if (!targets.empty() && !cache.read_records(file, 0, targets)) return Outcome::miss;
  if (records != entry.records) return Outcome::wrong;
  if (file.point.has_value() != entry.file.point.has_value()) return Outcome::wrong;
  if (!file.point) return Outcome::whole;
  std::vector<std::byte> point(static_cast<size_t>(file.point->bytes));
  if (!cache.read_point(file, point)) return Outcome::miss;
  return point == entry.point ? Outcome::whole : Outcome::wrong;
}

inline Outcome look_up_and_read(CacheFiles& cache, const Entry& entry) {
  const auto file = look_up(cache, entry);
  return file ? read_back(cache, *file, entry) : Outcome::miss;
}

// The cache on `disk`, which must open.
inline std::unique_ptr<CacheFiles> open_cache(CacheDisk& disk,
                                              const std::filesystem::path& directory,
                                              int64_t bytes_max = int64_t{1} << 30) {
  auto cache = CacheFiles::open(disk, directory, bytes_max);
  if (!cache) {
    ADD_FAILURE() << cache.error();
    return nullptr;
  }
  return std::move(*cache);
}

}  // namespace widenet::engine
