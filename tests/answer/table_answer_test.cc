// Questions answered out of tables in a store: words, figures, SQL and the lines it rests on.
#include "answer/table_answer.h"

#include <gtest/gtest.h>

#include "tests/support/temporary_directory.h"

namespace widenet::answer {
namespace {

using store::TableColumnType;

class TableAnswerTest : public ::testing::Test {
 protected:
  TableAnswerTest() {
    store::ProcessedTable invoices;
    invoices.name = "Invoice";
    invoices.columns = {{.name = "No"},
                        {.name = "Customer"},
                        {.name = "Date", .type = TableColumnType::date},
                        {.name = "Amount", .type = TableColumnType::real, .decimals = 2}};
    invoices.description_json =
        R"({"title": "{No}", "columns": {"Amount": {"words": ["revenue"], "unit": "EUR"}}})";
    store::ProcessedDocument part;
    const auto add = [&](const std::string& no, const std::string& customer,
                         const std::string& date, double amount) {
      const auto start = static_cast<int64_t>(part.text.size());
      part.text += "Invoice " + no + " to " + customer;
      invoices.rows.push_back({no, customer, date, amount});
      invoices.lines.push_back({start, static_cast<int64_t>(part.text.size())});
      part.text += "\n";
    };
    add("INV-1", "Acme", "2021-03-01", 1000.10);
    add("INV-2", "Acme", "2021-04-01", 250.05);
    add("INV-3", "Byte & Co", "2021-04-02", 1300.35);
    add("INV-4", "Cord", "2022-01-01", 0.30);
    part.text.pop_back();
    part.tables.push_back(invoices);
    const auto added = store_->add_document({.collection = collection_,
                                             .key = "invoices.csv",
                                             .sha256 = store_->put_original(part.text)});
    store_->begin_processing(added.id);
    store_->complete_document(added.id, {{part}});
    document_ = added.id;
  }

  TableAnswer ask(const std::string& question) {
    auto answer = answer_from_tables(*store_, collection_, question);
    EXPECT_TRUE(answer) << question << ": " << answer.error();
    return answer ? *answer : TableAnswer{};
  }

  test::TemporaryDirectory directory_;
  std::unique_ptr<store::Store> store_ = store::Store::open(directory_.path());
  store::CollectionId collection_ = store_->find_or_create_collection("books");
  store::DocumentId document_ = 0;
};

TEST_F(TableAnswerTest, SumsAreInWordsWithTheLinesTheyRestOn) {
  const TableAnswer answer = ask("What is the total revenue from Acme in 2021?");
  EXPECT_EQ(answer.text, "1,250.15 EUR (the sum of amount of 2 invoices)");
  EXPECT_EQ(answer.n_rows, 2);
  ASSERT_EQ(answer.links.size(), 2U);
  EXPECT_EQ(answer.links[1].title, "INV-2");
  EXPECT_EQ(answer.links[1].value, "250.05 EUR");
  ASSERT_EQ(answer.citations.size(), 2U);
  EXPECT_EQ(answer.citations[1].document, document_);
  EXPECT_EQ(answer.citations[1].quote, "Invoice INV-2 to Acme");
  EXPECT_EQ(answer.rows, (std::vector<std::vector<std::string>>{{"1250.15"}}));
}

TEST_F(TableAnswerTest, CountsAveragesGroupsAndRanks) {
  EXPECT_EQ(ask("How many invoices are there?").text, "4 invoices");
  EXPECT_EQ(ask("How many invoices in 2022?").text, "1 invoice");
  EXPECT_EQ(ask("How many invoices in 1999?").text, "0 invoices");
  EXPECT_EQ(ask("What is the average amount of invoices?").text,
            "637.70 EUR (the average amount of 4 invoices)");
  EXPECT_EQ(ask("total amount of invoices by customer").text,
            "Byte & Co: 1,300.35 EUR\nAcme: 1,250.15 EUR\nCord: 0.30 EUR");
  EXPECT_EQ(ask("revenue by customer").text, ask("total amount of invoices by customer").text);
  EXPECT_EQ(ask("How many invoices per year?").text, "2021: 3\n2022: 1");
  EXPECT_EQ(ask("Which invoice has the highest amount?").text, "INV-3: 1,300.35 EUR");
  EXPECT_EQ(ask("What is the total amount of invoices in 1999?").text, "None: no invoices match");
}

TEST_F(TableAnswerTest, FiltersShowTheirRows) {
  EXPECT_EQ(ask("Which invoices have an amount over 1000?").text, "INV-1\nINV-3");
  EXPECT_EQ(ask("What is the amount of INV-3?").text, "INV-3: 1,300.35 EUR");
  EXPECT_EQ(ask("Which invoices are for Byte & Co?").text, "INV-3");
}

TEST_F(TableAnswerTest, WhatTablesDoNotHoldIsNotAnswered) {
  EXPECT_FALSE(answer_from_tables(*store_, collection_, "Why is INV-3 late?"));
  EXPECT_FALSE(answer_from_tables(*store_, collection_, "amount by customer"));  // of which sort?
  const auto other = store_->find_or_create_collection("empty");
  const auto answer = answer_from_tables(*store_, other, "How many invoices are there?");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error(), "it has no tables");
}

}  // namespace
}  // namespace widenet::answer
