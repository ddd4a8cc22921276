// Version n of the schema is the first n scripts, run in order; PRAGMA user_version says how many
// have run.  A script that has shipped is never edited: append another.
//
// Each collection has a full-text table search_<id> of its own (store.cc makes it), so that neither
// a query nor its statistics ever touch another collection's text.  These tables are contentless:
// the text of a chunk is a slice of texts.text, and is handed back to FTS5 when it is removed.
#include "store/schema.h"

#include <array>
#include <string>

#include "store/store.h"

namespace widenet::store {
namespace {

constexpr const char* kVersion1 = R"(
CREATE TABLE collections (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT UNIQUE,                       -- NULL: being deleted
  metadata TEXT NOT NULL DEFAULT '{}',
  created_ms INTEGER NOT NULL
);
CREATE TABLE files (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  purpose TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  created_ms INTEGER NOT NULL
);
CREATE INDEX files_sha256 ON files (sha256);

CREATE TABLE jobs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  collection_id INTEGER,
  state TEXT NOT NULL,
  total INTEGER NOT NULL DEFAULT 0,
  done INTEGER NOT NULL DEFAULT 0,
  failed INTEGER NOT NULL DEFAULT 0,
  message TEXT NOT NULL DEFAULT '',
  details TEXT NOT NULL DEFAULT '{}',
  created_ms INTEGER NOT NULL,
  updated_ms INTEGER NOT NULL
);

CREATE TABLE deletions (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  what TEXT NOT NULL,
  collection_id INTEGER NOT NULL,
  whole_collection INTEGER NOT NULL,
  requested_ms INTEGER NOT NULL,
  finished_ms INTEGER,                    -- NULL: not finished
  documents INTEGER NOT NULL DEFAULT 0,
  pages INTEGER NOT NULL DEFAULT 0,
  chunks INTEGER NOT NULL DEFAULT 0,
  vectors INTEGER NOT NULL DEFAULT 0,
  answers INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE deleted_originals (
  deletion_id INTEGER NOT NULL REFERENCES deletions (id),
  sha256 TEXT NOT NULL,
  unlinked INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (deletion_id, sha256)
) WITHOUT ROWID;

CREATE TABLE documents (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  collection_id INTEGER NOT NULL REFERENCES collections (id),
  key TEXT NOT NULL,
  version INTEGER NOT NULL,
  parent_id INTEGER REFERENCES documents (id),
  file_id INTEGER,
  job_id INTEGER,
  title TEXT NOT NULL,
  format TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  state TEXT NOT NULL,
  error TEXT NOT NULL DEFAULT '',
  warnings TEXT NOT NULL DEFAULT '',      -- one a line
  metadata TEXT NOT NULL DEFAULT '{}',
  tokenizer TEXT NOT NULL DEFAULT '',
  embedder TEXT NOT NULL DEFAULT '',
  n_pages INTEGER NOT NULL DEFAULT 0,
  n_chunks INTEGER NOT NULL DEFAULT 0,
  n_tokens INTEGER NOT NULL DEFAULT 0,
  n_chars INTEGER NOT NULL DEFAULT 0,
  first_chunk INTEGER,
  deletion_id INTEGER REFERENCES deletions (id),  -- not NULL: hidden, being removed
  created_ms INTEGER NOT NULL,
  updated_ms INTEGER NOT NULL
);
CREATE INDEX documents_key ON documents (collection_id, key, version);
CREATE INDEX documents_sha256 ON documents (sha256);
CREATE INDEX documents_parent ON documents (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX documents_file ON documents (file_id) WHERE file_id IS NOT NULL;
CREATE INDEX documents_job ON documents (job_id) WHERE job_id IS NOT NULL;
CREATE INDEX documents_deletion ON documents (deletion_id) WHERE deletion_id IS NOT NULL;
CREATE INDEX documents_pending ON documents (state, id) WHERE state IN ('queued', 'processing');

CREATE TABLE texts (
  document_id INTEGER PRIMARY KEY REFERENCES documents (id),
  text TEXT NOT NULL
);
CREATE TABLE pages (
  document_id INTEGER NOT NULL REFERENCES documents (id),
  ordinal INTEGER NOT NULL,
  number INTEGER NOT NULL,
  start_char INTEGER NOT NULL,
  end_char INTEGER NOT NULL,
  width REAL NOT NULL,
  height REAL NOT NULL,
  words BLOB NOT NULL,                    -- an array of struct WordBox
  PRIMARY KEY (document_id, ordinal)
);
CREATE TABLE chunks (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  document_id INTEGER NOT NULL REFERENCES documents (id),
  ordinal INTEGER NOT NULL,
  start_char INTEGER NOT NULL,
  end_char INTEGER NOT NULL,
  page INTEGER NOT NULL,
  n_tokens INTEGER NOT NULL,
  UNIQUE (document_id, ordinal)
);
CREATE TABLE chunk_tokens (               -- apart from chunks, so that scanning those stays cheap
  chunk_id INTEGER PRIMARY KEY REFERENCES chunks (id),
  tokens BLOB NOT NULL                    -- uint16 if all ids fit, else uint32; little-endian
);
CREATE TABLE chunk_vectors (
  chunk_id INTEGER PRIMARY KEY REFERENCES chunks (id),
  embedding BLOB NOT NULL                 -- float32, little-endian
);
CREATE TABLE vector_changes (             -- what the vector indexes replay
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  collection_id INTEGER NOT NULL,
  embedder TEXT NOT NULL,
  first_chunk INTEGER NOT NULL,
  n_chunks INTEGER NOT NULL,
  added INTEGER NOT NULL                  -- 0: removed
);
CREATE INDEX vector_changes_of ON vector_changes (collection_id, embedder, sequence);

CREATE TABLE conversations (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  title TEXT NOT NULL,
  collections TEXT NOT NULL,              -- ids, comma separated
  metadata TEXT NOT NULL DEFAULT '{}',
  created_ms INTEGER NOT NULL,
  updated_ms INTEGER NOT NULL
);
CREATE TABLE answers (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  conversation_id INTEGER REFERENCES conversations (id),
  question TEXT NOT NULL,
  answer TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  expires_ms INTEGER
);
CREATE INDEX answers_conversation ON answers (conversation_id) WHERE conversation_id IS NOT NULL;
CREATE INDEX answers_expiry ON answers (expires_ms) WHERE expires_ms IS NOT NULL;
CREATE TABLE answer_documents (
  answer_id INTEGER NOT NULL REFERENCES answers (id) ON DELETE CASCADE,
  document_id INTEGER NOT NULL,
  PRIMARY KEY (answer_id, document_id)
) WITHOUT ROWID;
CREATE INDEX answer_documents_document ON answer_documents (document_id);

CREATE TABLE evaluations (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  state TEXT NOT NULL,
  config TEXT NOT NULL,
  results TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  updated_ms INTEGER NOT NULL
);
CREATE TABLE evaluation_items (
  evaluation_id INTEGER NOT NULL REFERENCES evaluations (id) ON DELETE CASCADE,
  key TEXT NOT NULL,
  item TEXT NOT NULL,
  PRIMARY KEY (evaluation_id, key)
);
)";

constexpr const char* kVersion2 = R"(
ALTER TABLE deletions ADD COLUMN cache_files INTEGER;  -- of the prefix cache; NULL: they are there
UPDATE deletions SET cache_files = 0;
CREATE INDEX deletions_cached ON deletions (id) WHERE cache_files IS NULL;
CREATE INDEX deletions_unfinished ON deletions (id) WHERE finished_ms IS NULL;
CREATE TABLE deleted_documents (          -- of which a prefix cache may know something
  deletion_id INTEGER NOT NULL REFERENCES deletions (id),
  document_id INTEGER NOT NULL,
  PRIMARY KEY (deletion_id, document_id)
) WITHOUT ROWID;
)";

// The rows of table n are in table rows_<n>: _row, and a column c<ordinal> for each of its columns.
constexpr const char* kVersion3 = R"(
CREATE TABLE record_tables (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  document_id INTEGER NOT NULL REFERENCES documents (id),
  name TEXT NOT NULL,
  n_rows INTEGER NOT NULL,
  description TEXT NOT NULL
);
CREATE INDEX record_tables_document ON record_tables (document_id);
CREATE TABLE record_columns (
  table_id INTEGER NOT NULL REFERENCES record_tables (id) ON DELETE CASCADE,
  ordinal INTEGER NOT NULL,
  name TEXT NOT NULL,
  type TEXT NOT NULL,                     -- text, integer, real, date or boolean
  decimals INTEGER NOT NULL,
  PRIMARY KEY (table_id, ordinal)
) WITHOUT ROWID;
)";

