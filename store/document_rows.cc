// Rows of the documents table.
#include "store/document_rows.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "store/impl.h"

namespace widenet::store {
namespace {

constexpr std::array kDocumentStates = {"queued", "processing", "ready", "failed", "superseded"};

DocumentState document_state(std::string_view name) {
  const auto found = std::find(kDocumentStates.begin(), kDocumentStates.end(), name);
  WN_CHECK(found != kDocumentStates.end());
  return static_cast<DocumentState>(found - kDocumentStates.begin());
}

// In the order that read_document wants.
const char* const kDocumentColumns =
    "id, collection_id, key, version, parent_id, file_id, job_id, title, format, sha256, bytes, "
    "state, error, warnings, metadata, tokenizer, n_pages, n_chunks, n_tokens, n_chars, "
    "created_ms, updated_ms, (SELECT readers FROM reader_lists l WHERE l.id = readers_id)";

}  // namespace

const char* name_of(DocumentState state) {
  return kDocumentStates[static_cast<size_t>(state)];
}

std::string select_documents(const std::string& where) {
  return std::string("SELECT ") + kDocumentColumns +
         " FROM documents WHERE deletion_id IS NULL AND " + where;
}

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
          .readers = split_lines(row.text(22)),
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

std::string last_part(const std::string& key) {
  const size_t slash = key.find_last_of('/');
  return slash == std::string::npos ? key : key.substr(slash + 1);
}

void set_state(Database& db, DocumentId id, DocumentState state, const std::string& error) {
  db.run("UPDATE documents SET state = ?2, error = ?3, updated_ms = ?4 WHERE id = ?1", id,
         name_of(state), error, now_ms());
}

void supersede(Database& db, DocumentId id) {
  std::vector<DocumentId> family = {id};
  {
    auto children = db.query("SELECT id FROM documents WHERE parent_id = ?1", id);
    while (children.step()) family.push_back(children.integer(0));
  }
  for (const DocumentId member : family) {
    if (db.find_integer("SELECT 1 FROM documents WHERE id = ?1 AND state = 'ready'", member)) {
      remove_from_search(db, member);
    }
    drop_tables(db, member);
    db.run("UPDATE documents SET state = 'superseded', updated_ms = ?2 WHERE id = ?1", member,
           now_ms());
  }
}

std::vector<Document> standing_versions(Database& db,
                                        CollectionId collection,
                                        const std::string& key) {
  return list_documents(db,
                        "collection_id = ?1 AND key = ?2 AND parent_id IS NULL AND state <> "
                        "'superseded' ORDER BY version",
                        collection, key);
}

std::string joined(std::span<const std::string> lines) {
  std::string text;
  for (std::string line : lines) {
    std::replace(line.begin(), line.end(), '\n', ' ');
    if (!text.empty()) text += '\n';
    text += line;
  }
  return text;
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

}  // namespace widenet::store
