#include "engine/json_value.h"

#include <gtest/gtest.h>

namespace widenet::engine {
namespace {

std::string printed(const std::string& json) {
  const auto value = JsonValue::parse(json);
  return value ? value->dump() : "(not JSON)";
}

TEST(JsonValueTest, PrintsAsPythonDoes) {
  EXPECT_EQ(printed(R"( {"b":[1,2,{}],"a":{"x":null,"y":true,"z":[]}} )"),
            R"({"b": [1, 2, {}], "a": {"x": null, "y": true, "z": []}})");
  EXPECT_EQ(printed(R"("caf\u00e9 \ud83d\ude00 \/ \" \\ \b\f\n\r\t \u0001 \u007f")"),
            "\"café 😀 / \\\" \\\\ \\b\\f\\n\\r\\t \\u0001 \x7f\"");
  EXPECT_EQ(printed("[false]"), "[false]");
}

// Each beside what Python 3.11 printed.
TEST(JsonValueTest, PrintsNumbersAsPythonDoes) {
  const std::vector<std::pair<std::string, std::string>> numbers = {
      {"1", "1"},
      {"-0", "0"},
      {"-0.0", "-0.0"},
      {"1.0", "1.0"},
      {"1E2", "100.0"},
      {"12.50", "12.5"},
      {"0.1", "0.1"},
      {"0.0001", "0.0001"},
      {"0.00001", "1e-05"},
      {"-0.000012345", "-1.2345e-05"},
      {"123456789.125", "123456789.125"},
      {"1e15", "1000000000000000.0"},
      {"1e16", "1e+16"},
      {"123456789012345680.0", "1.2345678901234568e+17"},
      {"5e-324", "5e-324"},
      {"1.7976931348623157e308", "1.7976931348623157e+308"},
      {"9223372036854775808", "9223372036854775808"},
      {"-9223372036854775809", "-9223372036854775809"},
      {"123456789012345678901234567890", "123456789012345678901234567890"}};
  for (const auto& [written, wanted] : numbers) EXPECT_EQ(printed(written), wanted) << written;
}

TEST(JsonValueTest, OfMembersWithOneNameTheLastCounts) {
  EXPECT_EQ(printed(R"({"a": 1, "b": 2, "a": 3})"), R"({"a": 3, "b": 2})");
}

TEST(JsonValueTest, FindsMembers) {
  const auto value = JsonValue::parse(R"({"a": {"b": "c\n"}, "d": 1.0})");
  ASSERT_TRUE(value);
  EXPECT_EQ(value->names(), (std::vector<std::string>{"a", "d"}));
  EXPECT_EQ(value->find("a")->find("b")->text(), "c\n");
  EXPECT_EQ(value->find("d")->text(), "1.0");
  EXPECT_EQ(value->find("x"), nullptr);
  EXPECT_EQ(value->find("d")->find("x"), nullptr);
}

TEST(JsonValueTest, WhatIsNotJsonIsNothing) {
  const auto nested = [](int depth) {
    return std::string(static_cast<size_t>(depth), '[') +
           std::string(static_cast<size_t>(depth), ']');
  };
  EXPECT_TRUE(JsonValue::parse(nested(JsonValue::kDepthMax)));
  for (const std::string& text :
       {std::string(), std::string("{"), std::string("{} {}"), std::string("NaN"),
        std::string("'a'"), std::string("{}\0", 3), std::string("\"\xff\""), std::string("1e400"),
        std::string("01"), nested(JsonValue::kDepthMax + 1), nested(100'000)}) {
    EXPECT_FALSE(JsonValue::parse(text)) << text.substr(0, 20);
  }
}

}  // namespace
}  // namespace widenet::engine
