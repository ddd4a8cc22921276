// Documents: adding them, and finding them and their versions.
#include <filesystem>

#include "base/utf8.h"
#include "store/access.h"
#include "store/document_rows.h"
#include "store/impl.h"

namespace widenet::store {
namespace {

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

// Of all versions of a key.  Children that named whom their parent named go on doing so.
void change_readers(Database& db, DocumentId id, const std::vector<std::string>& readers) {
  const int64_t list = reader_list(db, readers);
  const std::string versions =
      "(SELECT v.id FROM documents v JOIN documents d ON v.collection_id = d.collection_id AND "
      "v.key = d.key WHERE d.id = ?1)";
  db.run("UPDATE documents SET readers_id = ?2 WHERE parent_id IN " + versions +
             " AND readers_id = (SELECT p.readers_id FROM documents p WHERE p.id = "
             "documents.parent_id)",
         id, list);
  db.run("UPDATE documents SET readers_id = ?2 WHERE id IN " + versions, id, list);
}

}  // namespace

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
  const bool is_new = added.id == 0;
  if (is_new) added.id = insert_document(*db, document, bytes);
  if (document.readers) {
    change_readers(*db, added.id, *document.readers);
  } else if (is_new && !standing.empty() && !standing.back().readers.empty()) {
    change_readers(*db, added.id, standing.back().readers);
  }
  if (added.outcome == AddOutcome::retried) {
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

std::vector<Document> Store::documents(CollectionId collection,
                                       Paging paging,
                                       const Reader& reader) const {
  auto db = impl_->read();
  const auto readable = readable_condition(*db, collection, reader);
  auto found = list_documents(*db,
                              "collection_id = ?1 AND state <> 'superseded' AND id > ?2" +
                                  (readable ? " AND " + *readable : "") + " ORDER BY id LIMIT ?3",
                              collection, paging.after_id, paging.limit);
  for (Document& document : found) document.progress = impl_->progress_of(document.id);
  return found;
}

ScopeSize Store::size_of(const Scope& scope) const {
  auto db = impl_->read();
  ScopeSize size;
  for (const CollectionId collection : scope.collections) {
    const auto readable = readable_condition(*db, collection, scope.reader);
    auto row = db->query(
        "SELECT count(*), sum(n_chunks), sum(n_tokens), sum(n_chars) FROM documents WHERE "
        "collection_id = ?1 AND state = 'ready' AND deletion_id IS NULL" +
            (readable ? " AND " + *readable : ""),
        collection);
    row.step();
    size.n_documents += row.integer(0);
    size.n_chunks += row.integer(1);
    size.n_tokens += row.integer(2);
    size.n_chars += row.integer(3);
  }
  return size;
}

std::vector<Document> Store::documents_of_job(JobId job) const {
  auto db = impl_->read();
  return list_documents(*db, "job_id = ?1 ORDER BY id", job);
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

}  // namespace widenet::store
