// Foreign SELECTs over the tables of one collection.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/records.h"

namespace widenet::store {

// A connection that sees the tables as views by their names and can do nothing else: opened
// read-only, an authorizer that knows these views alone, bounds on size, depth and time.  Used by
// one thread at a time.  Throws StoreError if the database fails.
class TableReader {
 public:
  // Of the database in `file`; Store::read_tables makes one.  `readable`: see store/access.h.
  TableReader(const std::filesystem::path& file,
              std::vector<RecordTable> tables,
              const std::optional<std::string>& readable);
  ~TableReader();
  TableReader(const TableReader&) = delete;
  TableReader& operator=(const TableReader&) = delete;

  const std::vector<RecordTable>& tables() const;

  // One SELECT.  A reason if it is refused or takes too long, or if its table has gone since.
  Result<TableRows> query(const std::string& sql, const TableLimits& limits = {});

 private:
  class Connection;
  std::unique_ptr<Connection> connection_;
};

}  // namespace widenet::store
