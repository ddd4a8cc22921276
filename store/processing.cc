// Processing: from queued to ready or failed.
#include <algorithm>

#include "base/check.h"
#include "base/utf8.h"
#include "store/access.h"
#include "store/document_rows.h"
#include "store/impl.h"

namespace widenet::store {
namespace {

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
             Blob{std::as_bytes(std::span(chunk.embedding))});
    }
  }
  return first;
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
  insert_tables(db, id, part.tables, {});
  db.run(
      "UPDATE documents SET title = iif(?2 = '', title, ?2), format = iif(?3 = '', format, ?3), "
      "metadata = iif(?4 = '{}', metadata, ?4), warnings = ?5, tokenizer = ?6, embedder = ?7, "
      "n_pages = ?8, n_chunks = ?9, n_tokens = ?10, n_chars = ?11, first_chunk = ?12, "
      "state = 'ready', error = '', updated_ms = ?13 WHERE id = ?1",
      id, part.title, part.format, part.metadata_json, joined(part.warnings), part.tokenizer,
      embedded ? part.embedder : std::string(), part.pages.size(), part.chunks.size(), n_tokens,
      count_chars(part.text), first_chunk, now_ms());
}

// Of all versions of a child.
void set_child_readers(Database& db, const Document& parent, const ProcessedDocument& part) {
  db.run("UPDATE documents SET readers_id = ?3 WHERE collection_id = ?1 AND key = ?2",
         parent.collection, parent.key + "/" + part.member,
         reader_list(db, part.readers.empty() ? parent.readers : part.readers));
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

// A child of an older version goes over to this one.  False: it was deleted meanwhile.
bool keep_child(Database& db, const Document& parent, const ProcessedDocument& part) {
  return db.run(
             "UPDATE documents SET parent_id = ?2, file_id = ?3, metadata = ?4 WHERE id = ?1 AND "
             "state = 'ready' AND deletion_id IS NULL AND collection_id = ?5 AND key = ?6",
             *part.same_as, parent.id, parent.file, part.metadata_json, parent.collection,
             parent.key + "/" + part.member) > 0;
}

void count_in_job(Database& db, const Document& document, const char* column) {
  if (!document.job) return;
  db.run(std::string("UPDATE jobs SET ") + column + " = " + column +
             " + 1, updated_ms = ?2 WHERE id = ?1",
         *document.job, now_ms());
}

}  // namespace

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
                                                 std::span<const ProcessedDocument> parts,
                                                 const ProcessedFile& file) {
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
    add_to_search(*db, id);
    ids.push_back(id);
  } else {
    for (const ProcessedDocument& part : parts) {
      if (part.same_as) {
        ids.push_back(keep_child(*db, *document, part) ? *part.same_as : 0);
      } else {
        ids.push_back(insert_child(*db, *document, part));
        store_part(*db, ids.back(), part);
        add_to_search(*db, ids.back());
      }
      set_child_readers(*db, *document, part);
    }
    insert_tables(*db, id, file.tables, ids);
    std::erase(ids, 0);
    db->run("UPDATE documents SET metadata = ?2, warnings = ?3 WHERE id = ?1", id,
            file.metadata_json, joined(file.warnings));
    set_state(*db, id, DocumentState::ready);
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

}  // namespace widenet::store
