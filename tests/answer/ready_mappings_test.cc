// The mappings that come along, over their example exports: records, tables, and questions.
#include <gtest/gtest.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <sstream>

#include "answer/table_answer.h"
#include "base/file.h"
#include "ingest/mapping.h"
#include "library/ingest_job.h"
#include "library/record_set.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/tiny_model.h"

namespace widenet::answer {
namespace {

using nlohmann::json;

const std::filesystem::path kRecords = WN_SOURCE_DIR "/examples/records";

std::filesystem::path mapping_of(const std::string& system) {
  return std::filesystem::path(WN_SOURCE_DIR "/mappings") / (system + ".toml");
}

std::string plain(const store::TableCell& cell) {
  if (const auto* text = std::get_if<std::string>(&cell)) return *text;
  if (const auto* whole = std::get_if<int64_t>(&cell)) return std::to_string(*whole);
  const auto* real = std::get_if<double>(&cell);
  return real != nullptr ? std::to_string(*real) : "none";
}

std::optional<double> number_of(const std::string& text) {
  double number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end) return {};
  return number;
}

// As numbers, to the cent, if both are.
bool is_same(const std::string& left, const std::string& right) {
  const auto a = number_of(left), b = number_of(right);
  return a && b ? std::abs(*a - *b) < 0.005 : left == right;
}

class ReadyMappingsTest : public ::testing::Test {
 protected:
  ReadyMappingsTest() {
    test::make_tiny_model(directory_.path() / "model");
    model_ = library::TextModel::load(directory_.path() / "model");
    options_.extractor = WN_BINARY_DIR "/widenet";
  }

  // All its exports, as `widenet ingest` finds them.
  store::Document import(const std::string& system) {
    std::vector<library::SourceFile> files;
    for (const auto& entry : std::filesystem::directory_iterator(kRecords / system)) {
      files.push_back({entry.path(), entry.path().filename().string()});
    }
    std::ranges::sort(files, {}, &library::SourceFile::key);
    collection_ = store_->find_or_create_collection(system);
    const auto added =
        library::add_record_set(*store_, collection_, system, mapping_of(system), files);
    EXPECT_TRUE(files.empty()) << files.front().key << " is claimed by no entity";
    EXPECT_TRUE(library::process_queued(*store_, *model_, options_));
    return *store_->document(added.id);
  }

  // "Account 28, Contact 29": rows of tables, in the mapping's order.
  std::string row_counts() const {
    std::string text;
    for (const auto& table : store_->record_tables({collection_})) {
      text += (text.empty() ? "" : ", ") + table.name + " " + std::to_string(table.n_rows);
    }
    return text;
  }

  int64_t n_records() const {
    return std::ranges::count_if(store_->documents(collection_),
                                 [](const auto& document) { return document.parent.has_value(); });
  }

  std::string text_of(const std::string& key) const {
    const auto document = store_->find_document(collection_, key);
    return document ? store_->text(document->id).value_or("") : "none";
  }

  void expect_questions_answered(const std::string& system) const {
    std::istringstream lines(read_file(kRecords / "questions.jsonl"));
    int n_sql = 0, n_text = 0;
    for (std::string line; std::getline(lines, line);) {
      const json question = json::parse(line);
      if (question["system"] != system) continue;
      if (question["kind"] == "text") {
        ++n_text;
        continue;
      }
      ++n_sql;
      const std::string asked = question["question"], wanted = question["answer"];
      const auto rows = store_->read_tables(collection_)->query(question["sql"]);
      ASSERT_TRUE(rows) << asked << ": " << rows.error();
      EXPECT_TRUE(is_same(plain(rows->rows.at(0).at(0)), wanted))
          << asked << ": " << plain(rows->rows[0][0]) << ", not " << wanted;
      const auto answer = answer_from_tables(*store_, collection_, asked);
      ASSERT_TRUE(answer) << asked << ": " << answer.error();
      EXPECT_TRUE(is_same(answer->rows.at(0).at(0), wanted))
          << asked << ": " << answer->text << ", not " << wanted << ", read as " << answer->read_as;
    }
    EXPECT_GE(n_sql, 2);
    EXPECT_GE(n_text, 2);
  }

