// Who may read which documents, as conditions in SQL.  For store/*.cc.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "store/records.h"
#include "store/sqlite.h"

namespace widenet::store {

// Of the documents of a collection, those that the reader may read: "readers_id IN (0, 3)".
// Nothing: all of them.
std::optional<std::string> readable_condition(Database& db,
                                              CollectionId collection,
                                              const Reader& reader);

// The id of this list, made if need be.  Inside a write transaction.  Throws StoreError if a name
// cannot be one.
int64_t reader_list(Database& db, std::vector<std::string> readers);

}  // namespace widenet::store
