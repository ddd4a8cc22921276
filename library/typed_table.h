// A table as it was found, with cells as text, made one that SQL can ask.
#pragma once

#include "base/result.h"
#include "ingest/document.h"
#include "store/records.h"

namespace widenet::library {

// Numbers become numbers; a column of nothing but ISO dates is one of dates, of yes and no (or true
// and false) one of booleans; empty cells are nothing.  A reason if it is too wide.
Result<store::ProcessedTable> typed_table(const ingest::Table& table);

}  // namespace widenet::library
