// What a prompt holds of each document, as runs of chunks: small enough to store with an answer,
// enough to build the same prompt again.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "answer/prompt.h"
#include "retrieval/net.h"
#include "store/store.h"

namespace widenet::answer {

// Chunks [first_ordinal, first_ordinal + n_chunks).
struct ChunkRun {
  int64_t first_ordinal = 0;
  int64_t n_chunks = 0;
  double score = 0;  // fused score of its best chunk; 0 for what came along
};

struct SelectedDocument {
  store::DocumentId id = 0;
  std::vector<ChunkRun> runs;  // in order, no two touch
  bool is_late = false;        // behind a net that was read before; may have more of its documents
};
// In (collection, document) order; late ones after all others, in this order among themselves.
using Selection = std::vector<SelectedDocument>;

using ChunkKey = std::pair<store::DocumentId, int64_t>;  // document, ordinal

Selection select(const retrieval::Net& net);

// Each document whole, in (collection, document) order.  Documents that are not there are left out.
Selection select_whole(const store::Store& store, const std::vector<store::DocumentId>& documents);

std::set<ChunkKey> chunks_of(const Selection& selection);
// What of `selection` is not in `present`.
Selection without(const Selection& selection, const std::set<ChunkKey>& present);

// A stretch of a document that the prompt holds.
struct ContextRange {
  store::DocumentId document = 0;
  std::string title;
  std::optional<int32_t> page;
  int64_t start_char = 0;
  int64_t end_char = 0;
  double score = 0;
  bool is_late = false;  // came with a follow-up, or behind a net that was read before
};

// Text and tokens out of the store.  Documents deleted since are left out.
struct LoadedSelection {
  std::vector<PromptDocument> documents;
  std::vector<ContextRange> ranges;
};
// Chunks whose tokens are another tokenizer's than `tokenizer_sha256` are tokenised anew.
LoadedSelection load(const store::Store& store,
                     const Selection& selection,
                     const engine::Tokenizer& tokenizer,
                     const std::string& tokenizer_sha256);

nlohmann::json to_json(const Selection& selection);
Selection selection_from_json(const nlohmann::json& json);

}  // namespace widenet::answer
