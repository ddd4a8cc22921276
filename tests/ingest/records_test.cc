// Mappings: what is wrong with bad ones, and what rows become.
#include "ingest/records.h"

#include <gtest/gtest.h>

#include "ingest/table.h"
#include "ingest/text.h"

namespace widenet::ingest {
namespace {

constexpr const char* kShop = R"(
name = "Shop"
[[entity]]
name = "Customer"
files = ["customers*.csv"]
key = ["ID"]
title = "{Name}"
body = """
{Name} of {City}
Fax: {Fax}"""
updated_at = "Changed"
deleted = { column = "Gone", values = ["X"] }
readers = ["Owner"]

[[entity]]
name = "Order"
files = ["book.xlsx/Orders"]
key = ["No"]
title = "Order {No} of {customer.Name}"
references = { customer = { entity = "Customer", key = ["Buyer"] } }
[entity.columns.Total]
type = "decimal"
[entity.columns.Date]
type = "date"

[[entity]]
name = "Line"
plural = "Lines"
files = ["lines.csv"]
header = ["Order", "Pos", "Item", "Price", "Count"]
key = ["Order", "Pos"]
parent = { entity = "Order", key = ["Order"] }
line = "{Pos}: {Count} x {Item} for {parent.customer.Name}"
[entity.columns.Worth]
formula = "Price * Count"
)";

SourceTable source(const std::string& name, std::vector<Row> rows) {
  return {.name = name, .table = *make_table(std::move(rows), "t")};
}

MappedRecords map_shop(const std::vector<SourceTable>& tables, std::string_view toml = kShop) {
  const auto mapping = parse_mapping(toml);
  EXPECT_TRUE(mapping) << mapping.error();
  // The entities that tables point to must outlive them.
  static Mapping kept;
  kept = *mapping;
  return map_records(kept, tables);
}

std::vector<SourceTable> shop() {
  return {source("customers-2.csv", {{"ID", "Name", "City", "Fax", "Changed", "Gone", "Owner"},
                                     {"7", "Ada", "Bern", "", "2021-01-01", "", "rita"},
                                     {"8", "Bob", "Ghent", "12", "2021-01-01", "", ""},
                                     {"9", "Eve", "Oslo", "", "2021-01-01", "X", ""}}),
          source("customers-1.csv", {{"ID", "Name", "City", "Fax", "Changed", "Gone", "Owner"},
                                     {"7", "Ida", "Rome", "", "2020-01-01", "", "rita"}}),
          source("book.xlsx/Orders", {{"No", "Buyer", "Total", "Date"},
                                      {"100", "7", "1.234,50", "20210503"},
                                      {"101", "5", "3", "2021-06-01"}}),
          source("lines.csv", {{"100", "1", "Pen", "2.5", "4"},
                               {"100", "2", "Ink", "1", "3"},
                               {"555", "1", "Nib", "1", "1"}})};
}

TEST(RecordsTest, RowsBecomeDocumentsWithWhatBelongsToThem) {
  const MappedRecords records = map_shop(shop());
  ASSERT_EQ(records.documents.size(), 5U);
  EXPECT_EQ(records.documents[0].member, "Customer/7");
  EXPECT_EQ(records.documents[0].text, "Customer: Ada\nAda of Bern");
  EXPECT_EQ(records.documents[0].readers, std::vector<std::string>{"rita"});
  EXPECT_EQ(records.documents[1].text, "Customer: Bob\nBob of Ghent\nFax: 12");
  EXPECT_EQ(records.documents[2].title, "Order 100 of Ada");
  EXPECT_EQ(records.documents[2].text,
            "Order: Order 100 of Ada\nNo: 100\nBuyer: 7\nTotal: 1234.50\nDate: "
            "2021-05-03\ncustomer: Ada\n"
            "Lines:\n1: 4 x Pen for Ada\n2: 3 x Ink for Ada");
  EXPECT_EQ(records.documents[3].title, "Order 101 of");  // a customer that is not there
  EXPECT_EQ(records.documents[4].member, "Line/555/1");   // an order that is not there
  EXPECT_TRUE(records.warnings.empty()) << records.warnings.front();
}

TEST(RecordsTest, RowsOfTablesKnowTheirDocumentsAndLines) {
  const MappedRecords records = map_shop(shop());
  ASSERT_EQ(records.tables.size(), 3U);
  const EntityTable& lines = records.tables[2];
  EXPECT_EQ(lines.documents, (std::vector<size_t>{2, 2, 4}));
  const std::string& text = records.documents[2].text;
  const RowLine line = lines.table.lines[1];
  EXPECT_EQ(text.substr(static_cast<size_t>(line.start_char),
                        static_cast<size_t>(line.end_char - line.start_char)),
            "2: 3 x Ink for Ada");
  EXPECT_EQ(lines.table.columns.back().name, "Worth");
  EXPECT_EQ(lines.table.columns.back().type, ColumnType::integer);
  EXPECT_EQ(lines.table.rows[0].back(), "10");
  EXPECT_EQ(records.tables[1].table.rows[0][2], "1234.50");
  EXPECT_EQ(records.tables[1].table.columns[2].type, ColumnType::real);
}

TEST(RecordsTest, TheOrderOfFilesDoesNotMatter) {
  const MappedRecords records = map_shop(shop());
  auto tables = shop();
  std::ranges::reverse(tables);
  const MappedRecords reversed = map_shop(tables);
  ASSERT_EQ(records.documents.size(), reversed.documents.size());
  for (size_t i = 0; i < records.documents.size(); ++i) {
    const auto same =
        std::ranges::find(reversed.documents, records.documents[i].member, &RecordDocument::member);
    ASSERT_NE(same, reversed.documents.end());
    EXPECT_EQ(same->text, records.documents[i].text);
  }
}

TEST(RecordsTest, WhatCannotBeUsedIsSaid) {
  auto tables = shop();
  tables.push_back(source("other.csv", {{"a", "b"}, {"1", "2"}}));
  tables.push_back(source("customers-3.csv", {{"Name"}, {"Nobody"}, {"Noone"}}));
  const MappedRecords records = map_shop(tables);
  EXPECT_EQ(records.warnings,
            (std::vector<std::string>{
                "\"other.csv\" is of no entity of the mapping",
                "rows of \"customers-3.csv\" have no key (ID, ...) and were left out"}));
}

TEST(RecordsTest, DatesAsTheyAreWritten) {
  const auto date = [](const std::string& format, const std::string& cell) {
    const std::string toml = "date_format = \"" + format + R"("
[[entity]]
name = "A"
files = ["a.csv"]
key = ["K"]
[entity.columns.D]
type = "date")";
    return map_shop({source("a.csv", {{"K", "D"}, {"k", cell}})}, toml).tables[0].table.rows[0][1];
  };
  EXPECT_EQ(date("dmy", "03.05.2021"), "2021-05-03");
  EXPECT_EQ(date("mdy", "03/05/21 10:30"), "2021-03-05 10:30");
  EXPECT_EQ(date("iso", "2021-05-03T10:00:00Z"), "2021-05-03T10:00:00Z");
  EXPECT_EQ(date("iso", "20210503"), "2021-05-03");
  EXPECT_EQ(date("iso", "03.05.2021"), "03.05.2021");  // who knows
  EXPECT_EQ(date("dmy", "05/31/2021"), "05/31/2021");
  EXPECT_EQ(date("iso", "00000000"), "");
  EXPECT_EQ(date("dmy", "00.00.0000"), "");
}

