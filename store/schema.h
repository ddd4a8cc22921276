// The database schema and its migrations.
#pragma once

#include "store/sqlite.h"

namespace widenet::store {

// Brings a database to the current version, each step in its own transaction.  Throws StoreError
// if it was written by a newer widenet.
void migrate(Database& database);

}  // namespace widenet::store
