// What questions are asked about: the documents of collections, and where in them gold passages
// are.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "eval/questions.h"
#include "store/store.h"

namespace widenet::eval {

// Where a question's gold passage stands.
struct GoldRange {
  store::DocumentId document = 0;
  int64_t start_char = 0;
  int64_t end_char = 0;
};

bool overlaps(const std::vector<GoldRange>& gold,
              store::DocumentId document,
              int64_t start_char,
              int64_t end_char);

// The range of characters of `text` that has the letters and digits of `passage`, in order: blanks,
// punctuation and the separators of table rows do not count.
std::optional<std::pair<int64_t, int64_t>> find_passage(std::string_view text,
                                                        std::string_view passage);

// The ready documents, as they were when it was made.  Refers to the store.
class Corpus {
 public:
  Corpus(const store::Store& store, const std::vector<store::CollectionId>& collections);

  std::vector<GoldRange> gold_ranges(const Question& question) const;
  std::vector<store::DocumentId> gold_documents(const Question& question) const;
  const std::vector<store::Document>& documents() const { return documents_; }

  // The gold documents and others, `count` in all.
  std::vector<store::DocumentId> gold_among(const Question& question,
                                            int64_t count,
                                            uint64_t seed) const;

 private:
  std::vector<store::DocumentId> find(const std::string& path) const;

  const store::Store& store_;
  std::vector<store::Document> documents_;
};

}  // namespace widenet::eval
