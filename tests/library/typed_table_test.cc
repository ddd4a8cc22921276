// Cells as typed values: what is a number, a date or a truth, and what is none.
#include "library/typed_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "ingest/table.h"
#include "library/number_style.h"

namespace widenet::library {
namespace {

using store::TableColumnType;

std::optional<NumberStyle> style_of(const std::vector<std::string>& cells) {
  return find_number_style([&](const auto& use) { std::ranges::all_of(cells, use); });
}

// The cells as plain numbers, or "text".
std::string read(const std::vector<std::string>& cells) {
  const auto style = style_of(cells);
  if (!style) return "text";
  std::string numbers;
  for (const auto& cell : cells)
    numbers += (numbers.empty() ? "" : " ") + plain_number(cell, *style);
  return style->mark.empty() ? numbers : numbers + " (" + style->mark + ")";
}

TEST(NumberStyleTest, PointsAndCommas) {
  EXPECT_EQ(read({"3591", "3142,13", "-448,88"}), "3591 3142.13 -448.88");
  EXPECT_EQ(read({"1.234,5", "7"}), "1234.5 7");
  EXPECT_EQ(read({"1,234.50", "-1,000,000"}), "1234.50 -1000000");
  EXPECT_EQ(read({"1,234,567"}), "1234567");
  EXPECT_EQ(read({"1,234", "99,5"}), "1.234 99.5");
}

TEST(NumberStyleTest, SignsOfMoneyAndPercent) {
  EXPECT_EQ(read({"$1,234.50", "-$3", "$ 12"}), "1234.50 -3 12 ($)");
  EXPECT_EQ(read({"1.234,50 €", "3 €"}), "1234.50 3 (€)");
  EXPECT_EQ(read({"EUR 5", "EUR 7"}), "5 7 (EUR)");
  EXPECT_EQ(read({"12%", "3 %"}), "12 3 (%)");
}

TEST(NumberStyleTest, WhatMayBeReadInTwoWaysOrIsACodeStaysText) {
  EXPECT_EQ(read({"1,234", "7"}), "text");
  EXPECT_EQ(read({"INV-7", "INV-8"}), "text");
  EXPECT_EQ(read({"EUR7"}), "text");
  EXPECT_EQ(read({"007,5"}), "text");
  EXPECT_EQ(read({"5 EUR", "5 USD"}), "text");
  EXPECT_EQ(read({"1,5", "2.5"}), "text");
  EXPECT_EQ(read({"1,23,456"}), "text");
  EXPECT_EQ(read({"3 to 5"}), "text");
  EXPECT_EQ(read({"12:30"}), "text");
  EXPECT_EQ(read({"n/a", "1,5"}), "text");
  EXPECT_EQ(read({}), "text");
}

TEST(TypedTableTest, ColumnsHaveTheTypesOfTheirCells) {
  const auto table = ingest::make_table({{"No", "Net", "Price", "Day", "Paid"},
                                         {"007", "3142,13", "$2.50", "2021-05-03", "yes"},
                                         {"008", "", "$1,000", "2021-05-04 10:00", "no"}},
                                        "t");
  ASSERT_TRUE(table);
  ingest::Table lined = *table;
  lined.lines.resize(2);
  const auto typed = typed_table(lined);
  ASSERT_TRUE(typed);
  std::vector<TableColumnType> types;
  for (const auto& column : typed->columns) types.push_back(column.type);
  EXPECT_EQ(types, (std::vector{TableColumnType::text, TableColumnType::real, TableColumnType::real,
                                TableColumnType::date, TableColumnType::boolean}));
  EXPECT_EQ(typed->columns[1].decimals, 2);
  EXPECT_EQ(typed->rows[0][1], store::TableCell(3142.13));
  EXPECT_EQ(typed->rows[1][1], store::TableCell());
  EXPECT_EQ(typed->rows[1][2], store::TableCell(1000.0));
  EXPECT_EQ(typed->rows[1][3], store::TableCell("2021-05-04T10:00"));
  EXPECT_EQ(typed->rows[0][4], store::TableCell(int64_t{1}));
  const auto description = nlohmann::json::parse(typed->description_json);
  EXPECT_EQ(description["columns"]["Price"]["unit"], "$");
}

}  // namespace
}  // namespace widenet::library
