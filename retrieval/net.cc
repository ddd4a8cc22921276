#include "retrieval/net.h"

#include <algorithm>
#include <set>
#include <unordered_map>

#include "base/check.h"

namespace widenet::retrieval {
namespace {

using store::DocumentId;

int64_t tokens_of(const DocumentLayout& layout) {
  int64_t n_tokens = 0;
  for (const store::Chunk& chunk : layout.chunks) n_tokens += chunk.n_tokens;
  return n_tokens;
}

// The chunks chosen so far and what they cost, fences and gap marks included.
class Selection {
 public:
  Selection(const std::map<DocumentId, DocumentLayout>& layouts, const NetOptions& options)
      : layouts_(layouts), options_(options), budget_(options.budget_tokens) {}

  int64_t used() const { return used_; }
  void limit_to(int64_t budget) { budget_ = std::min(budget, options_.budget_tokens); }
  bool has(DocumentId document, int64_t ordinal) const {
    const auto found = chosen_.find(document);
    return found != chosen_.end() && found->second.contains(ordinal);
  }
  const std::map<DocumentId, std::set<int64_t>>& chosen() const { return chosen_; }

  // Takes a chunk if it exists and fits.  True if it is in the net afterwards.
  bool take(DocumentId document, int64_t ordinal) {
    const auto layout = layouts_.find(document);
    if (layout == layouts_.end() || ordinal < 0 || ordinal >= std::ssize(layout->second.chunks)) {
      return false;
    }
    if (has(document, ordinal)) return true;
    const int64_t cost =
        layout->second.chunks[static_cast<size_t>(ordinal)].n_tokens + joint(document, ordinal);
    if (used_ + cost > budget_) return false;
    chosen_[document].insert(ordinal);
    used_ += cost;
    return true;
  }

  // Takes all that is left of a document if that fits, else nothing of it.
  bool take_whole(const DocumentLayout& layout) {
    const auto found = chosen_.find(layout.document);
    int64_t cost = options_.document_tokens + tokens_of(layout);
    if (found != chosen_.end()) cost -= cost_of(layout, found->second);
    if (layout.chunks.empty() || used_ + cost > budget_) return false;
    auto& ordinals = chosen_[layout.document];
    for (int64_t i = 0; i < std::ssize(layout.chunks); ++i) ordinals.insert(ordinals.end(), i);
    used_ += cost;
    return true;
  }

 private:
  // What joining costs beside the chunk's own tokens: a fence, a gap mark, or one mark fewer.
  int64_t joint(DocumentId document, int64_t ordinal) const {
    if (!chosen_.contains(document)) return options_.document_tokens;
    const int touching = int{has(document, ordinal - 1)} + int{has(document, ordinal + 1)};
    return (1 - touching) * options_.gap_tokens;
  }

  int64_t cost_of(const DocumentLayout& layout, const std::set<int64_t>& ordinals) const {
    int64_t cost = options_.document_tokens - options_.gap_tokens;
    for (const int64_t ordinal : ordinals) {
      cost += layout.chunks[static_cast<size_t>(ordinal)].n_tokens;
      if (!ordinals.contains(ordinal - 1)) cost += options_.gap_tokens;
    }
    return cost;
  }

