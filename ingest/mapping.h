// A mapping: which rows of a CRM's or ERP's exports are which documents, and how these read.
//
//   name = "Northwind"
//   [[entity]]
//   name = "Order"                            # names the table; documents are "Order/10248"
//   words = ["purchase"]                      # what else people call it
//   files = ["orders*.csv", "book.xlsx/Orders"]   # names of files, sheets, arrays in JSON
//   header = ["OrderID", "CustomerID"]        # for exports whose first row is no header
//   key = ["OrderID"]
//   title = "Order {OrderID} of {customer.CompanyName}"
//   body = """
//   Ordered {OrderDate}, shipped {ShippedDate}."""   # a line none of whose fields has a value goes
//   updated_at = "ModifiedDate"               # of rows with one key the newest counts
//   deleted = { column = "IsDeleted", values = ["true", "1"] }
//   readers = ["OwnerId"]                     # columns that name who may read it
//   references = { customer = { entity = "Customer", key = ["CustomerID"] } }
//   [entity.columns.Freight]
//   type = "decimal"                          # text, integer, decimal, date or boolean
//   label = "freight"
//   words = ["shipping cost"]
//   unit = "USD"
//   [entity.columns.Worth]                    # a column of our own
//   formula = "UnitPrice * Quantity"          # ingest/formula.h
//
//   [[entity]]
//   name = "OrderLine"
//   files = ["order_details.csv"]
//   key = ["OrderID", "ProductID"]
//   parent = { entity = "Order", key = ["OrderID"] }   # becomes part of the order's document
//   line = "{Quantity} x {product.ProductName}"
//
// date_format = "iso" (default), "dmy" or "mdy" says how columns of type date are written.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ingest/formula.h"

namespace widenet::ingest {

enum class MappedType { detected, text, integer, decimal, date, boolean };
enum class DateFormat { iso, dmy, mdy };

struct MappedColumn {
  MappedType type = MappedType::detected;
  std::string label{};
  std::vector<std::string> words{};
  std::string unit{};
  std::optional<Formula> formula{};  // not in the export: computed, with at most 4 decimals
};

// Columns here that hold another entity's key, in its order.
struct MappedReference {
  std::string entity{};
  std::vector<std::string> key{};
};

struct DeletedMark {
  std::string column{};
  std::vector<std::string> values{};
};

struct Entity {
  std::string name{};
  std::string plural{};
  std::vector<std::string> words{};
  std::vector<std::string> files{};  // patterns: * and ?, without regard to case
  std::vector<std::string> header{};
  std::vector<std::string> key{};
  std::string title{};
  std::string body{};
  std::string line{};
  std::string updated_at{};
  std::optional<DeletedMark> deleted{};
  std::vector<std::string> readers{};
  std::optional<MappedReference> parent{};
  std::map<std::string, MappedReference> references{};
  std::map<std::string, MappedColumn> columns{};
};

struct Mapping {
  std::string name{};
  DateFormat date_format = DateFormat::iso;
  std::vector<Entity> entities{};
};

// Or what is wrong, where, and what to write instead.
Result<Mapping> parse_mapping(std::string_view toml);

// Whether a file or sheet of this name is one of the entity's.
bool claims(const Entity& entity, std::string_view name);

}  // namespace widenet::ingest
