// Reading ZIP archives in memory, by libarchive, with bounds.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

struct archive;

namespace widenet::ingest {

struct ZipLimits {
  int64_t entries_max = 10'000;
  int64_t bytes_max = int64_t{256} << 20;  // unpacked, all wanted entries together
};

// What an archive says of an entry.  The name is valid UTF-8; it is only compared and shown, never
// opened as a path.
struct ZipEntry {
  std::string name;
  bool is_folder = false;
  bool is_file = false;  // neither a folder nor a link or a device
  bool is_encrypted = false;
};

// Walks an archive's entries in order.  `bytes` outlives it.
class ZipReader {
 public:
  explicit ZipReader(std::string_view bytes, const ZipLimits& limits = {});

  // The next entry; none at the end.  Refuses damaged archives and those of too many entries.
  Result<std::optional<ZipEntry>> next();

  // The bytes of the entry that next() gave.  Refuses damaged and encrypted ones, of which the
  // next entries do not suffer; and what goes over the limit, after which is_exhausted() holds.
  Result<std::string> read();
  bool is_exhausted() const { return bytes_left_ < 0; }

 private:
  std::unique_ptr<struct archive, int (*)(struct archive*)> reader_;
  std::string problem_;  // of opening
  int64_t entries_left_;
  int64_t bytes_left_;
};

// The entries whose names `wants` accepts, by name.  Refuses damaged and encrypted archives, and
// those that unpack to more than the limits.
Result<std::map<std::string, std::string>> read_zip(
    std::string_view bytes,
    const std::function<bool(std::string_view name)>& wants,
    const ZipLimits& limits = {});

// The entry that `reference`, a relative URI written in the entry `source`, names: from the
// source's folder on, or from the archive's root if it begins with a slash; without its fragment;
// percent escapes undone.  ".." stops at the root.
std::string resolved_name(std::string_view source, std::string_view reference);

}  // namespace widenet::ingest
