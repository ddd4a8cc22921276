// The format of a file, integers little-endian:
//
//   offset  bytes
//        0      8  "WNKVFILE"
//        8      8  format version: 1
//       16      8  id
//       24      8  ordinal of its first block
//       32      8  how many blocks
//       40      8  how many records
//       48      8  n_tokens of its point; -1: it has none
//       56      8  1: the point has logits
//       64     32  SHA-256 of the blocks' keys, then the point's key and its tail
//       96  32 each  the records, then the point: n_blocks (point: 0), offset, bytes, CRC-32C
//
// and then, each at a multiple of 64 bytes, the records and the point.  64 is a cache line: rows
// that are mapped or read in place are aligned as the kernels like them, and 4096 would double
// small files.
//
// The header is never parsed.  A reader knows from the catalogue what it must be, and compares: so
// neither a file under a wrong name nor a wrong row of the catalogue can pass for the right one.
#include "engine/cache_files.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/check.h"

namespace widenet::engine {
namespace {

namespace fs = std::filesystem;
using Record = CacheFile::Record;

static_assert(std::endian::native == std::endian::little);

constexpr std::string_view kMagic = "WNKVFILE";
constexpr int64_t kFormatVersion = 1;
constexpr int64_t kHeaderFixedBytes = 96;
constexpr int64_t kHeaderRecordBytes = 32;
constexpr int64_t kAlignment = 64;
constexpr int64_t kDiskBlockBytes = 4096;            // what file systems allocate by
constexpr int64_t kFileBytesMax = int64_t{1} << 40;  // keeps sums far from overflow
constexpr int64_t kEvictedShare = 32;                // at least a 32nd of the budget at once
constexpr size_t kPieceBytes = size_t{256} * 1024;   // still in cache when it is summed
constexpr std::string_view kSuffix = ".kv";
constexpr std::string_view kTemporarySuffix = ".tmp";  // until it is whole

int64_t round_up(int64_t n, int64_t multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

Record record_of(const CacheFile::Point& point) {
  return {.n_blocks = 0, .offset = point.offset, .bytes = point.bytes, .crc = point.crc};
}

std::vector<Record> records_and_point(const CacheFile& file) {
  std::vector<Record> all = file.records;
  if (file.point) all.push_back(record_of(*file.point));
  return all;
}

int64_t header_bytes(const CacheFile& file) {
  const int64_t n_records = std::ssize(file.records) + (file.point ? 1 : 0);
  return round_up(kHeaderFixedBytes + kHeaderRecordBytes * n_records, kAlignment);
}

// Fills in where everything is, and its CRC.
void lay_out(CacheFile& file,
             std::span<const std::span<const std::byte>> records,
             std::span<const std::byte> point) {
  int64_t end = header_bytes(file);
  const auto place = [&](std::span<const std::byte> payload, auto& record) {
    record.offset = round_up(end, kAlignment);
    record.bytes = std::ssize(payload);
    record.crc = crc32c(payload);
    end = record.offset + record.bytes;
  };
  for (size_t i = 0; i < records.size(); ++i) place(records[i], file.records[i]);
  if (file.point) place(point, *file.point);
}

// The size of a file that is laid out as lay_out() does; nothing if this one is not.
std::optional<int64_t> find_size(const CacheFile& file) {
  int64_t end = header_bytes(file);
  for (const Record& record : records_and_point(file)) {
    const int64_t offset = round_up(end, kAlignment);
    if (record.offset != offset || record.bytes < 0 || record.bytes > kFileBytesMax - offset) {
      return std::nullopt;
    }
    end = record.offset + record.bytes;
  }
  return end;
}

Sha256::Digest identity_of(const CacheFile& file) {
  Sha256 hash;
  hash.update(std::as_bytes(std::span(file.keys)));
  if (file.point) {
    hash.update(std::as_bytes(std::span(file.point->key)));
    hash.update(std::as_bytes(std::span(file.point->tail)));
  }
  return hash.finish();
}

std::vector<std::byte> header_of(const CacheFile& file) {
  std::vector<std::byte> header;
  header.reserve(static_cast<size_t>(header_bytes(file)));
  const auto append = [&](std::span<const std::byte> bytes) {
    header.insert(header.end(), bytes.begin(), bytes.end());
  };
  const auto append_integers = [&](std::initializer_list<int64_t> values) {
    append(std::as_bytes(std::span(values.begin(), values.size())));
  };
  append(std::as_bytes(std::span(kMagic)));
  append_integers({kFormatVersion, file.id, file.first_block, std::ssize(file.keys),
                   std::ssize(file.records), file.point ? file.point->n_tokens : -1,
                   file.point && file.point->has_logits ? 1 : 0});
  const Sha256::Digest identity = identity_of(file);
  append(std::as_bytes(std::span(identity)));
  for (const Record& record : records_and_point(file)) {
    append_integers({record.n_blocks, record.offset, record.bytes, record.crc});
  }
  header.resize(static_cast<size_t>(header_bytes(file)));
  return header;
}

// Reads a record in pieces, each into what next(bytes read so far) gives for it, and tells whether
// its CRC is right.
template <typename Next>
bool read_checked(CacheDisk::File& file, const Record& record, const Next& next) {
  uint32_t crc = 0;
  for (int64_t n_read = 0; n_read < record.bytes;) {
    const std::span<std::byte> piece = next(n_read);
    if (file.read_at(piece, record.offset + n_read) != piece.size()) return false;
    crc = crc32c(piece, crc);
    n_read += std::ssize(piece);
  }
  return crc == record.crc;
}

bool read_into(CacheDisk::File& file, const Record& record, std::span<std::byte> target) {
  if (std::ssize(target) != record.bytes) return false;
  return read_checked(file, record, [&](int64_t n_read) {
    const auto rest = target.subspan(static_cast<size_t>(n_read));
    return rest.first(std::min(rest.size(), kPieceBytes));
  });
}

bool is_sound(CacheDisk::File& file, const Record& record, std::span<std::byte> scratch) {
  return read_checked(file, record, [&](int64_t n_read) {
    return scratch.first(std::min(scratch.size(), static_cast<size_t>(record.bytes - n_read)));
  });
}

// The file is what the catalogue says, as far as one can tell without reading the payloads.
bool is_as_described(CacheDisk::File& opened, const CacheFile& file) {
  const auto size = find_size(file);
  if (!size || opened.size() != *size) return false;
  const std::vector<std::byte> expected = header_of(file);
  std::vector<std::byte> header(expected.size());
  return opened.read_at(header, 0) == header.size() && header == expected;
}

enum class Reading { whole, damaged, unavailable };

// Opens a file and lets `read` read it; read tells whether all was right.
template <typename Read>
Reading read_file(CacheDisk& disk, const fs::path& path, const CacheFile& file, const Read& read) {
  try {
    const auto opened = disk.open(path, CacheDisk::Mode::read);
    return is_as_described(*opened, file) && read(*opened) ? Reading::whole : Reading::damaged;
  } catch (const FileError& error) {
    // Out of descriptors, say, is no fault of the file.
    const bool is_its_fault = error.error_number() == ENOENT || error.error_number() == EIO;
    return is_its_fault ? Reading::damaged : Reading::unavailable;
  }
}

std::string name_of(int64_t id, std::string_view suffix) {
  std::array<char, 16> digits;
  const auto end = std::to_chars(digits.begin(), digits.end(), static_cast<uint64_t>(id), 16).ptr;
  const auto n_digits = static_cast<size_t>(end - digits.begin());
  std::string name(digits.size() - n_digits, '0');
  return name.append(digits.begin(), n_digits).append(suffix);
}

// The id in a name of ours, finished or temporary.
std::optional<int64_t> id_in(std::string_view name) {
  int64_t id = 0;
  const auto parsed = std::from_chars(name.data(), name.data() + name.size(), id, 16);
  const bool is_ours = parsed.ec == std::errc() && id > 0 &&
                       (name == name_of(id, kSuffix) || name == name_of(id, kTemporarySuffix));
  return is_ours ? std::optional(id) : std::nullopt;
}

// A symbolic link would have us sweep a directory that is not ours.
bool has_own_directory(CacheDisk& disk, const fs::path& directory, const std::string& name) {
  const auto entries = disk.list(directory);
  return std::any_of(entries.begin(), entries.end(), [&](const CacheDisk::Entry& entry) {
    return entry.name == name && entry.is_directory;
  });
}

// What is stored under a row can have no more bytes than the row says that it has on disk, so that
// whoever makes room to read it need not fear the number.
CacheFile checked(CacheFile file) {
  const auto size = find_size(file);
  if (!size || *size > file.bytes) throw DatabaseDamaged("a row of the cache's catalogue is torn");
  return file;
}

class ParentGone : public FileError {
 public:
  ParentGone() : FileError("what the file was to continue is no longer in the cache", ENOENT) {}
};

}  // namespace

// While a file is being written: its id, the room for it, and a pin on its parent.
class CacheFiles::Reservation {
 public:
  Reservation(CacheFiles& cache, int64_t parent)
      : cache_(cache), parent_(parent), id_(cache.catalogue_.reserve_id()) {
    const std::lock_guard lock(cache_.mutex_);
    cache_.being_written_.insert(id_);
    if (parent_ != 0) ++cache_.pins_[parent_];
  }
  ~Reservation() {
    const std::lock_guard lock(cache_.mutex_);
    cache_.being_written_.erase(id_);
    cache_.bytes_reserved_ -= bytes_;
    if (parent_ != 0) cache_.release_pin(parent_);
  }
  Reservation(const Reservation&) = delete;
  Reservation& operator=(const Reservation&) = delete;

