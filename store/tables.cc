// The typed tables of documents: their rows, and what they are called.
#include <algorithm>
#include <array>
#include <set>

#include "base/check.h"
#include "store/impl.h"

namespace widenet::store {
namespace {

constexpr std::array kTypes = {"text", "integer", "real", "date", "boolean"};
constexpr std::array kSqlTypes = {"TEXT", "INTEGER", "REAL", "TEXT", "INTEGER"};

TableColumnType type_named(std::string_view name) {
  const auto found = std::find(kTypes.begin(), kTypes.end(), name);
  WN_CHECK(found != kTypes.end());
  return static_cast<TableColumnType>(found - kTypes.begin());
}

std::string rows_table(TableId id) {
  return "rows_" + std::to_string(id);
}

void bind(Query& query, int index, const TableCell& cell) {
  if (const auto* whole = std::get_if<int64_t>(&cell)) query.bind(index, *whole);
  if (const auto* real = std::get_if<double>(&cell)) query.bind(index, *real);
  if (const auto* text = std::get_if<std::string>(&cell))
    query.bind(index, std::string_view(*text));
}

void insert_rows(Database& db,
                 TableId id,
                 const ProcessedTable& table,
                 std::span<const DocumentId> documents) {
  std::string create =
      "CREATE TABLE " + rows_table(id) +
      " (_row INTEGER PRIMARY KEY, _document INTEGER, _start INTEGER, _end INTEGER";
  std::string places = "?1, ?2, ?3, ?4";
  for (size_t i = 0; i < table.columns.size(); ++i) {
    create +=
        ", c" + std::to_string(i) + " " + kSqlTypes[static_cast<size_t>(table.columns[i].type)];
    places += ", ?" + std::to_string(i + 5);
  }
  db.run_script(create + ")");
  WN_CHECK(table.lines.size() == table.rows.size());
  const std::string insert = "INSERT INTO " + rows_table(id) + " VALUES (" + places + ")";
  for (size_t row = 0; row < table.rows.size(); ++row) {
    WN_CHECK(table.rows[row].size() == table.columns.size());
    if (documents[row] == 0) continue;
    const CharRange line = table.lines[row];
    Query query = db.query(insert, row + 1, documents[row], line.start_char, line.end_char);
    for (size_t i = 0; i < table.columns.size(); ++i) {
      bind(query, static_cast<int>(i) + 5, table.rows[row][i]);
    }
    query.step();
  }
  db.forget_statement(insert);
}

std::vector<TableId> tables_of(Database& db, DocumentId id) {
  auto rows = db.query("SELECT id FROM record_tables WHERE document_id = ?1", id);
  std::vector<TableId> tables;
  while (rows.step()) tables.push_back(rows.integer(0));
  return tables;
}

std::vector<TableColumn> columns_of(Database& db, TableId id) {
  auto rows = db.query(
      "SELECT name, type, decimals FROM record_columns WHERE table_id = ?1 ORDER BY ordinal", id);
  std::vector<TableColumn> columns;
  while (rows.step()) {
    columns.push_back({.name = rows.string(0),
                       .type = type_named(rows.text(1)),
                       .decimals = static_cast<int32_t>(rows.integer(2))});
  }
  return columns;
}

// SQL tells names apart without regard to ASCII case.
std::string lower(std::string name) {
  for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return name;
}

}  // namespace

void insert_tables(Database& db,
                   DocumentId id,
                   std::span<const ProcessedTable> tables,
                   std::span<const DocumentId> parts) {
  for (const ProcessedTable& table : tables) {
    std::vector<DocumentId> documents(table.rows.size(), id);
    for (size_t row = 0; row < table.parts.size(); ++row) documents[row] = parts[table.parts[row]];
    db.run(
        "INSERT INTO record_tables (document_id, name, n_rows, description) VALUES (?1, ?2, ?3, "
        "?4)",
        id, table.name, std::ssize(documents) - std::ranges::count(documents, 0),
        table.description_json);
    const TableId table_id = db.last_insert_id();
    for (size_t i = 0; i < table.columns.size(); ++i) {
      const TableColumn& column = table.columns[i];
      db.run("INSERT INTO record_columns VALUES (?1, ?2, ?3, ?4, ?5)", table_id, i, column.name,
             kTypes[static_cast<size_t>(column.type)], column.decimals);
    }
    insert_rows(db, table_id, table, documents);
  }
}

void drop_tables(Database& db, DocumentId id) {
  for (const TableId table : tables_of(db, id)) db.run_script("DROP TABLE " + rows_table(table));
  db.run("DELETE FROM record_tables WHERE document_id = ?1", id);
}

void delete_rows(Database& db, DocumentId told_by) {
  const auto parent = db.find_integer("SELECT parent_id FROM documents WHERE id = ?1", told_by);
  if (!parent) return;
  for (const TableId table : tables_of(db, *parent)) {
    const std::string sql = "DELETE FROM " + rows_table(table) + " WHERE _document = ?1";
    const int64_t n = db.run(sql, told_by);
    db.forget_statement(sql);
    db.run("UPDATE record_tables SET n_rows = n_rows - ?2 WHERE id = ?1", table, n);
  }
}

std::vector<RecordTable> Store::record_tables(const std::vector<CollectionId>& collections) const {
  auto db = impl_->read();
  std::vector<RecordTable> tables;
  for (const CollectionId collection : collections) {
    auto rows = db->query(
        "SELECT t.id, t.document_id, t.name, t.n_rows, t.description FROM documents d "
        "JOIN record_tables t ON t.document_id = d.id WHERE d.collection_id = ?1 "
        "AND d.state = 'ready' AND d.deletion_id IS NULL ORDER BY t.id",
        collection);
    std::set<std::string> taken;
    while (rows.step()) {
      const std::string name = rows.string(2);
      std::string unique = name;
      for (int n = 2; !taken.insert(lower(unique)).second; ++n) {
        unique = name + " " + std::to_string(n);
      }
      tables.push_back({.id = rows.integer(0),
                        .collection = collection,
                        .document = rows.integer(1),
                        .name = unique,
                        .columns = columns_of(*db, rows.integer(0)),
                        .n_rows = rows.integer(3),
                        .description_json = rows.string(4)});
    }
  }
  return tables;
}

}  // namespace widenet::store