  const std::map<DocumentId, DocumentLayout>& layouts_;
  const NetOptions& options_;
  int64_t budget_;
  int64_t used_ = 0;
  std::map<DocumentId, std::set<int64_t>> chosen_;
};

void take_hits(Selection& selection, std::span<const Candidate> candidates) {
  for (const Candidate& hit : candidates) selection.take(hit.chunk.document, hit.chunk.ordinal);
}

void take_neighbours(Selection& selection,
                     std::span<const Candidate> candidates,
                     int64_t neighbours) {
  for (const Candidate& hit : candidates) {
    const DocumentId document = hit.chunk.document;
    if (!selection.has(document, hit.chunk.ordinal)) continue;
    // Outwards on either side, and no further where one does not fit.
    for (const int64_t step : {int64_t{1}, int64_t{-1}}) {
      for (int64_t i = 1; i <= neighbours; ++i) {
        if (!selection.take(document, hit.chunk.ordinal + step * i)) break;
      }
    }
  }
}

// Documents by their best candidate.
std::vector<DocumentId> ranked_documents(std::span<const Candidate> candidates) {
  std::vector<DocumentId> ranked;
  std::set<DocumentId> seen;
  for (const Candidate& hit : candidates) {
    if (seen.insert(hit.chunk.document).second) ranked.push_back(hit.chunk.document);
  }
  return ranked;
}

// Three quarters of the budget for hits, the rest for what stands around the best of them, and for
// further hits if neighbours leave room.
void choose_focused(Selection& selection,
                    std::span<const Candidate> candidates,
                    const NetOptions& options) {
  if (options.neighbours > 0) selection.limit_to(options.budget_tokens * 3 / 4);
  take_hits(selection, candidates);
  selection.limit_to(options.budget_tokens);
  take_neighbours(selection, candidates, options.neighbours);
  take_hits(selection, candidates);
}

void choose_wide(Selection& selection,
                 std::span<const Candidate> candidates,
                 const std::map<DocumentId, DocumentLayout>& layouts,
                 const NetOptions& options) {
  const int64_t small =
      options.whole_document_max > 0 ? options.whole_document_max : options.budget_tokens / 8;
  for (const Candidate& hit : candidates) {
    const auto layout = layouts.find(hit.chunk.document);
    if (layout == layouts.end()) continue;
    const bool is_small = tokens_of(layout->second) <= small;
    if (is_small && selection.take_whole(layout->second)) continue;
    selection.take(hit.chunk.document, hit.chunk.ordinal);
  }
  take_neighbours(selection, candidates, options.neighbours);
  for (const DocumentId document : ranked_documents(candidates)) {
    const auto layout = layouts.find(document);
    if (layout != layouts.end()) selection.take_whole(layout->second);
  }
}

void choose_all(Selection& selection,
                std::span<const Candidate> candidates,
                const std::map<DocumentId, DocumentLayout>& layouts,
                const NetOptions& options) {
  for (const DocumentId document : ranked_documents(candidates)) {
    const auto layout = layouts.find(document);
    if (layout != layouts.end()) selection.take_whole(layout->second);
  }
  for (const auto& [document, layout] : layouts) selection.take_whole(layout);
  take_hits(selection, candidates);
  take_neighbours(selection, candidates, options.neighbours);
}

using Scores = std::unordered_map<store::ChunkId, double>;

std::vector<Passage> passages_of(const DocumentLayout& layout,
                                 const std::set<int64_t>& ordinals,
                                 const Scores& scores) {
  std::vector<Passage> passages;
  for (const int64_t ordinal : ordinals) {
    const store::Chunk& chunk = layout.chunks[static_cast<size_t>(ordinal)];
    if (passages.empty() || passages.back().first_ordinal + passages.back().n_chunks != ordinal) {
      passages.push_back({.first_ordinal = ordinal,
                          .start_char = chunk.start_char,
                          .end_char = chunk.end_char,
                          .page = chunk.page});
    }
    Passage& passage = passages.back();
    ++passage.n_chunks;
    passage.end_char = chunk.end_char;
    passage.n_tokens += chunk.n_tokens;
    const auto score = scores.find(chunk.id);
    if (score != scores.end()) passage.score = std::max(passage.score, score->second);
  }
  return passages;
}

NetDocument net_document(const DocumentLayout& layout,
                         const std::set<int64_t>& ordinals,
                         const Scores& scores) {
  NetDocument document{.document = layout.document,
                       .collection = layout.collection,
                       .title = layout.title,
                       .whole = std::ssize(ordinals) == std::ssize(layout.chunks),
                       .passages = passages_of(layout, ordinals, scores)};
  for (const Passage& passage : document.passages) {
    document.n_tokens += passage.n_tokens;
    document.score = std::max(document.score, passage.score);
  }
  return document;
}

double score_share(const Selection& selection, std::span<const Candidate> candidates) {
  double in_net = 0;
  double total = 0;
  for (const Candidate& hit : candidates) {
    total += hit.score;
    if (selection.has(hit.chunk.document, hit.chunk.ordinal)) in_net += hit.score;
  }
  return total > 0 ? in_net / total : 1;
}

DocumentLayout load_layout(const store::Store& store, const store::Document& document) {
  return {.document = document.id,
          .collection = document.collection,
          .title = document.title,
          .chunks = store.chunks(document.id)};
}

}  // namespace

Net choose_net(std::span<const Candidate> candidates,
               const std::map<DocumentId, DocumentLayout>& layouts,
               const NetOptions& options) {
  Selection selection(layouts, options);
  switch (options.shape) {
    case NetShape::focused:
      choose_focused(selection, candidates, options);
      break;
    case NetShape::wide:
      choose_wide(selection, candidates, layouts, options);
      break;
    case NetShape::all:
      choose_all(selection, candidates, layouts, options);
      break;
  }
  Scores scores;
  for (const Candidate& hit : candidates) scores.emplace(hit.chunk.id, hit.score);
  Net net;
  for (const auto& [document, ordinals] : selection.chosen()) {
    net.documents.push_back(net_document(layouts.at(document), ordinals, scores));
  }
  std::stable_sort(
      net.documents.begin(), net.documents.end(),
      [](const NetDocument& a, const NetDocument& b) { return a.collection < b.collection; });
  net.n_tokens = selection.used();
  net.score_share = score_share(selection, candidates);
  WN_CHECK(net.n_tokens <= options.budget_tokens || net.documents.empty());
  return net;
}

std::map<DocumentId, DocumentLayout> load_layouts(const store::Store& store,
                                                  const store::Scope& scope,
                                                  std::span<const Candidate> candidates,
                                                  NetShape shape) {
  std::set<DocumentId> wanted;
  for (const Candidate& hit : candidates) wanted.insert(hit.chunk.document);
  std::map<DocumentId, DocumentLayout> layouts;
  for (const store::CollectionId collection : scope.collections) {
    store::Paging paging;
    for (bool more = true; more;) {
      const auto documents = store.documents(collection, paging, scope.reader);
      for (const store::Document& document : documents) {
        paging.after_id = document.id;
        if (document.state != store::DocumentState::ready || document.n_chunks == 0) continue;
        if (shape == NetShape::all || wanted.contains(document.id)) {
          layouts.emplace(document.id, load_layout(store, document));
        }
      }
      more = std::ssize(documents) == paging.limit;
    }
  }
  return layouts;
}

Net cast_net(const store::Store& store,
             const store::Scope& scope,
             std::span<const Candidate> candidates,
             const NetOptions& options) {
  return choose_net(candidates, load_layouts(store, scope, candidates, options.shape), options);
}

}  // namespace widenet::retrieval
