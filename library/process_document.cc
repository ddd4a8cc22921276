#include "library/process_document.h"

#include <nlohmann/json.hpp>

#include "base/utf8.h"
#include "ingest/chunk.h"
#include "library/typed_table.h"

namespace widenet::library {
namespace {

store::Page to_stored(const ingest::Page& page) {
  store::Page stored{.number = page.number,
                     .start_char = page.start_char,
                     .end_char = page.end_char,
                     .width = page.width,
                     .height = page.height,
                     .words = {}};
  stored.words.reserve(page.words.size());
  for (const ingest::WordBox& word : page.words) {
    stored.words.push_back({.start_char = word.start_char,
                            .end_char = word.end_char,
                            .left = word.left,
                            .top = word.top,
                            .right = word.right,
                            .bottom = word.bottom});
  }
  return stored;
}

// A chunk is embedded with its document's title, as the full-text index has it beside the text:
// what a paper is about is often said nowhere else.
std::vector<float> embed_under(const std::string& title,
                               std::string_view text,
                               const std::vector<engine::TokenId>& tokens,
                               const TextModel& model) {
  std::vector<engine::TokenId> titled = model.tokenizer().encode(title + "\n");
  titled.insert(titled.end(), tokens.begin(), tokens.end());
  return model.embed(title + "\n" + std::string(text), titled);
}

// Ranges are consecutive, so the text is walked once.
std::vector<store::ProcessedChunk> make_chunks(const ingest::ExtractedDocument& document,
                                               const TextModel& model,
                                               int64_t tokens_max,
                                               const OnShare& on_share) {
  const auto count_tokens = [&](std::string_view text) {
    return static_cast<int64_t>(model.tokenizer().encode(text).size());
  };
  std::vector<store::ProcessedChunk> chunks;
  std::string_view rest = document.text;
  for (const auto& range : ingest::chunk_document(document, count_tokens, tokens_max)) {
    const std::string_view text =
        rest.substr(0, byte_of_char(rest, range.end_char - range.start_char));
    rest.remove_prefix(text.size());
    store::ProcessedChunk& chunk = chunks.emplace_back();
    chunk.start_char = range.start_char;
    chunk.end_char = range.end_char;
    chunk.page = range.page;
    chunk.tokens = model.tokenizer().encode(text);
    chunk.embedding = embed_under(document.title, text, chunk.tokens, model);
    on_share(1.0 - static_cast<double>(rest.size()) / static_cast<double>(document.text.size()));
  }
  return chunks;
}

}  // namespace

store::ProcessedDocument process_document(const ingest::ExtractedDocument& document,
                                          std::string member,
                                          const TextModel& model,
                                          int64_t chunk_tokens,
                                          const OnShare& on_share) {
  store::ProcessedDocument processed;
  processed.member = std::move(member);
  processed.title = document.title;
  processed.format = document.format;
  processed.text = document.text;
  processed.metadata_json = nlohmann::json(document.metadata).dump();
  processed.warnings = document.warnings;
  for (const auto& page : document.pages) processed.pages.push_back(to_stored(page));
  processed.chunks = make_chunks(document, model, chunk_tokens, on_share);
  for (const auto& table : document.tables) {
    if (auto typed = typed_table(table)) {
      processed.tables.push_back(*std::move(typed));
    } else {
      processed.warnings.push_back(typed.error());
    }
  }
  processed.tokenizer = model.tokenizer_sha256();
  if (model.embedder() != nullptr) processed.embedder = model.embedder()->fingerprint();
  return processed;
}

}  // namespace widenet::library
