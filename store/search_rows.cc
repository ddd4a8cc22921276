// A document's chunks in the search indexes: full-text rows, and notes for the vector index.
#include "base/check.h"
#include "base/utf8.h"
#include "store/impl.h"

namespace widenet::store {
namespace {

// Walks a text by rising character positions without starting over.
class CharCursor {
 public:
  explicit CharCursor(std::string_view text) : text_(text) {}
  std::string_view slice(int64_t start_char, int64_t end_char) {
    const size_t start = advance_to(start_char);
    return text_.substr(start, advance_to(end_char) - start);
  }

 private:
  size_t advance_to(int64_t position) {
    if (position < char_) byte_ = 0, char_ = 0;
    byte_ += byte_of_char(text_.substr(byte_), position - char_);
    char_ = position;
    return byte_;
  }

  std::string_view text_;
  size_t byte_ = 0;
  int64_t char_ = 0;
};

struct SearchRows {
  DocumentId document = 0;
  CollectionId collection = 0;
  std::string title;
  std::string embedder;
  int64_t n_chunks = 0;
  ChunkId first_chunk = 0;
};

std::optional<SearchRows> find_search_rows(Database& db, DocumentId id) {
  auto row = db.query(
      "SELECT collection_id, title, embedder, n_chunks, first_chunk FROM documents "
      "WHERE id = ?1 AND n_chunks > 0",
      id);
  if (!row.step()) return std::nullopt;
  return SearchRows{.document = id,
                    .collection = row.integer(0),
                    .title = row.string(1),
                    .embedder = row.string(2),
                    .n_chunks = row.integer(3),
                    .first_chunk = row.integer(4)};
}

// Puts a document's chunks into the full-text table, or takes them out: a contentless table has to
// be told what it held.
void write_search_rows(Database& db, const SearchRows& rows, bool add) {
  const std::string table = search_table(rows.collection);
  const std::string sql = add ? "INSERT INTO " + table + " (rowid, title, text) VALUES (?1, ?2, ?3)"
                              : "INSERT INTO " + table + " (" + table +
                                    ", rowid, title, text) VALUES ('delete', ?1, ?2, ?3)";
  auto text_row = db.query("SELECT text FROM texts WHERE document_id = ?1", rows.document);
  WN_CHECK(text_row.step());
  CharCursor cursor(text_row.text(0));
  auto chunks = db.query(
      "SELECT id, start_char, end_char FROM chunks WHERE document_id = ?1 ORDER BY ordinal",
      rows.document);
  while (chunks.step()) {
    db.run(sql, chunks.integer(0), rows.title, cursor.slice(chunks.integer(1), chunks.integer(2)));
  }
  if (rows.embedder.empty()) return;
  db.run(
      "INSERT INTO vector_changes (collection_id, embedder, first_chunk, n_chunks, added) "
      "VALUES (?1, ?2, ?3, ?4, ?5)",
      rows.collection, rows.embedder, rows.first_chunk, rows.n_chunks, add ? 1 : 0);
}

}  // namespace

void add_to_search(Database& database, DocumentId id) {
  if (const auto rows = find_search_rows(database, id)) write_search_rows(database, *rows, true);
}

void remove_from_search(Database& database, DocumentId id) {
  if (const auto rows = find_search_rows(database, id)) write_search_rows(database, *rows, false);
}

}  // namespace widenet::store
