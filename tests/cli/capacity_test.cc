// `widenet-engine bench capacity` counts what hands reckon.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/cli/program.h"

namespace widenet::testing {
namespace {

// A file's header, and what is left of its last disk block.
constexpr double kFileOverhead = 2 * 4096;
// The same for each token, where a file has at least a block of them.
constexpr double kTokenOverhead = kFileOverhead / 128;

nlohmann::json find(const nlohmann::json& models, const std::string& model, const char* retention) {
  for (const auto& one : models) {
    if (one.at("model") != model) continue;
    for (const auto& result : one.at("retentions")) {
      if (result.at("retention") == retention) return result;
    }
  }
  ADD_FAILURE() << "no " << retention << " of " << model;
  return {};
}

TEST(CapacityTest, StoredBytesAreWhatHandsReckon) {
  const ScratchDirectory directory;
  const Outcome outcome = run_program(
      "widenet-engine",
      {"bench", "capacity", "--prefix", "1024", "--turns", "1", "--prompt", "200", "--answer",
       "184", "--budget", "1G", "--directory", directory.path().string(), "--json"},
      directory.path());
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto models = nlohmann::json::parse(outcome.out).at("models");

  // V4-Flash: 43 layers, 21 of them CSA (an entry of 584 bytes and an index key of 68 for 4 tokens)
  // and 20 HCA (an entry for 128); an MTP block; 129,280 logits; 4 streams of 4,096.
  constexpr double kBlockRows = 21 * 32 * (584 + 68) + 20 * 584;
  constexpr double kRings = (43 + 1) * 128 * 584;
  constexpr double kLengths = 43 * 4 * 8 + 3 * 8;
  constexpr double kOverlap = 21 * 4 * 2 * 4 * (2 * 512 + 2 * 128);  // the window before: 4 tokens
  constexpr double kAligned = kRings + kOverlap + kLengths;
  constexpr double kNext = 4 * (129280 + 4 * 4096);

  const auto blocks = find(models, "V4-Flash", "every 128 tokens");
  EXPECT_NEAR(blocks.at("prefix_bytes"), 8 * (kBlockRows + kAligned), 8 * kFileOverhead);
  EXPECT_NEAR(blocks.at("conversation_bytes"), 3 * (kBlockRows + kAligned), 3 * kFileOverhead);
  EXPECT_EQ(blocks.at("recomputed_anywhere_mean"), 63.5);
  EXPECT_EQ(blocks.at("recomputed_anywhere_max"), 127);

  // The prompt ends at 1,224, 72 tokens into a block: 18 CSA rows, and what HCA's compressors got.
  constexpr double kUnaligned = 21 * 18 * (584 + 68) + 20 * 72 * 2 * 4 * 512;
  const auto ends = find(models, "V4-Flash", "ends of prompts and answers");
  EXPECT_NEAR(ends.at("conversation_bytes"), 3 * kBlockRows + 2 * (kAligned + kNext) + kUnaligned,
              2 * kFileOverhead);
  EXPECT_EQ(ends.at("recomputed_at_beginning"), 1024);
  EXPECT_EQ(find(models, "V4-Flash", "this engine").at("recomputed_at_beginning"), 0);

  const auto positions = find(models, "V4-Flash", "every token");
  EXPECT_NEAR(positions.at("bytes_per_token"), kBlockRows / 128 + 44 * 584, kTokenOverhead);
  const auto inputs = find(models, "V4-Flash", "every token, with compressor inputs");
  EXPECT_NEAR(inputs.at("bytes_per_token"),
              kBlockRows / 128 + 44 * 584 + kOverlap / 4 + 20 * 2 * 4 * 512, kTokenOverhead);
  const auto tokens = static_cast<int64_t>(positions.at("tokens"));
  EXPECT_NEAR(static_cast<double>(tokens), 1e9 * 1.073741824 / (kBlockRows / 128 + 44 * 584), 484);

  // V4-Pro: 30 CSA, 31 HCA, and the MTP block.
  EXPECT_NEAR(find(models, "V4-Pro", "every token").at("bytes_per_token"),
              30 * 163 + 31 * 584.0 / 128 + 62 * 584, kTokenOverhead);
}

}  // namespace
}  // namespace widenet::testing
