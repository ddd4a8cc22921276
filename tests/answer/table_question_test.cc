// Questions about a trading firm's tables: how each is read, and which are left to others.
#include "answer/table_question.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "answer/question_words.h"

namespace widenet::answer {
namespace {

using nlohmann::json;
using store::TableColumnType;

store::RecordTable table(const std::string& name,
                         std::vector<store::TableColumn> columns,
                         const json& description) {
  return {.id = 1,
          .collection = 1,
          .name = name,
          .columns = std::move(columns),
          .n_rows = 1,
          .description_json = description.dump()};
}

store::TableColumn text(const std::string& name) {
  return {.name = name, .type = TableColumnType::text, .decimals = 0};
}
store::TableColumn number(const std::string& name, int32_t decimals = 0) {
  return {.name = name,
          .type = decimals > 0 ? TableColumnType::real : TableColumnType::integer,
          .decimals = decimals};
}
store::TableColumn date(const std::string& name) {
  return {.name = name, .type = TableColumnType::date, .decimals = 0};
}
store::TableColumn boolean(const std::string& name) {
  return {.name = name, .type = TableColumnType::boolean, .decimals = 0};
}

json reference(const std::string& entity, const std::string& key) {
  return {{"entity", entity}, {"key", {key}}};
}

Schema trading_firm() {
  const std::vector<store::RecordTable> tables = {
      table("Customer",
            {text("CustomerID"), text("CompanyName"), text("City"), text("Country"), text("Phone"),
             boolean("IsActive")},
            {{"words", {"client"}}, {"key", {"CustomerID"}}, {"title", "{CompanyName}"}}),
      table("Order",
            {number("OrderID"), text("CustomerID"), date("OrderDate"), date("ShippedDate"),
             number("Freight", 2), text("ShipCountry")},
            {{"key", {"OrderID"}},
             {"title", "Order {OrderID}"},
             {"references", {{"customer", reference("Customer", "CustomerID")}}}}),
      table("OrderLine",
            {number("OrderID"), number("ProductID"), number("Quantity"), number("Revenue", 2)},
            {{"words", {"line"}},
             {"key", {"OrderID", "ProductID"}},
             {"title", "{OrderID}/{ProductID}"},
             {"parent", reference("Order", "OrderID")},
             {"references", {{"product", reference("Product", "ProductID")}}},
             {"columns", {{"Revenue", {{"words", {"sales"}}, {"unit", "EUR"}}}}}}),
      table("Product", {number("ProductID"), text("ProductName"), number("UnitPrice", 2)},
            {{"key", {"ProductID"}}, {"title", "{ProductName}"}})};
  return schema_of(tables);
}

// What value_sql would find.
std::vector<KnownValue> known() {
  return {{0, 3, "Germany"}, {1, 5, "Germany"},      {0, 3, "France"},
          {1, 5, "France"},  {0, 3, "US"},           {0, 2, "London"},
          {3, 1, "Chai"},    {0, 1, "Ernst Handel"}, {0, 1, "Alfreds Futterkiste"}};
}

std::string sql(const std::string& question) {
  const Schema schema = trading_firm();
  const auto read = read_question(schema, question, known());
  return read ? answer_sql(schema, *read) : "no: " + read.error();
}

std::string meaning(const std::string& question) {
  const Schema schema = trading_firm();
  const auto read = read_question(schema, question, known());
  return read ? described(schema, *read) : "no: " + read.error();
}

TEST(QuestionWordsTest, NumbersDatesAndPossessivesAreWords) {
  const auto words = words_of("Alfreds Futterkiste's 1,250.50 on 1997-05-03, INV-20113");
  std::vector<std::string> texts;
  for (const auto& word : words) texts.push_back(word.text);
  EXPECT_EQ(texts, (std::vector<std::string>{"alfreds", "futterkiste", "1,250.50", "on",
                                             "1997-05-03", "inv", "20113"}));
  EXPECT_EQ(words[2].number, 1250.5);
}

TEST(QuestionWordsTest, DatesOfAllLengths) {
  const auto range = [](const std::string& text, size_t at) {
    const auto date = date_at(words_of(text), at);
    return date ? date->range.first + ".." + date->range.end : "none";
  };
  EXPECT_EQ(range("in 1997", 1), "1997-01-01..1998-01-01");
  EXPECT_EQ(range("product 1997", 1), "none");
  EXPECT_EQ(range("December 1997", 0), "1997-12-01..1998-01-01");
  EXPECT_EQ(range("3 May 1997", 0), "1997-05-03..1997-05-04");
  EXPECT_EQ(range("February 28, 1996", 0), "1996-02-28..1996-02-29");
  EXPECT_EQ(range("29 February 1997", 0), "none");
  EXPECT_EQ(range("Q4 1997", 0), "1997-10-01..1998-01-01");
  EXPECT_EQ(range("second quarter of 1997", 0), "1997-04-01..1997-07-01");
  EXPECT_EQ(range("1997-12-31", 0), "1997-12-31..1998-01-01");
  EXPECT_EQ(range("1997-13-01", 0), "none");
}

TEST(TableQuestionTest, Counts) {
  EXPECT_EQ(sql("How many customers are there?"), R"(SELECT count(*) FROM "Customer")");
  EXPECT_EQ(sql("How many clients do we have in Germany?"),
            R"(SELECT count(*) FROM "Customer" WHERE "Customer"."Country" = 'Germany')");
  EXPECT_EQ(sql("number of orders shipped to Germany or France"),
            R"(SELECT count(*) FROM "Order" WHERE "Order"."ShipCountry" IN ('Germany', 'France'))");
  EXPECT_EQ(meaning("How many quantities of Chai were sold?"),
            "sum of quantity of order lines where product's product name = 'Chai'");
  EXPECT_EQ(meaning("How many active customers are in London?"),
            "number of customers where city = 'London' and is active = 1");
}

TEST(TableQuestionTest, ConditionsLieWhereTheirWordsSay) {
  EXPECT_EQ(meaning("How many orders did customers in Germany place in 1997?"),
            "number of orders where customer's country = 'Germany' and order date >= '1997-01-01' "
            "and order date < '1998-01-01'");
  EXPECT_EQ(meaning("How many orders were shipped in May 1997?"),
            "number of orders where shipped date >= '1997-05-01' and shipped date < '1997-06-01'");
  EXPECT_EQ(meaning("How many orders with freight over 500 since 1997?"),
            "number of orders where freight > 500 and order date >= '1997-01-01'");
  EXPECT_EQ(meaning("number of orders between March 1997 and May 1997"),
            "number of orders where order date >= '1997-03-01' and order date < '1997-06-01'");
  EXPECT_EQ(meaning("number of orders with freight between 10 and 20"),
            "number of orders where freight >= 10 and freight <= 20");
}

TEST(TableQuestionTest, NamesWrittenTogetherAreTypedApart) {
  const std::vector<store::RecordTable> tables = {
      table("SALESORDERS", {text("SALESORG"), number("GROSSAMOUNT", 2)}, json::object())};
  const Schema schema = schema_of(tables);
  const auto read = read_question(schema, "total gross amount of sales orders by sales org", {});
  ASSERT_TRUE(read) << read.error();
  EXPECT_EQ(read->aggregate, Aggregate::sum);
  ASSERT_EQ(read->groups.size(), 1U);
}

TEST(TableQuestionTest, SumsAndAverages) {
  EXPECT_EQ(sql("What is the total freight of orders from Ernst Handel?"),
            R"(SELECT sum("Order"."Freight") FROM "Order" LEFT JOIN "Customer" ON )"
            R"("Customer"."CustomerID" = "Order"."CustomerID" )"
            R"(WHERE "Customer"."CompanyName" = 'Ernst Handel')");
  EXPECT_EQ(meaning("total sales of orders of clients in Germany in 1997"),
            "sum of revenue of order lines where customer's country = 'Germany' and order's order "
            "date >= '1997-01-01' and order's order date < '1998-01-01'");
  EXPECT_EQ(meaning("What is the average freight per country of customers?"),
            "average freight of orders, by customer's country");
  EXPECT_EQ(meaning("total revenue per year"), "no: no date of order lines is the one to group by");
  EXPECT_EQ(meaning("how many orders per year"), "number of orders, by year of order date");
}

TEST(TableQuestionTest, RanksAndGroups) {
  EXPECT_EQ(sql("Which customer has the most orders?"),
            R"(SELECT "group 1", "value" FROM (SELECT "Customer"."CompanyName" AS "group 1", )"
            R"(count(*) AS "value", rank() OVER (ORDER BY count(*) DESC) AS "place" FROM "Order" )"
            R"(LEFT JOIN "Customer" ON "Customer"."CustomerID" = "Order"."CustomerID" )"
            R"(WHERE "Customer"."CustomerID" IS NOT NULL )"
            R"(GROUP BY "Customer"."CompanyName", "Customer"."CustomerID") )"
            R"(WHERE "place" <= 1 ORDER BY "place", 1 LIMIT 1000)");
  EXPECT_EQ(meaning("top 5 customers by revenue"),
            "sum of revenue of order lines, by customer's company name, highest first, 5");
  EXPECT_EQ(meaning("top 3 products by unit price"), "unit price of products, highest first, 3");
  EXPECT_EQ(meaning("Which order has the highest freight in 1997?"),
            "freight of orders where order date >= '1997-01-01' and order date < '1998-01-01', "
            "highest first, 1");
  EXPECT_EQ(meaning("What is the latest order of Alfreds Futterkiste?"),
            "order date of orders where customer's company name = 'Alfreds Futterkiste', highest "
            "first, 1");
}

TEST(TableQuestionTest, WhatMeansATotalIsAddedUp) {
  EXPECT_EQ(meaning("Which order has the highest revenue?"),
            "sum of revenue of order lines, by order's order ID, highest first, 1");
  EXPECT_EQ(meaning("revenue by customer"), meaning("total revenue by customer"));
  EXPECT_EQ(meaning("quantity by customer").substr(0, 3), "no:");
}

TEST(TableQuestionTest, FiltersAndLookups) {
  EXPECT_EQ(meaning("Which customers are in London?"), "customers where city = 'London'");
  EXPECT_EQ(meaning("Which customers are active?"), "customers where is active = 1");
  EXPECT_EQ(meaning("What is the phone of Ernst Handel?"),
            "phone of customers where company name = 'Ernst Handel'");
  EXPECT_EQ(meaning("What is the unit price of Chai?"),
            "unit price of products where product name = 'Chai'");
  EXPECT_EQ(meaning("Show the freight of order 10248"), "freight of orders where order ID = 10248");
}

TEST(TableQuestionTest, AValueOfThreeLettersIsTypedAlike) {
  EXPECT_EQ(meaning("How many customers are in the US?"),
            "number of customers where country = 'US'");
  EXPECT_EQ(meaning("How many customers gave us orders?").substr(0, 3), "no:");
}

TEST(TableQuestionTest, AStatusBeforeATimeIsAVerb) {
  const Schema schema = trading_firm();
  const std::vector<KnownValue> values = {{1, 5, "Shipped"}};
  const auto meaning = [&](const std::string& question) {
    const auto read = read_question(schema, question, values);
    return read ? described(schema, *read) : "no: " + read.error();
  };
  EXPECT_EQ(meaning("How many orders are shipped?"),
            "number of orders where ship country = 'Shipped'");
  EXPECT_EQ(meaning("How many orders were shipped in 1997?"),
            "number of orders where shipped date >= '1997-01-01' and shipped date < '1998-01-01'");
  EXPECT_EQ(meaning("How many orders were shipped before 1997?"),
            "number of orders where shipped date < '1997-01-01'");
  EXPECT_EQ(meaning("How many orders have the ship country Shipped in 1997?"),
            "number of orders where ship country = 'Shipped' and order date >= '1997-01-01' and "
            "order date < '1998-01-01'");
}

TEST(TableQuestionTest, AColumnMayBeCalledTotal) {
  const std::vector<store::RecordTable> tables = {
      table("Order", {text("OrderID"), date("OrderDate"), number("TotalAmount", 2)},
            {{"key", {"OrderID"}}, {"title", "{OrderID}"}})};
  const Schema schema = schema_of(tables);
  const std::vector<KnownValue> values = {{0, 0, "ORD-1"}};
  const auto meaning = [&](const std::string& question) {
    const auto read = read_question(schema, question, values);
    return read ? described(schema, *read) : "no: " + read.error();
  };
  EXPECT_EQ(meaning("What is the total amount of orders in 1997?"),
            "sum of total amount of orders where order date >= '1997-01-01' and order date < "
            "'1998-01-01'");
  EXPECT_EQ(meaning("Total amount of order ORD-1"),
            "sum of total amount of orders where order ID = 'ORD-1'");
  EXPECT_EQ(meaning("Which orders have a total amount over 500?"),
            "orders where total amount > 500");
  EXPECT_EQ(meaning("Which order has the highest total amount?"),
            "total amount of orders, highest first, 1");
}

TEST(TableQuestionTest, AColumnMayFollowItsValue) {
  EXPECT_EQ(meaning("How many orders have Germany as ship country?").substr(0, 3), "no:");
  EXPECT_EQ(meaning("How many orders with Germany ship country?"),
            "number of orders where ship country = 'Germany'");
}

// Each has a word that changes what is asked for, or asks for what one SELECT does not give.
TEST(TableQuestionTest, WhatIsNotUnderstoodWhollyIsNotAnswered) {
  for (const char* question :
       {"Which customer has the fewest orders?", "How many customers are not in Germany?",
        "How many customers never ordered?", "Why did Ernst Handel complain?",
        "What do we know about Ernst Handel?", "How many employees are in Germany?",
        "What is the average revenue of orders?", "Which order has the highest quantity?",
        "How many orders were there last year?", "How many orders over 500?", "total of Germany",
        "Germany", "", "Which customers are there?", "How many products did Ernst Handel order?"}) {
    EXPECT_EQ(meaning(question).substr(0, 3), "no:") << question << ": " << meaning(question);
  }
}

TEST(TableQuestionTest, QuotesInValuesAndNamesAreDoubled) {
  const std::vector<store::RecordTable> tables = {
      table("Sto\"re", {text("Na'me"), text("Country")}, {{"key", {"Na'me"}}})};
  const Schema schema = schema_of(tables);
  const std::vector<KnownValue> values = {{0, 1, "Côte d'Ivoire"}};
  const auto read = read_question(schema, "how many sto re in Côte d'Ivoire", values);
  ASSERT_TRUE(read) << read.error();
  EXPECT_EQ(answer_sql(schema, *read),
            R"(SELECT count(*) FROM "Sto""re" WHERE "Sto""re"."Country" = 'Côte d''Ivoire')");
}

}  // namespace
}  // namespace widenet::answer
