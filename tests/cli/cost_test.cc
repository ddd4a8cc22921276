// widenet cost: published models beside any config.json.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "tests/cli/program.h"

namespace widenet::testing {
namespace {

const std::filesystem::path kNano = WN_SOURCE_DIR "/models/nano";

TEST(CostTest, TableHasThePublishedModelsAndTheOneThatIsNamed) {
  const ScratchDirectory directory;
  directory.write("my-model/config.json", read_file(kNano / "config.json"));  // and no weights
  const Outcome outcome = run_program(
      "widenet-engine", {"cost", "--length", "1048576", "--model", "my-model"}, directory.path());
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  for (const char* text : {"V3.2", "V4-Flash", "V4-Pro", "my-model", "Token 1,048,576",
                           "equivalent FP8 FLOPs", "compressor tails"}) {
    EXPECT_NE(outcome.out.find(text), std::string::npos) << text << ":\n" << outcome.out;
  }
}

TEST(CostTest, JsonAddsUp) {
  const ScratchDirectory directory;
  const Outcome outcome =
      run_program("widenet", {"cost", "--length", "4097", "--model", kNano.string(), "--json"},
                  directory.path());
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto json = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(json["length"], 4097);
  ASSERT_EQ(json["models"].size(), 4U);
  EXPECT_EQ(json["models"][3]["name"], "nano");
  for (const auto& model : json["models"]) {
    for (const char* what : {"decode_flops", "prefill_flops"}) {
      double sum = 0;
      for (const auto& part : model[what]["parts"]) sum += part["total"].get<double>();
      const double total = model[what]["total"]["total"];
      EXPECT_NEAR(sum / total, 1, 1e-12) << model["name"] << " " << what;
    }
  }
}

TEST(CostTest, PublishedModelsNeedNoFiles) {
  const ScratchDirectory directory;
  const Outcome outcome = run_program("widenet-engine", {"cost", "--json"}, directory.path());
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(nlohmann::json::parse(outcome.out)["length"], 1 << 20);
}

TEST(CostTest, WhatCannotBeReckonedIsNamed) {
  const ScratchDirectory directory;
  const Outcome missing =
      run_program("widenet-engine", {"cost", "--model", "nowhere"}, directory.path());
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_NE(missing.err.find("nowhere"), std::string::npos) << missing.err;
  for (const char* length : {"0", "-1", "x", "16777217"}) {
    const Outcome outcome =
        run_program("widenet-engine", {"cost", "--length", length}, directory.path());
    EXPECT_EQ(outcome.exit_code, 2) << length;
  }
}

}  // namespace
}  // namespace widenet::testing
