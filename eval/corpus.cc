#include "eval/corpus.h"

#include <algorithm>
#include <set>

#include "base/utf8.h"
#include "eval/tasks/random.h"

namespace widenet::eval {

bool overlaps(const std::vector<GoldRange>& gold,
              store::DocumentId document,
              int64_t start_char,
              int64_t end_char) {
  return std::ranges::any_of(gold, [&](const GoldRange& range) {
    return range.document == document && start_char < range.end_char && range.start_char < end_char;
  });
}

std::optional<std::pair<int64_t, int64_t>> find_passage(std::string_view text,
                                                        std::string_view passage) {
  const auto counts = [](char c) {
    const bool is_digit = c >= '0' && c <= '9';
    return is_digit || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  };
  std::string squeezed, wanted;
  std::vector<size_t> positions;
  for (size_t i = 0; i < text.size(); ++i) {
    if (!counts(text[i])) continue;
    squeezed += text[i];
    positions.push_back(i);
  }
  std::copy_if(passage.begin(), passage.end(), std::back_inserter(wanted), counts);
  if (wanted.empty()) return {};
  const size_t at = squeezed.find(wanted);
  if (at == std::string::npos) return {};
  const size_t last = positions[at + wanted.size() - 1];
  return std::pair(count_chars(text.substr(0, positions[at])),
                   count_chars(text.substr(0, last + 1)));
}

Corpus::Corpus(const store::Store& store, const std::vector<store::CollectionId>& collections)
    : store_(store) {
  for (const auto collection : collections) {
    for (store::Paging paging;;) {
      const auto page = store.documents(collection, paging);
      if (page.empty()) break;
      paging.after_id = page.back().id;
      for (const auto& document : page) {
        if (document.state == store::DocumentState::ready) documents_.push_back(document);
      }
    }
  }
}

// With text: the document of this key, or its parts.
std::vector<store::DocumentId> Corpus::find(const std::string& path) const {
  std::vector<store::DocumentId> found;
  std::set<store::DocumentId> files;
  for (const auto& document : documents_) {
    const bool is_named = document.key == path || document.key.ends_with("/" + path) ||
                          (document.parent && files.contains(*document.parent));
    if (!is_named) continue;
    files.insert(document.id);
    if (document.n_chunks > 0) found.push_back(document.id);
  }
  return found;
}

std::vector<store::DocumentId> Corpus::gold_documents(const Question& question) const {
  std::vector<store::DocumentId> gold;
  for (const auto& path : question.documents) {
    const auto found = find(path);
    gold.insert(gold.end(), found.begin(), found.end());
  }
  return gold;
}

std::vector<GoldRange> Corpus::gold_ranges(const Question& question) const {
  std::vector<GoldRange> ranges;
  for (const auto id : gold_documents(question)) {
    const auto text = store_.text(id);
    const auto range = text ? find_passage(*text, question.passage) : std::nullopt;
    if (range) ranges.push_back({id, range->first, range->second});
  }
  return ranges;
}

std::vector<store::DocumentId> Corpus::gold_among(const Question& question,
                                                  int64_t count,
                                                  uint64_t seed) const {
  std::vector<store::DocumentId> chosen = gold_documents(question);
  std::vector<store::DocumentId> others;
  for (const auto& document : documents_) {
    const bool is_gold = std::find(chosen.begin(), chosen.end(), document.id) != chosen.end();
    if (!is_gold && document.n_chunks > 0) others.push_back(document.id);
  }
  for (const char c : question.id) seed = seed * 131 + static_cast<uint8_t>(c);
  Random random(seed);
  while (static_cast<int64_t>(chosen.size()) < count && !others.empty()) {
    const auto at = others.begin() + random.below(static_cast<int64_t>(others.size()));
    chosen.push_back(*at);
    others.erase(at);
  }
  return chosen;
}

}  // namespace widenet::eval
