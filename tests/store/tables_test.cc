// Typed tables: what one SELECT may read of them, and that it can do nothing else.
#include <gtest/gtest.h>

#include "base/file.h"
#include "store/sqlite.h"
#include "tests/store/fixture.h"

namespace widenet::store {
namespace {

ProcessedTable cities() {
  return {.name = "city",
          .columns = {{.name = "name"},
                      {.name = "people", .type = TableColumnType::integer},
                      {.name = "area", .type = TableColumnType::real, .decimals = 1}},
          .rows = {{"Bern", int64_t{134'000}, 51.6},
                   {"Ghent", int64_t{265'000}, 156.2},
                   {"Qwyzzlefrob", std::monostate(), std::monostate()}},
          .lines = {{0, 4}, {5, 10}, {11, 22}}};
}

class TablesTest : public StoreFixture {
 protected:
  DocumentId add(const std::string& key, ProcessedTable table, const std::string& text = "Text.") {
    const Added added = store_->add_document(
        {.collection = collection_, .key = key, .sha256 = store_->put_original(key + text)});
    store_->begin_processing(added.id);
    ProcessedDocument part;
    part.text = text;
    part.tables.push_back(std::move(table));
    store_->complete_document(added.id, {{part}});
    return added.id;
  }

  // The rows as text, or why there are none.
  std::string ask(const std::string& sql, const TableLimits& limits = {}) {
    const auto rows = store_->read_tables(collection_)->query(sql, limits);
    if (!rows) return "no: " + rows.error();
    std::string text;
    for (const auto& row : rows->rows) {
      for (const TableCell& cell : row) {
        if (const auto* whole = std::get_if<int64_t>(&cell)) text += std::to_string(*whole);
        if (const auto* real = std::get_if<double>(&cell)) text += std::to_string(*real);
        if (const auto* string = std::get_if<std::string>(&cell)) text += *string;
        text += ' ';
      }
      text += '\n';
    }
    return text + (rows->is_cut ? "cut" : "");
  }

  CollectionId collection_ = store_->find_or_create_collection("places");
};

TEST_F(TablesTest, RowsAreTypedAndKnowWhereTheyStand) {
  const DocumentId id = add("cities.csv", cities());
  EXPECT_EQ(ask("SELECT name, _row, _document, _start, _end FROM city WHERE people > 200000"),
            "Ghent 2 " + std::to_string(id) + " 5 10 \n");
  EXPECT_EQ(ask("SELECT sum(people), count(area) FROM city"), "399000 2 \n");
  const auto tables = store_->record_tables({collection_});
  ASSERT_EQ(tables.size(), 1U);
  EXPECT_EQ(tables[0].document, id);
  EXPECT_EQ(tables[0].n_rows, 3);
  EXPECT_EQ(tables[0].columns[2].type, TableColumnType::real);
  EXPECT_EQ(tables[0].columns[2].decimals, 1);
}

TEST_F(TablesTest, EachCollectionSeesItsOwnTables) {
  add("cities.csv", cities());
  const CollectionId other = store_->find_or_create_collection("other");
  EXPECT_TRUE(store_->record_tables({other}).empty());
  const auto rows = store_->read_tables(other)->query("SELECT * FROM city");
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error(), "no such table: city");
}

TEST_F(TablesTest, TwoTablesOfOneNameAreTold) {
  add("a.csv", cities());
  add("b.csv", cities());
  EXPECT_EQ(ask("SELECT (SELECT count(*) FROM city), (SELECT count(*) FROM \"city 2\")"), "3 3 \n");
}

// Each tries to read or change what is not a table of the collection, or to never end.
TEST_F(TablesTest, ASelectReadsTablesAndDoesNothingElse) {
  add("cities.csv", cities(), "The secret plan.");
  const std::string refused = "it does more than read the tables of this collection";
  for (const char* sql :
       {"SELECT text FROM texts",
        "SELECT text FROM main.texts",
        "SELECT * FROM rows_1",
        "SELECT * FROM main.rows_1",
        "SELECT name FROM sqlite_master",
        "SELECT name FROM sqlite_temp_master",
        "SELECT * FROM documents",
        "DELETE FROM city",
        "INSERT INTO texts VALUES (1, 'x')",
        "DROP TABLE main.texts",
        "PRAGMA user_version = 9",
        "PRAGMA query_only",
        "ATTACH 'x.db' AS x",
        "CREATE TABLE x (a)",
        "CREATE TEMP TABLE x (a)",
        "VACUUM INTO 'copy.db'",
        "SELECT load_extension('x')",
        "SELECT hex(randomblob(1000000000))",
        "SELECT fts5_decode(1)",
        "SELECT * FROM pragma_table_info('texts')",
        "BEGIN IMMEDIATE",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
        "WITH city AS (SELECT text FROM main.texts) SELECT * FROM city",
        "WITH city AS (SELECT text AS name FROM texts) SELECT name FROM city",
        "SELECT * FROM (SELECT text FROM texts) AS city",
        "SELECT city.text FROM texts AS city",
        "SELECT count(*) FROM documents",
        "SELECT (SELECT text FROM texts) FROM city",
        "SELECT name FROM city ORDER BY (SELECT text FROM main.texts)",
        "SELECT 1 FROM city WHERE EXISTS (SELECT 1 FROM texts)",
        "EXPLAIN SELECT 1 FROM texts"}) {
    const std::string answer = ask(sql);
    EXPECT_EQ(answer.substr(0, 4), "no: ") << sql << ": " << answer;
    EXPECT_EQ(answer.find("secret"), std::string::npos) << sql;
  }
  EXPECT_EQ(ask("SELECT text FROM texts").find(refused), 4U);
  EXPECT_EQ(ask(""), "no: it is empty");
  EXPECT_EQ(ask("SELECT 1; SELECT 2"), "no: it is more than one statement");
  EXPECT_EQ(ask("SELECT mayor FROM city"), "no: no such column: mayor");
  EXPECT_EQ(ask("SELECT count(*) FROM city;"), "3 \n");
  EXPECT_EQ(store_->text(1), "The secret plan.");
}

TEST_F(TablesTest, WhatIsLongIsCutAndWhatIsSlowIsStopped) {
  add("cities.csv", cities());
  EXPECT_EQ(ask("SELECT name FROM city", {.rows_max = 2}), "Bern \nGhent \ncut");
  EXPECT_EQ(ask("SELECT name FROM city", {.bytes_max = 20}), "Bern \ncut");
  std::string joins = "SELECT count(*) FROM city";  // 3^30 rows
  for (int i = 0; i < 29; ++i) joins += ", city AS c" + std::to_string(i);
  EXPECT_EQ(ask(joins, {.milliseconds_max = 50}), "no: it takes too long");
}

TEST_F(TablesTest, ANewerVersionReplacesTheTableAndDeletionLeavesNothing) {
  const DocumentId first = add("cities.csv", cities());
  ProcessedTable smaller = cities();
  smaller.rows.resize(1);
  smaller.lines.resize(1);
  const DocumentId second = add("cities.csv", smaller, "Newer.");
  EXPECT_NE(first, second);
  EXPECT_EQ(ask("SELECT count(*), max(_document) FROM city"),
            "1 " + std::to_string(second) + " \n");
  EXPECT_EQ(store_->record_tables({collection_}).size(), 1U);
  store_->delete_document(second);
  EXPECT_EQ(ask("SELECT 1 FROM city"), "no: no such table: city");
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory_.path())) {
    if (!entry.is_regular_file()) continue;
    EXPECT_EQ(read_file(entry.path()).find("Qwyzzlefrob"), std::string::npos) << entry.path();
  }
}

// A file of several documents, whose table has rows of each.
class RecordsTest : public TablesTest {
 protected:
  static ProcessedDocument part(const std::string& member, const std::string& text) {
    ProcessedDocument part;
    part.member = member;
    part.text = text;
    return part;
  }

  std::vector<DocumentId> complete(const std::string& bytes,
                                   const std::vector<ProcessedDocument>& parts,
                                   const ProcessedFile& file) {
    const Added added = store_->add_document(
        {.collection = collection_, .key = "set", .sha256 = store_->put_original(bytes)});
    store_->begin_processing(added.id);
    return store_->complete_document(added.id, parts, file);
  }
};

TEST_F(RecordsTest, AChildThatSaysTheSameStaysAndTheRestIsReplaced) {
  ProcessedFile file{.tables = {cities()}};
  file.tables[0].parts = {0, 1, 1};
  const auto first =
      complete("1", {part("City/Bern", "Bern."), part("City/Ghent", "Ghent.")}, file);
  ASSERT_EQ(first.size(), 2U);
  EXPECT_EQ(ask("SELECT _document, count(*) FROM city GROUP BY 1"),
            std::to_string(first[0]) + " 1 \n" + std::to_string(first[1]) + " 2 \n");

  ProcessedDocument same = part("City/Bern", "");
  same.same_as = first[0];
  const auto second = complete("2", {same, part("City/Ghent", "Ghent grew.")}, file);
  ASSERT_EQ(second.size(), 2U);
  EXPECT_EQ(second[0], first[0]);
  EXPECT_NE(second[1], first[1]);
  EXPECT_EQ(store_->text(first[0]), "Bern.");
  EXPECT_EQ(store_->document(first[0])->state, DocumentState::ready);
  EXPECT_EQ(store_->document(first[1])->state, DocumentState::superseded);
  EXPECT_EQ(ask("SELECT count(DISTINCT _document), count(*) FROM city"), "2 3 \n");
}

TEST_F(RecordsTest, ChildrenKeptFromAVersionBeforeGoWithTheOneAfter) {
  for (const bool is_whole_collection : {false, true}) {
    collection_ = store_->find_or_create_collection("again");
    ProcessedFile file{.tables = {cities()}};
    file.tables[0].parts = {0, 1, 1};
    const auto first =
        complete("1", {part("City/Bern", "Bern."), part("City/Ghent", "Ghent.")}, file);
    ProcessedDocument same = part("City/Bern", "");
    same.same_as = first[0];
    complete("2", {same, part("City/Ghent", "Ghent grew.")}, file);
    const auto set = *store_->document(first[0])->parent;
    const auto receipt =
        is_whole_collection ? store_->delete_collection(collection_) : store_->delete_document(set);
    ASSERT_TRUE(receipt);
    EXPECT_GT(receipt->finished_ms, 0);
    EXPECT_EQ(receipt->documents, 5);  // two versions, three children
    EXPECT_TRUE(store_->record_tables({collection_}).empty());
    reopen();
  }
}

TEST_F(RecordsTest, ADeletedChildTakesItsRowsAndDoesNotComeBackByItself) {
  ProcessedFile file{.tables = {cities()}};
  file.tables[0].parts = {0, 1, 1};
  const auto first =
      complete("1", {part("City/Bern", "Bern."), part("City/Ghent", "Ghent.")}, file);
  store_->delete_document(first[0]);
  EXPECT_EQ(ask("SELECT name FROM city ORDER BY 1"), "Ghent \nQwyzzlefrob \n");
  EXPECT_EQ(store_->record_tables({collection_})[0].n_rows, 2);
  ProcessedDocument same = part("City/Bern", "");  // deleted while it was compared
  same.same_as = first[0];
  const auto second = complete("2", {same, part("City/Ghent", "Ghent.")}, file);
  EXPECT_EQ(second.size(), 1U);
  EXPECT_EQ(ask("SELECT name FROM city ORDER BY 1"), "Ghent \nQwyzzlefrob \n");
}

}  // namespace
}  // namespace widenet::store
