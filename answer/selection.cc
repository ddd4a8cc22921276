#include "answer/selection.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/utf8.h"

namespace widenet::answer {
namespace {

// One run's text and tokens.  `text` is the whole document.
PromptPassage load_run(const store::Store& store,
                       const store::Document& document,
                       std::string_view text,
                       std::span<const store::Chunk> chunks,
                       const engine::Tokenizer* retokenise) {
  PromptPassage passage;
  passage.start_char = chunks.front().start_char;
  passage.end_char = chunks.back().end_char;
  passage.text = slice_chars(text, passage.start_char, passage.end_char);
  passage.tokens = retokenise != nullptr ? retokenise->encode(passage.text)
                                         : store.tokens(document.id, chunks.front().ordinal,
                                                        static_cast<int64_t>(chunks.size()));
  return passage;
}

}  // namespace

Selection select(const retrieval::Net& net) {
  Selection selection;
  for (const auto& document : net.documents) {
    SelectedDocument& selected = selection.emplace_back();
    selected.id = document.document;
    for (const auto& passage : document.passages) {
      selected.runs.push_back({passage.first_ordinal, passage.n_chunks, passage.score});
    }
  }
  return selection;
}

Selection select_whole(const store::Store& store, const std::vector<store::DocumentId>& documents) {
  std::vector<std::pair<store::CollectionId, SelectedDocument>> found;
  for (const store::DocumentId id : documents) {
    const auto document = store.document(id);
    if (!document || document->n_chunks == 0) continue;
    found.push_back({document->collection, {.id = id, .runs = {{0, document->n_chunks, 0}}}});
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
    return std::pair(a.first, a.second.id) < std::pair(b.first, b.second.id);
  });
  Selection selection;
  for (auto& [collection, document] : found) {
    if (selection.empty() || selection.back().id != document.id) {
      selection.push_back(std::move(document));
    }
  }
  return selection;
}

std::set<ChunkKey> chunks_of(const Selection& selection) {
  std::set<ChunkKey> chunks;
  for (const auto& document : selection) {
    for (const ChunkRun& run : document.runs) {
      for (int64_t i = 0; i < run.n_chunks; ++i)
        chunks.insert({document.id, run.first_ordinal + i});
    }
  }
  return chunks;
}

Selection without(const Selection& selection, const std::set<ChunkKey>& present) {
  Selection rest;
  for (const auto& document : selection) {
    SelectedDocument left{.id = document.id, .runs = {}, .is_late = document.is_late};
    for (const ChunkRun& run : document.runs) {
      bool goes_on = false;
      for (int64_t i = run.first_ordinal; i < run.first_ordinal + run.n_chunks; ++i) {
        const bool is_new = !present.contains({document.id, i});
        if (is_new && goes_on) ++left.runs.back().n_chunks;
        if (is_new && !goes_on) left.runs.push_back({i, 1, run.score});
        goes_on = is_new;
      }
    }
    if (!left.runs.empty()) rest.push_back(std::move(left));
  }
  return rest;
}

LoadedSelection load(const store::Store& store,
                     const Selection& selection,
                     const engine::Tokenizer& tokenizer,
                     const std::string& tokenizer_sha256) {
  LoadedSelection loaded;
  for (const SelectedDocument& selected : selection) {
    const auto document = store.document(selected.id);
    const auto text = store.text(selected.id);
    if (!document || !text) continue;
    const auto* retokenise = document->tokenizer == tokenizer_sha256 ? nullptr : &tokenizer;
    const std::vector<store::Chunk> chunks = store.chunks(selected.id);
    PromptDocument& prompt = loaded.documents.emplace_back();
    prompt.id = selected.id;
    prompt.title = document->title;
    for (const ChunkRun& run : selected.runs) {
      if (run.first_ordinal + run.n_chunks > static_cast<int64_t>(chunks.size())) continue;
      const auto its = std::span(chunks).subspan(static_cast<size_t>(run.first_ordinal),
                                                 static_cast<size_t>(run.n_chunks));
      prompt.passages.push_back(load_run(store, *document, *text, its, retokenise));
      const int32_t page = its.front().page;
      loaded.ranges.push_back({.document = selected.id,
                               .title = document->title,
                               .page = page > 0 ? std::optional(page) : std::nullopt,
                               .start_char = its.front().start_char,
                               .end_char = its.back().end_char,
                               .score = run.score,
                               .is_late = selected.is_late});
    }
  }
  return loaded;
}

nlohmann::json to_json(const Selection& selection) {
  nlohmann::json documents = nlohmann::json::array();
  for (const auto& document : selection) {
    nlohmann::json runs = nlohmann::json::array();
    for (const ChunkRun& run : document.runs) runs.push_back({run.first_ordinal, run.n_chunks});
    nlohmann::json& json = documents.emplace_back();
    json = {{"id", document.id}, {"runs", runs}};
    if (document.is_late) json["late"] = true;
  }
  return documents;
}

Selection selection_from_json(const nlohmann::json& json) {
  Selection selection;
  for (const auto& document : json) {
    SelectedDocument& selected = selection.emplace_back();
    selected.id = document.at("id").get<store::DocumentId>();
    selected.is_late = document.value("late", false);
    for (const auto& run : document.at("runs")) {
      selected.runs.push_back({run.at(0).get<int64_t>(), run.at(1).get<int64_t>(), 0});
    }
  }
  return selection;
}

}  // namespace widenet::answer
