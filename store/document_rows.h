// Rows of the documents table, and the changes to them that several calls make.  For store/*.cc.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/sqlite.h"
#include "store/store.h"

namespace widenet::store {

// SELECT ... of the documents that are not being deleted and satisfy `where`.
std::string select_documents(const std::string& where);

Document read_document(const Query& row);

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

// The last component of a key that may be a path.
std::string last_part(const std::string& key);

// What follows is for write transactions.

void set_state(Database& db, DocumentId id, DocumentState state, const std::string& error = {});

// Marks a version and its children, and takes them out of the search if they are in it; their
// tables go.
void supersede(Database& db, DocumentId id);

// The versions of a key that still stand, oldest first.  Children are no versions of their own.
std::vector<Document> standing_versions(Database& db,
                                        CollectionId collection,
                                        const std::string& key);

// As the warnings and the readers of a document are stored: one a line.
std::string joined(std::span<const std::string> lines);
std::vector<std::string> split_lines(std::string_view lines);

}  // namespace widenet::store