TEST(RecordsTest, NumbersAsTheyAreWritten) {
  const auto number = [](const std::string& cell) {
    const std::string toml = R"(
[[entity]]
name = "A"
files = ["a.csv"]
key = ["K"]
[entity.columns.N]
type = "decimal")";
    return map_shop({source("a.csv", {{"K", "N"}, {"k", cell}})}, toml).tables[0].table.rows[0][1];
  };
  EXPECT_EQ(number("1.234,56"), "1234.56");
  EXPECT_EQ(number("-1 234.5"), "-1234.5");
  EXPECT_EQ(number("1.234,56-"), "-1234.56");
  EXPECT_EQ(number("12-"), "-12");
  EXPECT_EQ(number("12-13-"), "12-13-");
}

TEST(MappingTest, WhatIsWrongIsSaidWithItsLine) {
  const auto reason = [](const std::string& toml) {
    const auto mapping = parse_mapping(toml);
    return mapping ? std::string("none") : mapping.error();
  };
  const std::string entity = "[[entity]]\nname = \"A\"\nfiles = [\"a.csv\"]\nkey = [\"K\"]\n";
  EXPECT_EQ(reason(entity), "none");
  EXPECT_EQ(reason(""), "it has no [[entity]]");
  EXPECT_EQ(reason("name = 3"), "line 1: \"name\" must be a text");
  EXPECT_EQ(reason(entity + "colour = \"red\""), "line 5: \"colour\" is no setting of an entity");
  EXPECT_EQ(reason("[[entity]]\nname = \"A\"\nkey = [\"K\"]"),
            "line 1: entity \"A\" needs files: names or patterns of its exports");
  EXPECT_EQ(reason(entity + "parent = { entity = \"B\", key = [\"K\"] }"),
            "entity \"A\" refers to \"B\", which is no entity here");
  EXPECT_EQ(reason(entity + "parent = { entity = \"A\", key = [\"K\"] }"),
            "entity \"A\" is its own parent");
  EXPECT_EQ(reason(entity + entity), "two entities are called \"A\"");
  EXPECT_EQ(reason(entity + "references = { b = { entity = \"A\", key = [\"K\", \"L\"] } }"),
            "entity \"A\" refers to \"A\" by 2 columns; its key has 1");
  EXPECT_EQ(reason(entity + "[entity.columns.X]\ntype = \"money\""),
            "line 6: \"type\" must be one of text, integer, decimal, date, boolean");
  EXPECT_EQ(reason(entity + "[entity.columns.X]\nformula = \"a *\""),
            "line 6: the formula is wrong: a column, a number or a parenthesis is missing");
  EXPECT_EQ(reason("name = \"open").substr(0, 7), "line 1:");
}

TEST(FormulaTest, SumsAndProducts) {
  const auto value = [](const std::string& text) -> std::optional<double> {
    const auto formula = Formula::parse(text);
    EXPECT_TRUE(formula) << formula.error();
    return formula->value([](const std::string& column) -> std::optional<double> {
      if (column == "price") return 2.5;
      if (column == "a b") return 4.0;
      return {};
    });
  };
  EXPECT_EQ(value("price * \"a b\" - 1"), 9.0);
  EXPECT_EQ(value("10 - 2 - 3"), 5.0);
  EXPECT_EQ(value("2 * (1 + price) / 7"), 1.0);
  EXPECT_EQ(value("price / 0"), std::nullopt);
  EXPECT_EQ(value("price * missing"), std::nullopt);
  for (const char* wrong : {"", "1 +", "(1", "1)", "a b", "\"a", "1 ** 2", "-1"}) {
    EXPECT_FALSE(Formula::parse(wrong)) << wrong;
  }
  EXPECT_FALSE(Formula::parse(std::string(1000, '(')));
}

}  // namespace
}  // namespace widenet::ingest
