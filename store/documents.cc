// Documents: versions, processing, reading.
#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <limits>

#include "base/check.h"
#include "base/utf8.h"
#include "store/impl.h"

namespace widenet::store {
namespace {

constexpr std::array kDocumentStates = {"queued", "processing", "ready", "failed", "superseded"};

DocumentState document_state(std::string_view name) {
  const auto found = std::find(kDocumentStates.begin(), kDocumentStates.end(), name);
  WN_CHECK(found != kDocumentStates.end());
  return static_cast<DocumentState>(found - kDocumentStates.begin());
}

std::string joined(std::span<const std::string> warnings) {
  std::string lines;
  for (std::string warning : warnings) {
    std::replace(warning.begin(), warning.end(), '\n', ' ');
    if (!lines.empty()) lines += '\n';
    lines += warning;
  }
  return lines;
}

std::vector<std::string> split_lines(std::string_view lines) {
  std::vector<std::string> result;
  while (!lines.empty()) {
    const size_t end = std::min(lines.find('\n'), lines.size());
    result.emplace_back(lines.substr(0, end));
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  return result;
}

std::string select_documents(const std::string& where) {
  return std::string("SELECT ") + kDocumentColumns +
         " FROM documents WHERE deletion_id IS NULL AND " + where;
}

template <typename... Args>
std::vector<Document> list_documents(Database& db, const std::string& where, const Args&... args) {
  auto rows = db.query(select_documents(where), args...);
  std::vector<Document> result;
  while (rows.step()) result.push_back(read_document(rows));
  return result;
}

template <typename... Args>
std::optional<Document> find_one(Database& db, const std::string& where, const Args&... args) {
  auto row = db.query(select_documents(where), args...);
  if (!row.step()) return std::nullopt;
  return read_document(row);
}

std::string last_part(const std::string& key) {
  const size_t slash = key.find_last_of('/');
  return slash == std::string::npos ? key : key.substr(slash + 1);
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

void unpack_tokens(std::span<const std::byte> bytes, int64_t n_tokens, std::vector<int32_t>& out) {
  if (n_tokens == 0) return;
  const size_t width = bytes.size() / static_cast<size_t>(n_tokens);
  for (size_t at = 0; at + width <= bytes.size(); at += width) {
    uint32_t value = 0;
    for (size_t b = 0; b < width; ++b) value |= static_cast<uint32_t>(bytes[at + b]) << 8 * b;
    out.push_back(static_cast<int32_t>(value));
  }
}

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

void insert_pages(Database& db, DocumentId id, std::span<const Page> pages) {
  static_assert(std::is_trivially_copyable_v<WordBox> && sizeof(WordBox) == 32);
  for (size_t i = 0; i < pages.size(); ++i) {
    const Page& page = pages[i];
    db.run("INSERT INTO pages VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)", id, i, page.number,
           page.start_char, page.end_char, static_cast<double>(page.width),
           static_cast<double>(page.height), Blob{std::as_bytes(std::span(page.words))});
  }
}

// Returns the id of the first chunk; the others follow it.
ChunkId insert_chunks(Database& db, DocumentId id, const ProcessedDocument& part) {
  ChunkId first = 0;
  for (size_t i = 0; i < part.chunks.size(); ++i) {
    const ProcessedChunk& chunk = part.chunks[i];
    db.run(
        "INSERT INTO chunks (document_id, ordinal, start_char, end_char, page, n_tokens) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        id, i, chunk.start_char, chunk.end_char, chunk.page, chunk.tokens.size());
    const ChunkId chunk_id = db.last_insert_id();
    if (i == 0) first = chunk_id;
    WN_CHECK(chunk_id == first + static_cast<ChunkId>(i));
    db.run("INSERT INTO chunk_tokens VALUES (?1, ?2)", chunk_id, Blob{pack_tokens(chunk.tokens)});
    if (!chunk.embedding.empty()) {
      db.run("INSERT INTO chunk_vectors VALUES (?1, ?2)", chunk_id,
             Blob{as_bytes(chunk.embedding)});
    }
  }
  return first;
}

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

void check_part(const ProcessedDocument& part) {
  WN_CHECK(is_valid_utf8(part.text));
  int64_t end = 0;
  for (const ProcessedChunk& chunk : part.chunks) {
    WN_CHECK(chunk.start_char >= end && chunk.end_char >= chunk.start_char);
    end = chunk.end_char;
  }
  WN_CHECK(end <= count_chars(part.text));
}

// Fills in a document's row and everything that hangs on it.
void store_part(Database& db, DocumentId id, const ProcessedDocument& part) {
  check_part(part);
  int64_t n_tokens = 0;
  for (const ProcessedChunk& chunk : part.chunks) n_tokens += std::ssize(chunk.tokens);
  const bool embedded = !part.chunks.empty() && !part.chunks.front().embedding.empty();
  db.run("INSERT INTO texts VALUES (?1, ?2)", id, part.text);
  insert_pages(db, id, part.pages);
  const ChunkId first_chunk = insert_chunks(db, id, part);
  db.run(
      "UPDATE documents SET title = iif(?2 = '', title, ?2), format = iif(?3 = '', format, ?3), "
      "metadata = iif(?4 = '{}', metadata, ?4), warnings = ?5, tokenizer = ?6, embedder = ?7, "
      "n_pages = ?8, n_chunks = ?9, n_tokens = ?10, n_chars = ?11, first_chunk = ?12, "
      "state = 'ready', error = '', updated_ms = ?13 WHERE id = ?1",
      id, part.title, part.format, part.metadata_json, joined(part.warnings), part.tokenizer,
      embedded ? part.embedder : std::string(), part.pages.size(), part.chunks.size(), n_tokens,
      count_chars(part.text), first_chunk, now_ms());
}

DocumentId insert_child(Database& db, const Document& parent, const ProcessedDocument& part) {
  db.run(
      "INSERT INTO documents (collection_id, key, version, parent_id, file_id, job_id, title, "
      "format, sha256, bytes, state, created_ms, updated_ms) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'processing', ?11, ?11)",
      parent.collection, parent.key + "/" + part.member, parent.version, parent.id, parent.file,
      parent.job, part.title.empty() ? last_part(part.member) : part.title, part.format,
      parent.sha256, std::ssize(part.text), now_ms());
  return db.last_insert_id();
}

// Marks a version and its children, and takes them out of the search if they are in it.
void supersede(Database& db, DocumentId id) {
  std::vector<DocumentId> family = {id};
  auto children = db.query("SELECT id FROM documents WHERE parent_id = ?1", id);
  while (children.step()) family.push_back(children.integer(0));
  for (const DocumentId member : family) {
    if (db.find_integer("SELECT 1 FROM documents WHERE id = ?1 AND state = 'ready'", member)) {
      remove_from_search(db, member);
    }
    db.run("UPDATE documents SET state = 'superseded', updated_ms = ?2 WHERE id = ?1", member,
           now_ms());
  }
}

// The versions of a key that still stand, oldest first.  Children are no versions of their own.
std::vector<Document> standing_versions(Database& db,
                                        CollectionId collection,
                                        const std::string& key) {
  return list_documents(db,
                        "collection_id = ?1 AND key = ?2 AND parent_id IS NULL AND state <> "
                        "'superseded' ORDER BY version",
                        collection, key);
}

void count_in_job(Database& db, const Document& document, const char* column) {
  if (!document.job) return;
  db.run(std::string("UPDATE jobs SET ") + column + " = " + column +
             " + 1, updated_ms = ?2 WHERE id = ?1",
         *document.job, now_ms());
}

void set_state(Database& db, DocumentId id, DocumentState state, const std::string& error = {}) {
  db.run("UPDATE documents SET state = ?2, error = ?3, updated_ms = ?4 WHERE id = ?1", id,
         name_of(state), error, now_ms());
}

// What adding these bytes under this key means, given the versions that stand.
Added decide(Database& db, const NewDocument& wanted, std::span<const Document> standing) {
  if (standing.empty()) return {.outcome = AddOutcome::added};
  const Document& newest = standing.back();
  const Document* same = newest.sha256 == wanted.sha256 ? &newest : nullptr;
  if (newest.state == DocumentState::failed && same == nullptr && standing.size() > 1) {
    const Document& before = standing[standing.size() - 2];
    if (before.sha256 == wanted.sha256) same = &before;  // a failed change was taken back
  }
  if (same == nullptr) return {.outcome = AddOutcome::changed};
  if (same != &newest) supersede(db, newest.id);
  return {.id = same->id,
          .outcome =
              same->state == DocumentState::failed ? AddOutcome::retried : AddOutcome::unchanged};
}

DocumentId insert_document(Database& db, const NewDocument& document, int64_t bytes) {
  const auto newest =
      db.find_integer("SELECT max(version) FROM documents WHERE collection_id = ?1 AND key = ?2",
                      document.collection, document.key);
  db.run(
      "INSERT INTO documents (collection_id, key, version, file_id, job_id, title, format, sha256, "
      "bytes, metadata, state, created_ms, updated_ms) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'queued', ?11, ?11)",
      document.collection, document.key, newest.value_or(0) + 1, document.file, document.job,
      document.title.empty() ? last_part(document.key) : document.title, document.format,
      document.sha256, bytes, document.metadata_json, now_ms());
  return db.last_insert_id();
}

}  // namespace

const char* name_of(DocumentState state) {
  return kDocumentStates[static_cast<size_t>(state)];
}

const char* const kDocumentColumns =
    "id, collection_id, key, version, parent_id, file_id, job_id, title, format, sha256, bytes, "
    "state, error, warnings, metadata, tokenizer, n_pages, n_chunks, n_tokens, n_chars, "
    "created_ms, updated_ms";

Document read_document(const Query& row) {
  return {.id = row.integer(0),
          .collection = row.integer(1),
          .key = row.string(2),
          .version = row.integer(3),
          .parent = row.optional_integer(4),
          .file = row.optional_integer(5),
          .job = row.optional_integer(6),
          .title = row.string(7),
          .format = row.string(8),
          .sha256 = row.string(9),
          .bytes = row.integer(10),
          .state = document_state(row.text(11)),
          .error = row.string(12),
          .warnings = split_lines(row.text(13)),
          .metadata_json = row.string(14),
          .tokenizer = row.string(15),
          .n_pages = row.integer(16),
          .n_chunks = row.integer(17),
          .n_tokens = row.integer(18),
          .n_chars = row.integer(19),
          .created_ms = row.integer(20),
          .updated_ms = row.integer(21)};
}

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

void remove_from_search(Database& database, DocumentId id) {
  if (const auto rows = find_search_rows(database, id)) write_search_rows(database, *rows, false);
}

std::span<const std::byte> as_bytes(std::span<const float> values) {
  return std::as_bytes(values);
}

Added Store::add_document(const NewDocument& document) {
  if (document.key.empty() || !is_valid_utf8(document.key)) {
    throw StoreError("cannot add a document without a name: a key is UTF-8 and not empty");
  }
  auto db = impl_->write();
  if (!db->find_integer("SELECT 1 FROM collections WHERE id = ?1 AND name IS NOT NULL",
                        document.collection)) {
    throw StoreError("cannot add \"" + document.key + "\": there is no collection " +
                     std::to_string(document.collection));
  }
  const std::filesystem::path original = impl_->original_path(document.sha256);
  std::error_code missing;
  const auto bytes = static_cast<int64_t>(std::filesystem::file_size(original, missing));
  if (missing) {
    throw StoreError("cannot add \"" + document.key + "\": its bytes are not stored; store them " +
                     "with put_original first");
  }
  const auto standing = standing_versions(*db, document.collection, document.key);
  Added added = decide(*db, document, standing);
  if (added.id == 0) {
    added.id = insert_document(*db, document, bytes);
  } else if (added.outcome == AddOutcome::retried) {
    set_state(*db, added.id, DocumentState::queued);
    if (document.job) {
      db->run("UPDATE documents SET job_id = ?2 WHERE id = ?1", added.id, *document.job);
    }
  }
  db.commit();
  return added;
}

std::optional<Document> Store::document(DocumentId id) const {
  auto db = impl_->read();
  auto found = find_one(*db, "id = ?1", id);
  if (found) found->progress = impl_->progress_of(id);
  return found;
}

std::optional<Document> Store::find_document(CollectionId collection,
                                             const std::string& key) const {
  auto db = impl_->read();
  return find_one(*db,
                  "collection_id = ?1 AND key = ?2 AND state <> 'superseded' "
                  "ORDER BY version DESC, id DESC LIMIT 1",
                  collection, key);
}

std::vector<Document> Store::documents(CollectionId collection, Paging paging) const {
  auto db = impl_->read();
  auto found = list_documents(*db,
                              "collection_id = ?1 AND state <> 'superseded' AND id > ?2 "
                              "ORDER BY id LIMIT ?3",
                              collection, paging.after_id, paging.limit);
  for (Document& document : found) document.progress = impl_->progress_of(document.id);
  return found;
}

std::vector<Document> Store::documents_of_job(JobId job) const {
  auto db = impl_->read();
  return list_documents(*db, "job_id = ?1 ORDER BY id", job);
}

std::vector<Document> Store::documents_of_file(FileId file) const {
  auto db = impl_->read();
  return list_documents(*db, "file_id = ?1 AND parent_id IS NULL ORDER BY id", file);
}

std::vector<Document> Store::children(DocumentId parent) const {
  auto db = impl_->read();
  return list_documents(*db, "parent_id = ?1 ORDER BY id", parent);
}

std::vector<Document> Store::versions(DocumentId id) const {
  auto db = impl_->read();
  return list_documents(*db,
                        "(collection_id, key) = (SELECT collection_id, key FROM documents WHERE id "
                        "= ?1) ORDER BY version DESC, id DESC",
                        id);
}

std::vector<Document> Store::queued_documents(int64_t limit) const {
  auto db = impl_->read();
  return list_documents(*db, "state = 'queued' ORDER BY id LIMIT ?1", limit);
}

std::vector<Document> Store::interrupted_documents() const {
  auto db = impl_->read();
  return list_documents(*db, "state = 'processing' ORDER BY id");
}

bool Store::begin_processing(DocumentId id) {
  auto db = impl_->write();
  const auto document = find_one(*db, "id = ?1 AND state = 'queued'", id);
  if (document) set_state(*db, id, DocumentState::processing);
  db.commit();
  return document.has_value();
}

void Store::set_progress(DocumentId id, double progress) {
  impl_->set_progress(id, progress);
}

void Store::requeue_document(DocumentId id) {
  auto db = impl_->write();
  if (find_one(*db, "id = ?1 AND state IN ('processing', 'failed')", id)) {
    set_state(*db, id, DocumentState::queued);
  }
  db.commit();
  impl_->set_progress(id, 0);
}

void Store::fail_document(DocumentId id, const std::string& reason) {
  auto db = impl_->write();
  if (const auto document = find_one(*db, "id = ?1 AND state IN ('queued', 'processing')", id)) {
    set_state(*db, id, DocumentState::failed, reason);
    count_in_job(*db, *document, "failed");
  }
  db.commit();
  impl_->set_progress(id, 0);
}

std::vector<DocumentId> Store::complete_document(DocumentId id,
                                                 std::span<const ProcessedDocument> parts) {
  impl_->set_progress(id, 0);
  auto db = impl_->write();
  const auto document = find_one(*db, "id = ?1", id);
  if (!document ||
      (document->state != DocumentState::queued && document->state != DocumentState::processing)) {
    return {};
  }
  std::vector<DocumentId> ids;
  if (parts.size() == 1 && parts.front().member.empty()) {
    store_part(*db, id, parts.front());
    ids.push_back(id);
  } else {
    for (const ProcessedDocument& part : parts) {
      ids.push_back(insert_child(*db, *document, part));
      store_part(*db, ids.back(), part);
    }
    set_state(*db, id, DocumentState::ready);
  }
  for (const DocumentId part : ids) {
    if (const auto rows = find_search_rows(*db, part)) write_search_rows(*db, *rows, true);
  }
  // The newest ready version stands; those before it, failed ones among them, step back.
  const auto standing = standing_versions(*db, document->collection, document->key);
  int64_t newest_ready = document->version;
  for (const Document& version : standing) {
    if (version.state == DocumentState::ready) {
      newest_ready = std::max(newest_ready, version.version);
    }
  }
  for (const Document& version : standing) {
    if (version.version < newest_ready) supersede(*db, version.id);
  }
  count_in_job(*db, *document, "done");
  db.commit();
  return ids;
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

std::optional<Chunk> Store::chunk(ChunkId id) const {
  auto db = impl_->read();
  auto row = db->query(std::string("SELECT ") + kChunkColumns +
                           " FROM chunks c JOIN documents d ON d.id = c.document_id "
                           "WHERE c.id = ?1 AND d.deletion_id IS NULL",
                       id);
  if (!row.step()) return std::nullopt;
  return read_chunk(row);
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
