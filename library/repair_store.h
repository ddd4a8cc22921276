// Makes again what is derived, and removes what nothing names: behind `widenet doctor --repair`.
#pragma once

#include <string>
#include <vector>

#include "store/store.h"

namespace widenet::library {

struct RepairReport {
  std::vector<std::string> repaired;  // one sentence each
  std::vector<std::string> left;      // what could not be looked at now, and what to do
};

// Vector indexes against the vectors in the database, original bytes against who names them, and
// the prefix cache in the data directory against its checksums and its catalogue.  Documents, their
// texts, and bytes that are named are never touched, whatever is wrong with them: check_store()
// tells that.  Others may use the directory meanwhile.  Throws StoreError.
RepairReport repair_store(store::Store& store);

}  // namespace widenet::library
