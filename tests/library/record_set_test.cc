// Exports and a mapping, from files to documents and tables, and imported again.
#include "library/record_set.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <random>

#include "base/file.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/tiny_model.h"

namespace widenet::library {
namespace {

constexpr const char* kMapping = R"(
[[entity]]
name = "Customer"
files = ["customers.csv"]
key = ["ID"]
title = "{Name}"
updated_at = "Changed"

[[entity]]
name = "Order"
files = ["orders*.csv"]
key = ["No"]
title = "Order {No} of {customer.Name}"
references = { customer = { entity = "Customer", key = ["Buyer"] } }
)";

class RecordSetTest : public ::testing::Test {
 protected:
  RecordSetTest() {
    test::make_tiny_model(directory_.path() / "model");
    model_ = TextModel::load(directory_.path() / "model");
    reopen();
    collection_ = store_->find_or_create_collection("shop");
    options_.extractor = WN_BINARY_DIR "/widenet";
    write_file_atomically(directory_.path() / "shop.toml", kMapping);
  }

  void reopen() {
    store_.reset();
    store_ = store::Store::open(directory_.path() / "data");
  }

  SourceFile file(const std::string& name, const std::string& contents) {
    const auto path = directory_.path() / name;
    write_file_atomically(path, contents);
    return {path, name};
  }

  // Imports these exports as all there is; the set's document.
  store::Document import(std::vector<SourceFile> files) {
    const auto added =
        add_record_set(*store_, collection_, "shop", directory_.path() / "shop.toml", files);
    EXPECT_TRUE(files.empty());
    EXPECT_TRUE(process_queued(*store_, *model_, options_));
    return *store_->document(added.id);
  }

  std::vector<SourceFile> exports(const std::string& customers, const std::string& orders) {
    return {file("customers.csv", "ID,Name,Changed\n" + customers),
            file("orders.csv", "No,Buyer,Total\n" + orders)};
  }

  std::optional<store::Document> record(const std::string& key) {
    return store_->find_document(collection_, "shop/" + key);
  }

  std::string ask(const std::string& sql) {
    const auto rows = store_->read_tables(collection_)->query(sql);
    if (!rows) return rows.error();
    const store::TableCell& cell = rows->rows.at(0).at(0);
    if (const auto* text = std::get_if<std::string>(&cell)) return *text;
    const auto* whole = std::get_if<int64_t>(&cell);
    return whole != nullptr ? std::to_string(*whole) : "";
  }

  bool is_on_disk(const std::string& bytes) {
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(directory_.path() / "data")) {
      if (entry.is_regular_file() && read_file(entry.path()).find(bytes) != std::string::npos) {
        return true;
      }
    }
    return false;
  }

  test::TemporaryDirectory directory_;
  std::shared_ptr<const TextModel> model_;
  std::unique_ptr<store::Store> store_;
  store::CollectionId collection_ = 0;
  IngestOptions options_;
};

TEST_F(RecordSetTest, RowsCanBeSearchedReadAndAsked) {
  const auto set = import(exports("7,Ada,\n8,Bob,\n", "100,7,12.5\n101,8,3\n102,7,4\n"));
  EXPECT_EQ(set.state, store::DocumentState::ready) << set.error;
  ASSERT_TRUE(record("Order/100"));
  EXPECT_EQ(store_->text(record("Order/100")->id),
            "Order: Order 100 of Ada\nNo: 100\nBuyer: 7\nTotal: 12.5\ncustomer: Ada");
  EXPECT_EQ(
      store_->search_text({.collections = {collection_}}, "order 101 Bob").front().chunk.document,
      record("Order/101")->id);
  EXPECT_EQ(ask("SELECT count(*) FROM \"Order\" WHERE Buyer = 7"), "2");
  EXPECT_EQ(ask("SELECT Name FROM \"Order\" JOIN Customer ON ID = Buyer ORDER BY Total DESC"),
            "Ada");
}

TEST_F(RecordSetTest, ImportingAgainKeepsWhatReadsAsBefore) {
  import(exports("7,Ada,\n8,Bob,\n", "100,7,12.5\n101,8,3\n102,7,4\n"));
  const auto bob = record("Customer/8")->id, ada = record("Customer/7")->id;
  const auto order_100 = record("Order/100")->id, order_101 = record("Order/101")->id;
  const auto set = import(exports("7,Ida,\n8,Bob,\n", "101,8,3\n102,7,5\n103,8,1\n"));
  EXPECT_EQ(record("Customer/8")->id, bob);
  EXPECT_EQ(record("Order/101")->id, order_101);
  EXPECT_NE(record("Customer/7")->id, ada);
  EXPECT_EQ(store_->text(record("Order/102")->id),
            "Order: Order 102 of Ida\nNo: 102\nBuyer: 7\nTotal: 5\ncustomer: Ida");
  EXPECT_FALSE(record("Order/100"));
  EXPECT_EQ(store_->document(order_100)->state, store::DocumentState::superseded);
  EXPECT_EQ(ask("SELECT group_concat(\"No\") FROM \"Order\""), "101,102,103");
  EXPECT_EQ(set.metadata_json, R"({"records":"5","unchanged":"2"})");
  EXPECT_EQ(import(exports("7,Ida,\n8,Bob,\n", "101,8,3\n102,7,5\n103,8,1\n")).id, set.id);
}

