// The net: which passages of which documents a prompt holds, within a budget of tokens.
//
//   focused   the best passages, each with its neighbours, until the budget is full       (rag)
//   wide      whole documents where they are small or score well, passages of the others  (hybrid)
//   all       every document of the scope, in order; what scores best if they do not fit  (long)
//
// However chosen, a net is in (collection, document, position) order and passages that touch are
// one, so that equal nets make equal prompts.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "retrieval/search.h"

namespace widenet::retrieval {

enum class NetShape { focused, wide, all };

struct NetOptions {
  NetShape shape = NetShape::focused;
  int64_t budget_tokens = 8192;
  int64_t neighbours = 1;          // chunks added on either side of a hit, budget permitting
  int64_t document_tokens = 24;    // what the fence and title around a document cost
  int64_t gap_tokens = 6;          // what the mark between two passages costs
  int64_t whole_document_max = 0;  // `wide`: taken whole up to this; 0: an eighth of the budget
};

// Chunks [first_ordinal, first_ordinal + n_chunks) of a document.
struct Passage {
  int64_t first_ordinal = 0;
  int64_t n_chunks = 0;
  int64_t start_char = 0;
  int64_t end_char = 0;
  int32_t page = 0;  // of the first chunk; 0: none
  int64_t n_tokens = 0;
  double score = 0;  // best of its chunks; 0 for what no list found
};

struct NetDocument {
  store::DocumentId document = 0;
  store::CollectionId collection = 0;
  std::string title{};
  bool whole = false;
  int64_t n_tokens = 0;             // of its passages, without fences
  double score = 0;                 // of its best passage
  std::vector<Passage> passages{};  // in text order; no two touch
};

struct Net {
  std::vector<NetDocument> documents{};  // in (collection, document) order
  int64_t n_tokens = 0;                  // with fences and gap marks as the options price them
  double score_share = 0;                // fused score in the net / fused score of all candidates
};

// What choosing needs to know of a document.
struct DocumentLayout {
  store::DocumentId document = 0;
  store::CollectionId collection = 0;
  std::string title{};
  std::vector<store::Chunk> chunks{};
};

// Pure.  `candidates` best first; `layouts` holds every document that may be chosen, by id.
// Never over budget: a net may be empty.
Net choose_net(std::span<const Candidate> candidates,
               const std::map<store::DocumentId, DocumentLayout>& layouts,
               const NetOptions& options);

// What choosing from `candidates` needs, of the scope's ready documents.  Throws StoreError.
std::map<store::DocumentId, DocumentLayout> load_layouts(const store::Store& store,
                                                         const store::Scope& scope,
                                                         std::span<const Candidate> candidates,
                                                         NetShape shape);

// Loads the layouts that `options` need and chooses.  Throws StoreError.
Net cast_net(const store::Store& store,
             const store::Scope& scope,
             std::span<const Candidate> candidates,
             const NetOptions& options);

}  // namespace widenet::retrieval
