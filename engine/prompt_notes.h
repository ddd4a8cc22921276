// What a caller knows about a prompt that its tokens do not say.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace widenet::engine {

// The tokens from first_token on, as far as the next source, come from `id`: a document, say.  What
// ids mean is the caller's; one that was forgotten (PrefixCache::forget()) must not come again.
struct Source {
  int64_t first_token = 0;
  int64_t id = 0;
};

struct PromptNotes {
  // Lengths, ascending, where other timelines may part from this one: documents end there, and
  // behind the last one the question begins.
  std::vector<int64_t> marks = {};

  std::vector<Source> sources = {};  // ascending
};

// The sources that some of the tokens [first, end) come from, each once, ascending.
std::vector<int64_t> sources_within(std::span<const Source> sources, int64_t first, int64_t end);

}  // namespace widenet::engine