TEST_F(RecordSetTest, ExportsInJsonAreExports) {
  write_file_atomically(
      directory_.path() / "shop.toml",
      "[[entity]]\nname = \"Customer\"\nfiles = [\"data.json/Customer\"]\n"
      "key = [\"ID\"]\ntitle = \"{Name}\"\n[[entity]]\nname = \"Order\"\n"
      "files = [\"orders.jsonl\"]\nkey = [\"No\"]\n"
      "title = \"Order {No} of {customer.Name}\"\n"
      "references = { customer = { entity = \"Customer\", key = [\"Buyer\"] } }\n");
  import({file("data.json", R"({"Customer": [{"ID": 1, "Name": "Ada"}, {"ID": 2, "Name": "Bo"}],
                                "Other": [{"x": 1}, {"x": 2}]})"),
          file("orders.jsonl",
               "{\"No\": 7, \"Buyer\": 2, \"Total\": 4}\n"
               "{\"No\": 8, \"Buyer\": 1, \"Total\": 2}\n")});
  ASSERT_TRUE(record("Order/7"));
  EXPECT_EQ(record("Order/7")->title, "Order 7 of Bo");
  EXPECT_EQ(ask("SELECT sum(\"Total\") FROM \"Order\""), "6");
}

TEST_F(RecordSetTest, AnExportOfChangesGoesBesideTheFullOne) {
  auto files = exports("7,Ada,2021-01-01\n", "100,7,1\n");
  files.push_back(file("orders-changes.csv", "No,Buyer,Total\n101,7,2\n"));
  import(files);
  EXPECT_EQ(ask("SELECT count(*) FROM \"Order\""), "2");
}

// Whatever was imported before, the result is that of importing the last exports afresh.
TEST_F(RecordSetTest, ImportsInAnyOrderEndAlike) {
  std::mt19937 random(7);
  const auto pick = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  for (int round = 0; round < 6; ++round) {
    std::string customers, orders;
    for (int id = 0; id < 5; ++id) {
      if (pick(4) > 0) customers += std::to_string(id) + ",N" + std::to_string(pick(2)) + ",\n";
    }
    for (int no = 0; no < 8; ++no) {
      if (pick(4) > 0) orders += std::to_string(no) + "," + std::to_string(pick(5)) + ",1\n";
    }
    if (customers.empty()) customers = "0,N,\n";
    const auto files = exports(customers, orders);
    import(files);
    const auto fresh = store_->find_or_create_collection("fresh" + std::to_string(round));
    auto again = files;
    add_record_set(*store_, fresh, "shop", directory_.path() / "shop.toml", again);
    process_queued(*store_, *model_, options_);
    const auto texts = [&](store::CollectionId in) {
      std::map<std::string, std::string> all;
      for (const auto& document : store_->documents(in)) {
        if (document.parent) all[document.key] = store_->text(document.id).value_or("");
      }
      return all;
    };
    EXPECT_EQ(texts(collection_), texts(fresh));
    const std::string sql = "SELECT count(*) || ' ' || sum(\"No\" * 10 + Buyer) FROM \"Order\"";
    const auto left = store_->read_tables(collection_)->query(sql),
               right = store_->read_tables(fresh)->query(sql);
    if (right) {
      ASSERT_TRUE(left) << left.error();
      EXPECT_EQ(left->rows, right->rows);
    }
  }
}

TEST_F(RecordSetTest, NothingOfADeletedSetIsLeft) {
  import(exports("7,Qwyzzlefrob,\n", "100,7,1\n"));
  const auto set = store_->find_document(collection_, "shop");
  ASSERT_TRUE(set);
  EXPECT_TRUE(is_on_disk("Qwyzzlefrob"));
  store_->delete_document(set->id);
  EXPECT_FALSE(is_on_disk("Qwyzzlefrob"));
  EXPECT_TRUE(store_->record_tables({collection_}).empty());
  EXPECT_TRUE(store_->documents(collection_).empty());
}

TEST_F(RecordSetTest, WhatCannotBeUsedHasItsReason) {
  std::vector<SourceFile> files = {file("notes.txt", "hello")};
  const auto use = [&](const std::string& mapping) -> std::string {
    write_file_atomically(directory_.path() / "bad.toml", mapping);
    try {
      add_record_set(*store_, collection_, "bad", directory_.path() / "bad.toml", files);
    } catch (const MappingError& error) {
      return error.what();
    }
    return "used";
  };
  EXPECT_NE(use("name = 1").find("bad.toml\": line 1: \"name\" must be a text"), std::string::npos);
  EXPECT_NE(use(kMapping).find("none of the files is an export that it names"), std::string::npos);
  EXPECT_EQ(files.size(), 1U);
  const auto set = import(exports("", "100,7,1\n"));  // a header and no row
  EXPECT_EQ(set.state, store::DocumentState::ready) << set.error;
}

}  // namespace
}  // namespace widenet::library
