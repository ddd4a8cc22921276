// Copies of a data directory that are whole: taken while others write to it, and put back.
//
//   TARGET/store.sqlite    a snapshot of the database, without what had been deleted; a deletion
//   that
//                          is under way is finished where it is restored
//   TARGET/store.sqlite.sha256
//   TARGET/originals/..    the original bytes that it names
//
// What is derived (vectors) is made again; what the model has read is read again.
#pragma once

#include <cstdint>
#include <filesystem>

namespace widenet::store {

struct BackupSummary {
  int64_t n_documents = 0;  // versions and children
  int64_t n_originals = 0;
  int64_t bytes = 0;
};

// Under a temporary name until all of it is on disk: an interrupted one never looks whole, and the
// next one clears it away.  `target` must not be there, or be empty.  Throws StoreError.
BackupSummary back_up(const std::filesystem::path& data_directory,
                      const std::filesystem::path& target);

// Into a data directory that is not there, or empty, which is whole or not there afterwards.
// Throws StoreError naming what in the backup is damaged, missing or too new.
BackupSummary restore(const std::filesystem::path& backup,
                      const std::filesystem::path& data_directory);

}  // namespace widenet::store
