// The mapper: tables of exports in, documents of records out.  Pure.
#pragma once

#include <string>
#include <vector>

#include "ingest/document.h"
#include "ingest/mapping.h"

namespace widenet::ingest {

// A table and the names that an entity may claim it by: its file, or "book.xlsx/Sheet".
struct SourceTable {
  std::string name;
  Table table;
};

// A record, with the rows that are part of it, as a document.
struct RecordDocument {
  std::string member;  // "Order/10248"
  std::string title;
  std::string text;                    // canonical
  std::vector<std::string> readers{};  // who may read it; empty: whoever reads the rest
};

// The rows of one entity, each with the document that tells of it.
struct EntityTable {
  const Entity* entity = nullptr;  // of the mapping
  Table table;                     // lines are ranges of the rows' own documents
  std::vector<size_t> documents;   // of the rows, in order: indexes into MappedRecords::documents
};

struct MappedRecords {
  std::vector<RecordDocument> documents;  // by entity and first appearance
  std::vector<EntityTable> tables;
  std::vector<std::string> warnings;  // rows without a key, tables that no entity claims
};

// Of rows with one key the newest counts, by updated_at, else the last; those that say they are
// deleted are gone.  A row whose parent is not there is a document of its own.
MappedRecords map_records(const Mapping& mapping, const std::vector<SourceTable>& tables);

}  // namespace widenet::ingest
