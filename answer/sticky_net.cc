// Which net that was read before is worth reading again.
#include "answer/sticky_net.h"

#include <algorithm>
#include <unordered_map>

namespace widenet::answer {
namespace {

using retrieval::Candidate;

bool has_same_chunks(const ReadNet& a, const ReadNet& b) {
  return std::ranges::equal(
      a.documents, b.documents, [](const SelectedDocument& x, const SelectedDocument& y) {
        return x.id == y.id &&
               std::ranges::equal(x.runs, y.runs, [](const ChunkRun& r, const ChunkRun& s) {
                 return r.first_ordinal == s.first_ordinal && r.n_chunks == s.n_chunks;
               });
      });
}

// Sum of the scores of those candidates that are in `chunks`.
double score_in(std::span<const Candidate> candidates, const std::set<ChunkKey>& chunks) {
  double score = 0;
  for (const Candidate& hit : candidates) {
    if (chunks.contains({hit.chunk.document, hit.chunk.ordinal})) score += hit.score;
  }
  return score;
}

std::vector<Candidate> those(std::span<const Candidate> candidates,
                             const std::set<ChunkKey>& chunks,
                             bool are_in) {
  std::vector<Candidate> chosen;
  for (const Candidate& hit : candidates) {
    if (chunks.contains({hit.chunk.document, hit.chunk.ordinal}) == are_in) chosen.push_back(hit);
  }
  return chosen;
}

// What of a net the question's candidates say.
void score_runs(std::span<const Candidate> candidates, Selection& selection) {
  std::map<ChunkKey, double> scores;
  for (const Candidate& hit : candidates) {
    scores.emplace(ChunkKey(hit.chunk.document, hit.chunk.ordinal), hit.score);
  }
  for (SelectedDocument& document : selection) {
    for (ChunkRun& run : document.runs) {
      run.score = 0;
      const ChunkKey end(document.id, run.first_ordinal + run.n_chunks);
      for (auto hit = scores.lower_bound({document.id, run.first_ordinal});
           hit != scores.end() && hit->first < end; ++hit) {
        run.score = std::max(run.score, hit->second);
      }
    }
  }
}

ReadNet read_net(const retrieval::Net& net) {
  return {.documents = select(net), .n_tokens = net.n_tokens};
}

}  // namespace

void NetMemory::remember(const NetScope& scope, const ReadNet& net) {
  if (net.documents.empty()) return;
  const std::scoped_lock lock(mutex_);
  erase(scope, net);
  entries_.push_back({scope, net});
  if (entries_.size() > kNetsMax) entries_.erase(entries_.begin());
}

void NetMemory::forget(const NetScope& scope, const ReadNet& net) {
  const std::scoped_lock lock(mutex_);
  erase(scope, net);
}

void NetMemory::erase(const NetScope& scope, const ReadNet& net) {
  std::erase_if(entries_, [&](const Entry& entry) {
    return entry.scope == scope && has_same_chunks(entry.net, net);
  });
}

std::vector<ReadNet> NetMemory::nets_of(const NetScope& scope) const {
  const std::scoped_lock lock(mutex_);
  std::vector<ReadNet> nets;
  for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
    if (entry->scope == scope) nets.push_back(entry->net);
  }
  return nets;
}

StickyNet choose_sticky(std::span<const Candidate> candidates,
                        const std::map<store::DocumentId, retrieval::DocumentLayout>& layouts,
                        const retrieval::NetOptions& options,
                        std::span<const ReadNet> read,
                        const StickyOptions& sticky) {
  const Selection wanted = select(choose_net(candidates, layouts, options));
  const std::set<ChunkKey> wanted_chunks = chunks_of(wanted);
  const std::vector<Candidate> wanted_hits = those(candidates, wanted_chunks, true);
  const double wanted_score = score_in(candidates, wanted_chunks);
  const auto room =
      static_cast<int64_t>(static_cast<double>(options.budget_tokens) * sticky.late_share);
  StickyNet best;
  for (const ReadNet& net : read) {
    if (net.n_tokens > options.budget_tokens) continue;
    std::set<ChunkKey> held = chunks_of(net.documents);
    retrieval::NetOptions late = options;
    late.shape = retrieval::NetShape::focused;
    late.neighbours = 0;
    late.budget_tokens = std::min(room, options.budget_tokens - net.n_tokens);
    const Selection missing = select(choose_net(those(wanted_hits, held, false), layouts, late));
    held.merge(chunks_of(missing));
    const double share = wanted_score > 0 ? score_in(wanted_hits, held) / wanted_score : 1;
    if (share < sticky.held_min || share <= best.held) continue;
    best = {.base = net, .late = missing, .is_reused = true, .held = share};
  }
  if (best.is_reused) {
    score_runs(candidates, best.base.documents);
    for (SelectedDocument& document : best.late) document.is_late = true;
    return best;
  }
  retrieval::NetOptions base = options;
  base.budget_tokens -= room;
  best.base = read_net(choose_net(candidates, layouts, base));
  best.held =
      wanted_score > 0 ? score_in(wanted_hits, chunks_of(best.base.documents)) / wanted_score : 1;
  return best;
}

bool is_there(const store::Store& store, const Selection& documents, const store::Reader& reader) {
  return std::ranges::all_of(documents, [&](const SelectedDocument& selected) {
    const auto document = store.document(selected.id);
    return document && document->state == store::DocumentState::ready &&
           may_read(reader, document->readers) && !selected.runs.empty() &&
           selected.runs.back().first_ordinal + selected.runs.back().n_chunks <= document->n_chunks;
  });
}

}  // namespace widenet::answer