// List 0 is that of documents which name nobody.
constexpr const char* kVersion4 = R"(
CREATE TABLE reader_lists (
  id INTEGER PRIMARY KEY,
  readers TEXT NOT NULL UNIQUE            -- one a line, sorted
);
INSERT INTO reader_lists VALUES (0, '');
ALTER TABLE documents ADD COLUMN readers_id INTEGER NOT NULL DEFAULT 0;
CREATE INDEX documents_readers ON documents (collection_id, readers_id) WHERE readers_id <> 0;
ALTER TABLE files ADD COLUMN owner TEXT NOT NULL DEFAULT '';
ALTER TABLE conversations ADD COLUMN owner TEXT NOT NULL DEFAULT '';
)";

constexpr std::array kVersions = {kVersion1, kVersion2, kVersion3, kVersion4};

}  // namespace

int64_t newest_version() {
  return std::ssize(kVersions);
}

void migrate(Database& database) {
  const auto user_version = [&] { return *database.find_integer("PRAGMA user_version"); };
  if (user_version() > std::ssize(kVersions)) {
    throw StoreError("cannot open the store: its version is " + std::to_string(user_version()) +
                     ", this widenet knows up to " + std::to_string(std::ssize(kVersions)) +
                     "; use a newer widenet");
  }
  while (user_version() < std::ssize(kVersions)) {
    Transaction transaction(database);  // takes the write lock before looking again
    const int64_t version = user_version();
    if (version < std::ssize(kVersions)) {
      database.run_script(kVersions[static_cast<size_t>(version)]);
      database.run_script("PRAGMA user_version = " + std::to_string(version + 1));
    }
    transaction.commit();
  }
}

}  // namespace widenet::store
