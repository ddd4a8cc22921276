// The database schema and its migrations.
#pragma once

#include <cstdint>

#include "store/sqlite.h"

namespace widenet::store {

// Brings a database to the current version, each step in its own transaction.  Throws StoreError
// if it was written by a newer widenet.
void migrate(Database& database);

int64_t newest_version();

}  // namespace widenet::store