  test::TemporaryDirectory directory_;
  std::shared_ptr<const library::TextModel> model_;
  std::unique_ptr<store::Store> store_ = store::Store::open(directory_.path() / "data");
  store::CollectionId collection_ = 0;
  library::IngestOptions options_;
};

TEST_F(ReadyMappingsTest, Salesforce) {
  const auto set = import("salesforce");
  EXPECT_EQ(set.warnings, std::vector<std::string>{}) << set.error;
  EXPECT_EQ(row_counts(), "User 4, Account 28, Contact 29, Opportunity 35, Case 19");
  EXPECT_EQ(n_records(), 115);
  EXPECT_EQ(text_of("salesforce/Case/5005e0000000tiUAAQ"),
            "Case: Case 00001002: Wrong voltage on the name plate\n"
            "The customer is Pelldal Énergie SAS.\n"
            "It was reported by Uwe Eberle.\n"
            "Status: Closed.\n"
            "Priority: High.\n"
            "It came in by: Web.\n"
            "Opened: 2025-01-06T16:43:37.000Z.\n"
            "Closed: 2025-01-24T08:39:19.000Z.\n"
            "The name plate says \"230 V\", the unit needs 400 V. New plates were sent by "
            "express mail.");
  expect_questions_answered("salesforce");
}

TEST_F(ReadyMappingsTest, HubSpot) {
  const auto set = import("hubspot");
  EXPECT_EQ(set.warnings, std::vector<std::string>{}) << set.error;
  EXPECT_EQ(row_counts(), "Company 30, Contact 32, Deal 40, Ticket 20");
  EXPECT_EQ(n_records(), 122);
  EXPECT_EQ(text_of("hubspot/Deal/9120044893"),
            "Deal: Sensor retrofit Wyndhaven\n"
            "The customer is Wyndhaven Énergie SARL.\n"
            "It is worth 42600 EUR.\n"
            "Its stage is Contract sent, in the pipeline Sales Pipeline.\n"
            "Close date: 2025-02-07 08:03.\n"
            "Its owner is Greta Sandoval.\n"
            "Retrofit of 60 sensors. They compare us with a \"cheaper\" offer from abroad; our "
            "argument is the five-year warranty.");
  expect_questions_answered("hubspot");
}

TEST_F(ReadyMappingsTest, Sap) {
  const auto set = import("sap");
  EXPECT_EQ(set.warnings, std::vector<std::string>{}) << set.error;
  EXPECT_EQ(row_counts(),
            "Customer 28, SalesArea 31, SalesOrder 40, OrderItem 83, Invoice 30, "
            "InvoiceItem 65");
  EXPECT_EQ(n_records(), 99);
  EXPECT_EQ(text_of("sap/SalesOrder/0000004712"),
            "SalesOrder: Sales order 0000004712\n"
            "Customer: Brückwald Papier GmbH\n"
            "The customer is in Köln.\n"
            "Order date: 2023-05-19.\n"
            "Requested delivery date: 2023-06-24.\n"
            "The customer's reference is B-2918/23.\n"
            "Net value: 293.00 EUR.\n"
            "Entered by KOWALSKI.\n"
            "Order items:\n"
            "000010: 2.000 ST of Ventil 3/4\" Messing (material VM-34) for 18.50 EUR each, 37.00 "
            "EUR\n"
            "000020: 20.000 M of Schlauch 25 mm, ölfest (material SL-25) for 6.40 EUR each, "
            "128.00 EUR\n"
            "000030: 20.000 M of Schlauch 25 mm, ölfest (material SL-25) for 6.40 EUR each, "
            "128.00 EUR");
  expect_questions_answered("sap");
}

TEST_F(ReadyMappingsTest, Odoo) {
  const auto set = import("odoo");
  EXPECT_EQ(set.warnings, std::vector<std::string>{}) << set.error;
  EXPECT_EQ(row_counts(), "Partner 29, Opportunity 28, SalesOrder 30, OrderLine 50, Invoice 27");
  EXPECT_EQ(n_records(), 115);
  EXPECT_EQ(text_of("odoo/SalesOrder/__export__.sale_order_39_4737c264"),
            "SalesOrder: Sales order S00039\n"
            "Ordered by Amberwick Möbel GmbH, Hamburg.\n"
            "Order date: 2023-01-12 09:42:23.\n"
            "Its state is sale.\n"
            "The customer's reference is PO-272.\n"
            "Untaxed amount: 354.0 EUR; total: 421.26 EUR.\n"
            "Salesperson: Noor Vandermeer.\n"
            "Order lines:\n"
            "4.0 x Desk lamp Lumo for 59.0 EUR each, discount 0.0 %, 236.0 EUR: Desk lamp Lumo\n"
            "2.0 x Desk lamp Lumo for 59.0 EUR each, discount 0.0 %, 118.0 EUR: Desk lamp Lumo "
            "Mounted on site");
  expect_questions_answered("odoo");
}

TEST_F(ReadyMappingsTest, Dynamics) {
  const auto set = import("dynamics");
  EXPECT_EQ(set.warnings, std::vector<std::string>{}) << set.error;
  EXPECT_EQ(row_counts(),
            "Account 28, Contact 20, Opportunity 29, Case 20, SalesOrder 21, "
            "OrderLine 34");
  EXPECT_EQ(n_records(), 119);
  EXPECT_EQ(text_of("dynamics/SalesOrder/752e04f3-3252-40cd-b5a2-dc6e1f9526cc"),
            "SalesOrder: Order ORD-01001\n"
            "Ordered by Pellstead Energy LLC, Boston.\n"
            "Submitted: 2023-09-12.\n"
            "Its state is Invoiced.\n"
            "Its total amount is 1246.00 EUR.\n"
            "Order lines:\n"
            "1: 2 x Level switch for 89.00 EUR each, 178.00 EUR\n"
            "2: 12 x Level switch for 89.00 EUR each, 1068.00 EUR");
  expect_questions_answered("dynamics");
}

}  // namespace
}  // namespace widenet::answer
