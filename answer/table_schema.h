// What a collection's tables are called in questions: entities, columns, and how they refer to each
// other.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/store.h"

namespace widenet::answer {

// Words as they are compared: lower case (ASCII), singular, without punctuation.
using Phrase = std::vector<std::string>;

// "UnitPrices", "unit_price" and "Unit price" are all {"unit", "price"}.
Phrase phrase_of(std::string_view name);
// A word of phrase_of: "Companies" is "company", "orders" is "order".
std::string singular(std::string_view word);

struct SchemaColumn {
  std::string name;
  store::TableColumnType type = store::TableColumnType::text;
  int32_t decimals = 0;
  std::string label;            // as answers call it
  std::string unit;             // "EUR"; may be empty
  std::vector<Phrase> phrases;  // as questions call it
};

// A row of this table refers to at most one row of another: an order to its customer, a line to its
// order.
struct SchemaReference {
  size_t table = 0;
  std::vector<size_t> columns;  // here; those of the other table's key, in its order
};

struct SchemaTable {
  std::string name;  // as SQL knows it
  std::string singular_label;
  std::string plural_label;
  std::vector<Phrase> phrases;
  std::vector<SchemaColumn> columns;
  std::vector<size_t> key;    // columns
  std::vector<size_t> title;  // columns that a row's title is made of
  std::vector<SchemaReference> references;
};

struct Schema {
  std::vector<SchemaTable> tables;

  // From one table to another, by references, the shortest first found.  The first element is a
  // reference of `from`; empty and present: from == to.  Nothing: there is no way.
  std::optional<std::vector<size_t>> way(size_t from, size_t to) const;
};

// Of the tables of one collection.
Schema schema_of(std::span<const store::RecordTable> tables);

}  // namespace widenet::answer
