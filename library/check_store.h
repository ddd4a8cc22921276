// Looks whether what is stored is what was given: the checks behind `widenet doctor`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "library/text_model.h"
#include "store/store.h"

namespace widenet::library {

struct CheckReport {
  int64_t n_documents = 0;
  int64_t n_chunks = 0;
  int64_t n_originals = 0;
  std::vector<std::string> problems;  // one sentence each, with what to do
};

// Reads everything: original bytes against their SHA-256, chunks against the text that they must
// cover, tokens (where they are this model's) against the text.  `model` may be null.  Throws
// StoreError if the store cannot be read at all.
CheckReport check_store(const store::Store& store, const TextModel* model);

}  // namespace widenet::library
