// Deletion: one transaction hides, then one per document destroys, then bytes are unlinked.
//
// Every step finds what is left to do in the database, so that a step may be repeated after any
// interruption, and by two processes at once.  What SQLite deletes it overwrites (secure_delete);
// the full-text tables are merged at the end, because FTS5 drops deleted words only then; and the
// write-ahead log, which may still hold old pages, is emptied.
#include <filesystem>

#include "base/check.h"
#include "store/impl.h"

namespace widenet::store {
namespace {

struct Target {
  std::string what;
  CollectionId collection = 0;
  bool whole_collection = false;
};

int64_t begin_deletion(Database& db, const Target& target) {
  db.run(
      "INSERT INTO deletions (what, collection_id, whole_collection, requested_ms) "
      "VALUES (?1, ?2, ?3, ?4)",
      target.what, target.collection, target.whole_collection, now_ms());
  return db.last_insert_id();
}

void count(Database& db, int64_t deletion, const char* column, int64_t n) {
  if (n == 0) return;
  db.run(std::string("UPDATE deletions SET ") + column + " = " + column + " + ?2 WHERE id = ?1",
         deletion, n);
}

// Answers whose prompt held a document of the deletion, and conversations that are left empty.
void delete_answers(Database& db, int64_t deletion) {
  const char* const doomed =
      "(SELECT a.answer_id FROM answer_documents a JOIN documents d ON d.id = a.document_id "
      "WHERE d.deletion_id = ?1)";
  std::vector<int64_t> conversations;
  {
    auto rows = db.query(
        std::string("SELECT DISTINCT conversation_id FROM answers WHERE conversation_id IS NOT "
                    "NULL AND id IN ") +
            doomed,
        deletion);
    while (rows.step()) conversations.push_back(rows.integer(0));
  }
  count(db, deletion, "answers",
        db.run(std::string("DELETE FROM answers WHERE id IN ") + doomed, deletion));
  for (const int64_t conversation : conversations) {
    db.run(
        "DELETE FROM conversations WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM answers WHERE "
        "conversation_id = ?1)",
        conversation);
  }
}

// Rows go with their tables, not one by one with the children that tell of them.
void drop_doomed_tables(Database& db, int64_t deletion) {
  std::vector<DocumentId> documents;
  {
    auto rows = db.query(
        "SELECT DISTINCT t.document_id FROM record_tables t JOIN documents d ON d.id = "
        "t.document_id WHERE d.deletion_id = ?1",
        deletion);
    while (rows.step()) documents.push_back(rows.integer(0));
  }
  for (const DocumentId document : documents) drop_tables(db, document);
}

// Removes one document of the deletion.  False: none is left.
bool delete_next_document(Database& db, int64_t deletion, bool whole_collection) {
  const auto id = db.find_integer(
      "SELECT id FROM documents WHERE deletion_id = ?1 ORDER BY id DESC LIMIT 1", deletion);
  if (!id) return false;
  const bool searchable =
      db.find_integer("SELECT 1 FROM documents WHERE id = ?1 AND state = 'ready'", *id).has_value();
  if (searchable && !whole_collection) remove_from_search(db, *id);
  const char* const chunks_of = "(SELECT id FROM chunks WHERE document_id = ?1)";
  count(db, deletion, "vectors",
        db.run(std::string("DELETE FROM chunk_vectors WHERE chunk_id IN ") + chunks_of, *id));
  db.run(std::string("DELETE FROM chunk_tokens WHERE chunk_id IN ") + chunks_of, *id);
  count(db, deletion, "chunks", db.run("DELETE FROM chunks WHERE document_id = ?1", *id));
  count(db, deletion, "pages", db.run("DELETE FROM pages WHERE document_id = ?1", *id));
  db.run("DELETE FROM texts WHERE document_id = ?1", *id);
  if (!whole_collection) delete_rows(db, *id);
  db.run(
      "INSERT OR IGNORE INTO deleted_originals (deletion_id, sha256) "
      "SELECT ?1, sha256 FROM documents WHERE id = ?2",
      deletion, *id);
  db.run("INSERT OR IGNORE INTO deleted_documents VALUES (?1, ?2)", deletion, *id);
  // Its children go in their turn: some are older, kept from a version before.
  db.run("UPDATE documents SET parent_id = NULL WHERE parent_id = ?1", *id);
  count(db, deletion, "documents", db.run("DELETE FROM documents WHERE id = ?1", *id));
  return true;
}

// Holding the write lock, so that nobody can begin to need the bytes meanwhile.
bool unlink_if_unused(Database& db, const std::string& sha256, const std::filesystem::path& path) {
  if (db.find_integer("SELECT 1 FROM documents WHERE sha256 = ?1 UNION ALL "
                      "SELECT 1 FROM files WHERE sha256 = ?1",
                      sha256)) {
    return false;
  }
  if (std::filesystem::remove(path)) sync_directory(path.parent_path());
  return true;
}

std::vector<std::string> originals_of(Database& db, int64_t deletion, bool unlinked) {
  auto rows = db.query(
      "SELECT sha256 FROM deleted_originals WHERE deletion_id = ?1 AND unlinked = ?2 "
      "ORDER BY sha256",
      deletion, unlinked);
  std::vector<std::string> result;
  while (rows.step()) result.push_back(rows.string(0));
  return result;
}

std::optional<DeletionReceipt> find_receipt(Database& db, int64_t deletion) {
  auto row = db.query(
      "SELECT what, requested_ms, finished_ms, documents, pages, chunks, vectors, answers, "
      "cache_files FROM deletions WHERE id = ?1",
      deletion);
  if (!row.step()) return std::nullopt;
  return DeletionReceipt{.id = deletion,
                         .what = row.string(0),
                         .requested_ms = row.integer(1),
                         .finished_ms = row.integer(2),
                         .documents = row.integer(3),
                         .pages = row.integer(4),
                         .chunks = row.integer(5),
                         .vectors = row.integer(6),
                         .answers = row.integer(7),
                         .cache_files = row.optional_integer(8),
                         .originals = originals_of(db, deletion, true)};
}

void delete_collection_row(Database& db, CollectionId collection) {
  db.forget_statements();
  db.run_script("DROP TABLE IF EXISTS " + search_table(collection));
  db.run("DELETE FROM vector_changes WHERE collection_id = ?1", collection);
  db.run("DELETE FROM collections WHERE id = ?1", collection);
}

}  // namespace

DeletionReceipt Store::Impl::finish_deletion(int64_t deletion) {
  CollectionId collection = 0;
  bool whole_collection = false;
  {
    auto db = read();
    auto row =
        db->query("SELECT collection_id, whole_collection FROM deletions WHERE id = ?1", deletion);
    WN_CHECK(row.step());
    collection = row.integer(0);
    whole_collection = row.integer(1) != 0;
  }
  {
    auto db = write();
    drop_doomed_tables(*db, deletion);
    db.commit();
  }
  for (bool more = true; more;) {
    auto db = write();
    more = delete_next_document(*db, deletion, whole_collection);
    db.commit();
  }
  {
    auto db = write();
    for (const std::string& sha256 : originals_of(*db, deletion, false)) {
      if (unlink_if_unused(*db, sha256, original_path(sha256))) {
        db->run("UPDATE deleted_originals SET unlinked = 1 WHERE deletion_id = ?1 AND sha256 = ?2",
                deletion, sha256);
      }
    }
    if (whole_collection) {
      delete_collection_row(*db, collection);
    } else {
      const std::string table = search_table(collection);
      db->run("INSERT INTO " + table + " (" + table + ") VALUES ('optimize')");
    }
    db.commit();
  }
  forget_vectors(collection);  // the file still holds the vectors; the next search makes a new one
  with_writer([](Database& db) { db.query("PRAGMA wal_checkpoint(TRUNCATE)").step(); });
  auto db = write();
  db->run("UPDATE deletions SET finished_ms = ?2 WHERE id = ?1 AND finished_ms IS NULL", deletion,
          now_ms());
  const auto receipt = find_receipt(*db, deletion);
  db.commit();
  WN_CHECK(receipt.has_value());
  return *receipt;
}

void Store::Impl::finish_deletions() {
  std::vector<int64_t> unfinished;
  {
    auto db = read();
    auto rows = db->query("SELECT id FROM deletions WHERE finished_ms IS NULL ORDER BY id");
    while (rows.step()) unfinished.push_back(rows.integer(0));
  }
  for (const int64_t deletion : unfinished) finish_deletion(deletion);
}

std::optional<DeletionReceipt> Store::delete_document(DocumentId id) {
  int64_t deletion = 0;
  {
    auto db = impl_->write();
    auto row = db->query(
        "SELECT d.collection_id, d.key, c.name FROM documents d JOIN collections c "
        "ON c.id = d.collection_id WHERE d.id = ?1 AND d.deletion_id IS NULL",
        id);
    if (!row.step()) return std::nullopt;
    const CollectionId collection = row.integer(0);
    const std::string key = row.string(1);
    deletion = begin_deletion(*db, {.what = "document \"" + key + "\" of \"" + row.string(2) + "\"",
                                    .collection = collection});
    db->run(
        "WITH RECURSIVE doomed (id) AS ("
        "SELECT id FROM documents WHERE collection_id = ?2 AND key = ?3 "
        "UNION SELECT d.id FROM documents d JOIN doomed ON d.parent_id = doomed.id) "
        "UPDATE documents SET deletion_id = ?1 WHERE id IN doomed AND deletion_id IS NULL",
        deletion, collection, key);
    delete_answers(*db, deletion);
    db.commit();
  }
  return impl_->finish_deletion(deletion);
}

std::optional<DeletionReceipt> Store::delete_collection(CollectionId id) {
  int64_t deletion = 0;
  {
    auto db = impl_->write();
    auto row = db->query("SELECT name FROM collections WHERE id = ?1 AND name IS NOT NULL", id);
    if (!row.step()) return std::nullopt;
    deletion = begin_deletion(*db, {.what = "collection \"" + row.string(0) + "\"",
                                    .collection = id,
                                    .whole_collection = true});
    db->run("UPDATE collections SET name = NULL WHERE id = ?1", id);
    db->run("UPDATE documents SET deletion_id = ?1 WHERE collection_id = ?2", deletion, id);
    delete_answers(*db, deletion);
    db.commit();
  }
  return impl_->finish_deletion(deletion);
}

std::optional<DeletionReceipt> Store::receipt(int64_t deletion) const {
  auto db = impl_->read();
  return find_receipt(*db, deletion);
}

std::vector<DeletionReceipt> Store::receipts() const {
  auto db = impl_->read();
  std::vector<int64_t> ids;
  {
    auto rows = db->query("SELECT id FROM deletions WHERE finished_ms IS NOT NULL ORDER BY id");
    while (rows.step()) ids.push_back(rows.integer(0));
  }
  std::vector<DeletionReceipt> result;
  for (const int64_t id : ids) result.push_back(*find_receipt(*db, id));
  return result;
}

std::vector<CachedDeletion> Store::cached_deletions(int64_t after) const {
  auto db = impl_->read();
  auto rows = db->query(
      "SELECT d.id, d.cache_files, e.document_id FROM deletions d "
      "JOIN deleted_documents e ON e.deletion_id = d.id "
      "WHERE d.finished_ms IS NOT NULL AND (d.cache_files IS NULL OR d.id > ?1) ORDER BY d.id",
      after);
  std::vector<CachedDeletion> result;
  while (rows.step()) {
    if (result.empty() || result.back().id != rows.integer(0)) {
      result.push_back({.id = rows.integer(0), .is_on_disk = rows.is_null(1)});
    }
    result.back().documents.push_back(rows.integer(2));
  }
  return result;
}

int64_t Store::last_deletion() const {
  auto db = impl_->read();
  const auto unfinished =
      db->find_integer("SELECT min(id) FROM deletions WHERE finished_ms IS NULL");
  if (unfinished) return *unfinished - 1;
  return db->find_integer("SELECT max(id) FROM deletions").value_or(0);
}

void Store::finish_cached_deletion(int64_t deletion, int64_t n_files) {
  auto db = impl_->write();
  db->run("UPDATE deletions SET cache_files = ?2 WHERE id = ?1 AND cache_files IS NULL", deletion,
          n_files);
  db.commit();
}

bool Store::delete_file(FileId id) {
  auto db = impl_->write();
  std::string sha256;
  {
    auto row = db->query("SELECT sha256 FROM files WHERE id = ?1", id);
    if (!row.step()) return false;
    sha256 = row.string(0);
  }
  db->run("DELETE FROM files WHERE id = ?1", id);
  unlink_if_unused(*db, sha256, impl_->original_path(sha256));
  db.commit();
  return true;
}

}  // namespace widenet::store
