// Reading chosen entries of a ZIP archive in memory, by libarchive, with bounds.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace widenet::ingest {

struct ZipLimits {
  int64_t entries_max = 10'000;
  int64_t bytes_max = int64_t{256} << 20;  // unpacked, all wanted entries together
};

// The entries whose names `wants` accepts, by name.  Names are only compared, never opened as
// paths.  Refuses damaged and encrypted archives, and those that unpack to more than the limits.
Result<std::map<std::string, std::string>> read_zip(
    std::string_view bytes,
    const std::function<bool(std::string_view name)>& wants,
    const ZipLimits& limits = {});

// The entry that `reference`, a relative URI written in the entry `source`, names: from the
// source's folder on, or from the archive's root if it begins with a slash; without its fragment;
// percent escapes undone.  ".." stops at the root.
std::string resolved_name(std::string_view source, std::string_view reference);

}  // namespace widenet::ingest
