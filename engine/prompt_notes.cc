#include "engine/prompt_notes.h"

#include <algorithm>

namespace widenet::engine {

std::vector<int64_t> sources_within(std::span<const Source> sources, int64_t first, int64_t end) {
  std::vector<int64_t> ids;
  for (size_t i = 0; i < sources.size(); ++i) {
    const bool ends_before = i + 1 < sources.size() && sources[i + 1].first_token <= first;
    if (!ends_before && sources[i].first_token < end) ids.push_back(sources[i].id);
  }
  std::ranges::sort(ids);
  ids.erase(std::ranges::unique(ids).begin(), ids.end());
  return ids;
}

}  // namespace widenet::engine