  int64_t id() const { return id_; }

  // Evicts for it.  Throws FileError (ENOSPC) if that is not enough.
  void grow_to(int64_t bytes) {
    const std::lock_guard lock(cache_.mutex_);
    if (bytes <= bytes_) return;
    if (!cache_.make_room(bytes - bytes_)) {
      throw FileError("no room for " + std::to_string(bytes) + " bytes in \"" +
                          cache_.directory_.string() + "\": its budget of " +
                          std::to_string(cache_.bytes_max_) + " bytes is full of what is in use",
                      ENOSPC);
    }
    cache_.bytes_reserved_ += bytes - bytes_;
    bytes_ = bytes;
  }

 private:
  CacheFiles& cache_;
  const int64_t parent_;
  const int64_t id_;
  int64_t bytes_ = 0;
};

CacheFiles::CacheFiles(CacheDisk& disk,
                       fs::path directory,
                       int64_t bytes_max,
                       std::unique_ptr<CacheDisk::Lock> lock)
    : disk_(disk),
      directory_(std::move(directory)),
      files_(directory_ / "files"),
      bytes_max_(bytes_max),
      lock_(std::move(lock)),
      catalogue_(disk, directory_ / "catalogue.sqlite") {}

CacheFiles::~CacheFiles() = default;

Result<std::unique_ptr<CacheFiles>> CacheFiles::open(CacheDisk& disk,
                                                     fs::path directory,
                                                     int64_t bytes_max) {
  try {
    disk.make_directories(directory / "files");
    if (!has_own_directory(disk, directory, "files")) {
      return Unexpected{"\"" + (directory / "files").string() + "\" is a symbolic link"};
    }
    auto lock = disk.lock(directory / "lock");
    if (lock == nullptr) {
      return Unexpected{"the cache in \"" + directory.string() + "\" is in use by another process"};
    }
    std::unique_ptr<CacheFiles> cache(
        new CacheFiles(disk, std::move(directory), bytes_max, std::move(lock)));
    try {
      cache->sweep();
    } catch (const DatabaseDamaged&) {
      cache->begin_anew();
    }
    const std::lock_guard guard(cache->mutex_);
    cache->make_room(0);  // the budget may have been larger
    return cache;
  } catch (const FileError& error) {
    return Unexpected{std::string(error.what())};
  }
}

// The answer of the catalogue, or none: it is begun anew when it is damaged.
template <typename Use>
auto CacheFiles::ask(const Use& use) -> decltype(use()) {
  try {
    return use();
  } catch (const DatabaseDamaged&) {
    begin_anew();
  } catch (const FileError&) {
  }
  return decltype(use())();
}

void CacheFiles::begin_anew() {
  {
    const std::lock_guard lock(mutex_);
    ++statistics_.n_rebuilt;
  }
  try {
    catalogue_.begin_anew();
    sweep();
  } catch (const FileError&) {  // no catalogue: all is a miss; or no sweep: the next one will do
  }
}

std::optional<CacheFile> CacheFiles::find(int64_t id) {
  return ask([&]() -> std::optional<CacheFile> {
    auto found = catalogue_.find(id);
    if (!found) return std::nullopt;
    return checked(std::move(*found));
  });
}

std::optional<CacheFile> CacheFiles::find_rows(const BlockKey& first_key) {
  return ask([&]() -> std::optional<CacheFile> {
    auto found = catalogue_.find_rows(first_key);
    if (!found) return std::nullopt;
    return checked(std::move(*found));
  });
}

std::vector<CacheFile> CacheFiles::find_points(const BlockKey& key, std::span<const int32_t> next) {
  return ask([&] {
    auto found = catalogue_.find_points(key, next);
    for (CacheFile& file : found) file = checked(std::move(file));
    return found;
  });
}

void CacheFiles::note_hits(std::span<const int64_t> ids, int64_t now_ms) {
  ask([&] { catalogue_.note_hits(ids, now_ms); });
}

void CacheFiles::for_each(const std::function<void(const CacheFile&)>& visit) {
  ask([&] { catalogue_.for_each(visit); });
}

std::optional<Sha256::Digest> CacheFiles::find_weight_hash(const WeightFile& file) {
  return ask([&] { return catalogue_.find_weight_hash(file); });
}

void CacheFiles::remember_weight_hash(const WeightFile& file, const Sha256::Digest& hash) {
  ask([&] { catalogue_.remember_weight_hash(file, hash); });
}

Result<CacheFile> CacheFiles::commit(CacheFile file,
                                     std::span<const std::span<const std::byte>> records,
                                     std::span<const std::byte> point,
                                     std::span<const int64_t> sources) {
  WN_CHECK(records.size() == file.records.size() && (file.point || point.empty()));
  lay_out(file, records, point);
  std::string reason;
  try {
    file = store(std::move(file), records, point, sources);
    const std::lock_guard lock(mutex_);
    ++statistics_.n_commits;
    return file;
  } catch (const DatabaseDamaged& damage) {
    reason = damage.what();
    begin_anew();
  } catch (const FileError& error) {
    reason = error.what();
  }
  const std::lock_guard lock(mutex_);
  ++statistics_.n_skipped;
  return Unexpected{reason};
}

// The steps of a commit.  Whatever fails, nothing is left of it.
CacheFile CacheFiles::store(CacheFile file,
                            std::span<const std::span<const std::byte>> records,
                            std::span<const std::byte> point,
                            std::span<const int64_t> sources) {
  Reservation reservation(*this, file.parent);
  if (file.parent != 0 && !catalogue_.find(file.parent)) throw ParentGone();
  const int64_t size = find_size(file).value();
  reservation.grow_to(round_up(size, kDiskBlockBytes));
  if (disk_.free_bytes(files_) < size) {
    throw FileError("no room in \"" + files_.string() + "\": the disk is full", ENOSPC);
  }

  file.id = reservation.id();
  const fs::path temporary = temporary_path_of(file.id);
  try {
    const auto out = disk_.open(temporary, CacheDisk::Mode::create_unique);
    out->write_at(header_of(file), 0);
    for (size_t i = 0; i < records.size(); ++i) out->write_at(records[i], file.records[i].offset);
    if (file.point) out->write_at(point, file.point->offset);
    out->sync();
    file.bytes = std::max(out->allocated_bytes(), size);  // some file systems allocate late
    reservation.grow_to(file.bytes);
    disk_.rename(temporary, path_of(file.id));
    disk_.sync_directory(files_);

    const std::lock_guard lock(mutex_);
    const auto replaced = catalogue_.add(file, sources);
    if (!replaced) throw ParentGone();
    retire(*replaced);
    return file;
  } catch (...) {
    try {
      disk_.remove(temporary);
      disk_.remove(path_of(file.id));
    } catch (const FileError&) {  // what cannot be removed now is swept when the cache next opens
    }
    throw;
  }
}

bool CacheFiles::read_records(const CacheFile& file,
                              size_t first,
                              std::span<const std::span<std::byte>> targets) {
  WN_CHECK(first <= file.records.size() && targets.size() <= file.records.size() - first);
  const Reading reading = read_file(disk_, path_of(file.id), file, [&](CacheDisk::File& opened) {
    for (size_t i = 0; i < targets.size(); ++i) {
      if (!read_into(opened, file.records[first + i], targets[i])) return false;
    }
    return true;
  });
  return finish_read(file.id, reading == Reading::whole, reading == Reading::damaged);
}

bool CacheFiles::read_point(const CacheFile& file, std::span<std::byte> target) {
  WN_CHECK(file.point.has_value());
  const Reading reading = read_file(disk_, path_of(file.id), file, [&](CacheDisk::File& opened) {
    return read_into(opened, record_of(*file.point), target);
  });
  return finish_read(file.id, reading == Reading::whole, reading == Reading::damaged);
}

// Counts a read.  A file that could not be found may have been evicted or replaced meanwhile, which
// takes the row first.
bool CacheFiles::finish_read(int64_t id, bool is_whole, bool may_be_damaged) {
  const bool is_damaged = may_be_damaged && !remove_everywhere(id).empty();
  const std::lock_guard lock(mutex_);
  ++(is_whole     ? statistics_.n_reads
     : is_damaged ? statistics_.n_reads_damaged
                  : statistics_.n_reads_gone);
  return is_whole;
}

bool CacheFiles::pin(std::span<const int64_t> ids) {
  return ask([&] {
    const std::lock_guard lock(mutex_);
    for (const int64_t id : ids) {
      if (!catalogue_.find(id)) return false;
    }
    for (const int64_t id : ids) ++pins_[id];
    return true;
  });
}

void CacheFiles::unpin(std::span<const int64_t> ids) {
  const std::lock_guard lock(mutex_);
  for (const int64_t id : ids) release_pin(id);
}

void CacheFiles::release_pin(int64_t id) {
  const auto pin = pins_.find(id);
  WN_CHECK(pin != pins_.end());
  if (--pin->second > 0) return;
  pins_.erase(pin);
  if (replaced_.erase(id) > 0) unlink(id);
}

bool CacheFiles::remove(int64_t id) {
  return ask([&] {
    const std::lock_guard lock(mutex_);
    for (const int64_t gone : catalogue_.remove({&id, 1})) unlink(gone);
    if (replaced_.erase(id) > 0) unlink(id);
    for (const int64_t refused : std::vector(undeleted_.begin(), undeleted_.end())) unlink(refused);
    disk_.sync_directory(files_);
    return undeleted_.empty();
  });
}

// Those that others have replaced, and that are kept for who has pinned them, go as well: nobody
// knows any more what is in them.
CacheFiles::Removed CacheFiles::remove_sources(std::span<const int64_t> sources) {
  return ask([&] {
    const std::lock_guard lock(mutex_);
    const std::vector<int64_t> ids = catalogue_.remove_sources(sources);
    for (const int64_t gone : ids) unlink(gone);
    for (const auto& [gone, bytes] : replaced_) unlink(gone);
    replaced_.clear();
    for (const int64_t refused : std::vector(undeleted_.begin(), undeleted_.end())) unlink(refused);
    disk_.sync_directory(files_);
    return Removed{.n_files = std::ssize(ids), .is_complete = undeleted_.empty()};
  });
}

// With descendants, pinned or not.  Returns what there was.
std::vector<int64_t> CacheFiles::remove_everywhere(int64_t id) {
  return ask([&] {
    const std::lock_guard lock(mutex_);
    std::vector<int64_t> ids = catalogue_.remove({&id, 1});
    for (const int64_t gone : ids) unlink(gone);
    return ids;
  });
}

CacheFiles::Verified CacheFiles::verify() {
  Verified verified;
  std::vector<std::byte> scratch(kPieceBytes);
  for_each([&](const CacheFile& file) {
    const Reading reading = read_file(disk_, path_of(file.id), file, [&](CacheDisk::File& opened) {
      for (const Record& record : records_and_point(file)) {
        if (!is_sound(opened, record, scratch)) return false;
        verified.bytes += record.bytes;
      }
      return true;
    });
    ++verified.n_files;
    if (reading != Reading::damaged) return;
    const std::vector<int64_t> removed = remove_everywhere(file.id);
    if (!removed.empty()) ++verified.n_damaged;
    verified.removed.insert(verified.removed.end(), removed.begin(), removed.end());
  });
  return verified;
}

int64_t CacheFiles::collect_garbage() {
  return ask([&] { return sweep(); });
}

// What is being written is not garbage: it is in being_written_ until it has a row.
int64_t CacheFiles::sweep() {
  std::set<int64_t> present;
  int64_t n_swept = 0;
  for (const CacheDisk::Entry& entry : disk_.list(files_)) {
    if (entry.is_directory) continue;
    const auto id = id_in(entry.name);
    const std::lock_guard lock(mutex_);
    if (id && (being_written_.contains(*id) || replaced_.contains(*id))) continue;
    if (id && entry.name.ends_with(kSuffix) && catalogue_.find(*id)) {
      present.insert(*id);
      continue;
    }
    if (disk_.remove(files_ / entry.name)) ++n_swept;
  }
  std::vector<int64_t> lost = catalogue_.orphans();
  catalogue_.for_each([&](const CacheFile& file) {
    if (!present.contains(file.id) && !disk_.exists(path_of(file.id))) lost.push_back(file.id);
  });
  for (const int64_t id : lost) n_swept += std::ssize(remove_everywhere(id));
  const std::lock_guard lock(mutex_);
  statistics_.n_swept += n_swept;
  return n_swept;
}

CacheStatistics CacheFiles::statistics() const {
  const std::lock_guard lock(mutex_);
  CacheStatistics statistics = statistics_;
  statistics.bytes_max = bytes_max_;
  statistics.bytes = bytes_used() - bytes_reserved_;
  statistics.n_files = catalogue_.n_files();
  return statistics;
}

fs::path CacheFiles::path_of(int64_t id) const {
  return files_ / name_of(id, kSuffix);
}

fs::path CacheFiles::temporary_path_of(int64_t id) const {
  return files_ / name_of(id, kTemporarySuffix);
}

int64_t CacheFiles::bytes_used() const {
  int64_t bytes = catalogue_.total_bytes() + bytes_reserved_;
  for (const auto& [id, replaced_bytes] : replaced_) bytes += replaced_bytes;
  return bytes;
}

// Evicts until so many bytes fit into the budget; nothing if that cannot be done.  To choose is to
// read the whole catalogue, so more goes than must.
bool CacheFiles::make_room(int64_t bytes) {
  const int64_t excess = bytes_used() + bytes - bytes_max_;
  if (excess <= 0) return true;
  const auto victims = catalogue_.victims(excess + bytes_max_ / kEvictedShare,
                                          [&](int64_t id) { return pins_.contains(id); });
  if (victims.bytes < excess) return false;
  const std::vector<int64_t> gone = catalogue_.remove(victims.ids);
  for (const int64_t id : gone) unlink(id);
  statistics_.n_evictions += std::ssize(gone);
  return true;
}

// Files whose rows have gone because others took their place.
void CacheFiles::retire(std::span<const int64_t> ids) {
  for (const int64_t id : ids) {
    if (!pins_.contains(id)) {
      unlink(id);
      continue;
    }
    try {
      replaced_[id] = disk_.open(path_of(id), CacheDisk::Mode::read)->allocated_bytes();
    } catch (const FileError&) {  // it is not there, or not to be had: so it takes no room
    }
  }
}

// What cannot be removed now is tried again with the next removal, or swept.
void CacheFiles::unlink(int64_t id) {
  try {
    disk_.remove(path_of(id));
    undeleted_.erase(id);
  } catch (const FileError&) {
    undeleted_.insert(id);
  }
}

}  // namespace widenet::engine
