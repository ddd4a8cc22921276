// Record sets: a ZIP of exports with a mapping.toml at its root, whose rows become documents and
// typed tables (ingest/mapping.h).
#pragma once

#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "ingest/document.h"
#include "library/ingest_job.h"
#include "store/records.h"

namespace widenet::library {

// A mapping that cannot be used: which, why, and what to do.
class MappingError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

inline constexpr const char* kMappingName = "mapping.toml";

// What a record set holds.  Each document's metadata "name" is its member name.
struct RecordSet {
  std::vector<ingest::ExtractedDocument> documents;
  std::vector<std::vector<std::string>> readers;  // of each; empty: those of the set
  std::vector<store::ProcessedTable> tables;      // `parts` are indexes into documents
  std::vector<std::string> warnings;
};

// Nothing, if what was extracted from a file is no record set; a reason, if it is a bad one.
std::optional<Result<RecordSet>> read_record_set(
    const std::vector<ingest::ExtractedDocument>& extracted);

// Packs those of `files` that an entity of the mapping claims into a record set and queues it under
// `key`.  What else there is stays in `files`.  Throws MappingError if the mapping is bad or claims
// none of them, FileError, StoreError.
store::Added add_record_set(store::Store& store,
                            store::CollectionId collection,
                            const std::string& key,
                            const std::filesystem::path& mapping,
                            std::vector<SourceFile>& files,
                            std::optional<store::JobId> job = {},
                            const std::optional<std::vector<std::string>>& readers = {});

}  // namespace widenet::library
