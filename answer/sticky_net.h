// The sticky net: documents that the model has read before are read again where they hold nearly
// all that a question wants.  They then stand at the prompt's beginning as they did, so that their
// state is there already; what is missing comes late, before the question.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "answer/selection.h"
#include "retrieval/net.h"

namespace widenet::answer {

// Whose nets may be read again together.
struct NetScope {
  std::vector<store::CollectionId> collections{};  // each once, ascending
  std::string cache{};                             // see AskRequest::cache_scope

  friend bool operator==(const NetScope&, const NetScope&) = default;
};

// What a prompt began with, without late passages.
struct ReadNet {
  Selection documents;
  int64_t n_tokens = 0;  // with fences
};

// The nets that were read last, of all scopes together.  Thread-safe.
class NetMemory {
 public:
  static constexpr size_t kNetsMax = 16;

  // `net` is what was read last.
  void remember(const NetScope& scope, const ReadNet& net);
  void forget(const NetScope& scope, const ReadNet& net);
  std::vector<ReadNet> nets_of(const NetScope& scope) const;  // last read first

 private:
  struct Entry {
    NetScope scope;
    ReadNet net;
  };
  void erase(const NetScope& scope, const ReadNet& net);

  mutable std::mutex mutex_;
  std::vector<Entry> entries_;  // last read last
};

struct StickyOptions {
  double late_share = 0.2;  // of the budget, kept for late passages
  double held_min = 0.7;    // of the fused score in the net that the question alone would cast
};

struct StickyNet {
  ReadNet base;
  Selection late;          // not in the base
  bool is_reused = false;  // the base was read before
  double held = 0;         // share of the wanted fused score in base and late passages
};

// Pure.  `options` are those of the net that the question alone would cast; base and late passages
// fit its budget together.  `read` are nets that are all there still, last read first.
StickyNet choose_sticky(std::span<const retrieval::Candidate> candidates,
                        const std::map<store::DocumentId, retrieval::DocumentLayout>& layouts,
                        const retrieval::NetOptions& options,
                        std::span<const ReadNet> read,
                        const StickyOptions& sticky = {});

// Whether every document is the current version of its key, ready, has these chunks, and may be
// read.
bool is_there(const store::Store& store, const Selection& documents, const store::Reader& reader);

}  // namespace widenet::answer
