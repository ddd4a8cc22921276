// What was made of a document: its text, pages, chunks and tokens.
#include <algorithm>
#include <cstring>
#include <limits>

#include "base/check.h"
#include "store/impl.h"

namespace widenet::store {
namespace {

void unpack_tokens(std::span<const std::byte> bytes, int64_t n_tokens, std::vector<int32_t>& out) {
  if (n_tokens == 0) return;
  const size_t width = bytes.size() / static_cast<size_t>(n_tokens);
  for (size_t at = 0; at + width <= bytes.size(); at += width) {
    uint32_t value = 0;
    for (size_t b = 0; b < width; ++b) value |= static_cast<uint32_t>(bytes[at + b]) << 8 * b;
    out.push_back(static_cast<int32_t>(value));
  }
}

}  // namespace

const char* const kChunkColumns =
    "c.id, c.document_id, c.ordinal, c.start_char, c.end_char, c.page, c.n_tokens";

Chunk read_chunk(const Query& row, int first) {
  return {.id = row.integer(first),
          .document = row.integer(first + 1),
          .ordinal = row.integer(first + 2),
          .start_char = row.integer(first + 3),
          .end_char = row.integer(first + 4),
          .page = static_cast<int32_t>(row.integer(first + 5)),
          .n_tokens = row.integer(first + 6)};
}

std::vector<std::byte> pack_tokens(std::span<const int32_t> tokens) {
  const bool narrow = std::all_of(tokens.begin(), tokens.end(), [](int32_t token) {
    return token <= std::numeric_limits<uint16_t>::max();
  });
  const size_t width = narrow ? 2 : 4;
  std::vector<std::byte> bytes(tokens.size() * width);
  for (size_t i = 0; i < tokens.size(); ++i) {
    const auto value = static_cast<uint32_t>(tokens[i]);
    for (size_t b = 0; b < width; ++b)
      bytes[i * width + b] = static_cast<std::byte>(value >> 8 * b);
  }
  return bytes;
}

std::optional<std::string> Store::text(DocumentId id) const {
  auto db = impl_->read();
  auto row = db->query(
      "SELECT t.text FROM texts t JOIN documents d ON d.id = t.document_id "
      "WHERE d.id = ?1 AND d.deletion_id IS NULL",
      id);
  if (!row.step()) return std::nullopt;
  return row.string(0);
}

std::vector<Page> Store::pages(DocumentId id) const {
  auto db = impl_->read();
  auto rows = db->query(
      "SELECT p.number, p.start_char, p.end_char, p.width, p.height, p.words FROM pages p "
      "JOIN documents d ON d.id = p.document_id WHERE d.id = ?1 AND d.deletion_id IS NULL "
      "ORDER BY p.ordinal",
      id);
  std::vector<Page> result;
  while (rows.step()) {
    Page page{.number = static_cast<int32_t>(rows.integer(0)),
              .start_char = rows.integer(1),
              .end_char = rows.integer(2),
              .width = static_cast<float>(rows.real(3)),
              .height = static_cast<float>(rows.real(4)),
              .words = {}};
    const auto words = rows.blob(5);
    page.words.resize(words.size() / sizeof(WordBox));
    if (!page.words.empty()) std::memcpy(page.words.data(), words.data(), words.size());
    result.push_back(std::move(page));
  }
  return result;
}

std::vector<Chunk> Store::chunks(DocumentId id) const {
  auto db = impl_->read();
  auto rows = db->query(std::string("SELECT ") + kChunkColumns +
                            " FROM chunks c JOIN documents d ON d.id = c.document_id "
                            "WHERE d.id = ?1 AND d.deletion_id IS NULL ORDER BY c.ordinal",
                        id);
  std::vector<Chunk> result;
  while (rows.step()) result.push_back(read_chunk(rows));
  return result;
}

std::vector<int32_t> Store::tokens(DocumentId id, int64_t first_ordinal, int64_t count) const {
  auto db = impl_->read();
  auto rows = db->query(
      "SELECT c.n_tokens, t.tokens FROM chunks c JOIN chunk_tokens t ON t.chunk_id = c.id "
      "JOIN documents d ON d.id = c.document_id WHERE c.document_id = ?1 AND c.ordinal >= ?2 "
      "AND c.ordinal < ?3 AND d.deletion_id IS NULL ORDER BY c.ordinal",
      id, first_ordinal, first_ordinal + count);
  std::vector<int32_t> result;
  while (rows.step()) unpack_tokens(rows.blob(1), rows.integer(0), result);
  return result;
}

void Store::replace_tokens(DocumentId id,
                           const std::string& tokenizer,
                           std::span<const std::vector<int32_t>> tokens_of_chunks) {
  auto db = impl_->write();
  auto row = db->query("SELECT n_chunks, first_chunk FROM documents WHERE id = ?1", id);
  if (!row.step()) return;
  WN_CHECK(row.integer(0) == std::ssize(tokens_of_chunks));
  const ChunkId first_chunk = row.integer(1);
  int64_t n_tokens = 0;
  for (size_t i = 0; i < tokens_of_chunks.size(); ++i) {
    const auto& tokens = tokens_of_chunks[i];
    const ChunkId chunk = first_chunk + static_cast<ChunkId>(i);
    n_tokens += std::ssize(tokens);
    db->run("UPDATE chunk_tokens SET tokens = ?2 WHERE chunk_id = ?1", chunk,
            Blob{pack_tokens(tokens)});
    db->run("UPDATE chunks SET n_tokens = ?2 WHERE id = ?1", chunk, tokens.size());
  }
  db->run("UPDATE documents SET tokenizer = ?2, n_tokens = ?3 WHERE id = ?1", id, tokenizer,
          n_tokens);
  db.commit();
}

}  // namespace widenet::store
