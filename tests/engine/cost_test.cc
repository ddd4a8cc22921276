// What a token costs, against numbers reckoned by hand and state that was really stored.
#include "engine/cost.h"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <type_traits>
#include <vector>

#include "engine/engine.h"
#include "engine/published_models.h"
#include "engine/session.h"
#include "tests/support/v4_checkpoint.h"

namespace widenet::engine {
namespace {

// dim 10, two heads of 8; one CSA layer, one HCA layer of ratio 8, one MTP block.
ModelConfig tiny() {
  ModelConfig config;
  config.dim = 10;
  config.n_layers = 2;
  config.n_mtp_layers = 1;
  config.vocab_size = 100;
  config.n_heads = 2;
  config.head_dim = 8;
  config.rope_dim = 4;
  config.q_lora_rank = 5;
  config.o_lora_rank = 3;
  config.o_groups = 2;
  config.window = 6;
  config.compress_ratios = {4, 8, 0};
  config.index_n_heads = 3;
  config.index_head_dim = 32;
  config.index_topk = 2;
  config.n_experts = 7;
  config.n_shared_experts = 1;
  config.n_experts_per_token = 2;
  config.ffn_dim = 11;
  config.hc_mult = 2;
  config.is_quantised = true;
  return config;
}

// As tiny() in its widths: one dense layer, one with experts, one MTP block.
LatentAttentionConfig tiny_latent() {
  return {.dim = 10,
          .n_layers = 2,
          .n_dense_layers = 1,
          .n_mtp_layers = 1,
          .vocab_size = 100,
          .n_heads = 2,
          .q_lora_rank = 5,
          .kv_lora_rank = 6,
          .nope_dim = 3,
          .rope_dim = 4,
          .value_dim = 2,
          .index_n_heads = 3,
          .index_head_dim = 8,
          .index_topk = 4,
          .n_experts = 7,
          .n_shared_experts = 1,
          .n_experts_per_token = 2,
          .ffn_dim = 11,
          .dense_ffn_dim = 13,
          .row_bytes = 20,
          .index_key_bytes = 9};
}

void expect_flops(const Flops& actual, const Flops& expected, const char* what) {
  EXPECT_EQ(actual.fp4, expected.fp4) << what;
  EXPECT_EQ(actual.fp8, expected.fp8) << what;
  EXPECT_EQ(actual.bf16, expected.bf16) << what;
}

void expect_sum(const CostByPart& whole, const CostByPart& a, const CostByPart& b) {
  for (size_t i = 0; i < kParts; ++i) {
    Flops sum = a.parts[i];
    sum += b.parts[i];
    expect_flops(whole.parts[i], sum, name_of(static_cast<Part>(i)));
  }
}

TEST(CostTest, EveryPartOfATokenIsWhatHandsReckon) {
  // Context 17: window 6 of 17, 4 entries of ratio 4 of which 2 are selected, 2 of ratio 8.
  const CostByPart cost = count_flops(tiny(), decode_range(17));
  const double layers = 2;
  const double two = 2;  // operations a multiply-add
  expect_flops(cost[Part::head], {.bf16 = two * 100 * 10}, "head");
  // A sub-layer mixes 2 streams by (2 + 2) * 2 = 8 numbers; the head by 2.
  expect_flops(cost[Part::hyper_connection], {.bf16 = two * (layers * 2 * 8 * 20 + 2 * 20)}, "mHC");
  // wq_a 5x10, wq_b 16x5, wkv 8x10, wo_b 10x6; wo_a 6 x 16/2.
  expect_flops(cost[Part::projections],
               {.fp8 = two * layers * (50 + 80 + 80 + 60), .bf16 = two * layers * 48},
               "projections");
  // Values and gates: 2 * 16 x 10 where windows overlap, 2 * 8 x 10 where not.
  expect_flops(cost[Part::compressors], {.bf16 = two * (320 + 160)}, "compressors");
  // wq_b 96x5; head weights 3x10 and the compressor's 2 * 64 x 10.
  expect_flops(cost[Part::indexer], {.fp8 = two * 480, .bf16 = two * (30 + 1280)}, "indexer");
  expect_flops(cost[Part::index_scores], {.fp4 = two * 4 * 96}, "scores");
  // Keys and values: 2 * 2 heads * 8 channels.
  expect_flops(cost[Part::window], {.bf16 = two * layers * 6 * 32}, "window");
  expect_flops(cost[Part::selected], {.bf16 = two * 2 * 32}, "selected");
  expect_flops(cost[Part::heavy], {.bf16 = two * 2 * 32}, "heavy");
  expect_flops(cost[Part::router], {.bf16 = two * layers * 70}, "router");
  expect_flops(cost[Part::routed_experts], {.fp8 = two * layers * 2 * 330}, "routed");
  expect_flops(cost[Part::shared_experts], {.fp8 = two * layers * 330}, "shared");
  expect_flops(cost[Part::dense_ffn], {}, "dense");
  // e_proj once and h_proj for 2 streams, 10x10; then a layer without entries, and the head.
  expect_flops(cost.mtp,
               {.fp8 = two * (300 + 270 + 3 * 330),
                .bf16 = two * (48 + 2 * 8 * 20 + 6 * 32 + 70 + 2 * 20 + 1000)},
               "MTP");
  EXPECT_EQ(cost.total().total(), cost.total().fp4 + cost.total().fp8 + cost.total().bf16);
}

TEST(CostTest, WithoutQuantisationLinearLayersAreBf16) {
  ModelConfig config = tiny();
  config.is_quantised = false;
  const Flops plain = count_flops(config, decode_range(17)).total();
  const Flops quantised = count_flops(tiny(), decode_range(17)).total();
  expect_flops(plain, {.fp4 = quantised.fp4, .bf16 = quantised.fp8 + quantised.bf16}, "total");
}

TEST(CostTest, LatentAttentionIsWhatHandsReckon) {
  // Context 17: all 17 positions are scored, 4 are selected.
  const CostByPart cost = count_flops(tiny_latent(), decode_range(17));
  const double layers = 2;
  const double two = 2;
  expect_flops(cost[Part::head], {.bf16 = two * 1000}, "head");
  // q 5x10 and 14x5, kv 10x10, o 10x4; the latent's up-projection 2 * (3 + 2) x 6.
  expect_flops(cost[Part::projections],
               {.fp8 = two * layers * (50 + 70 + 100 + 40), .bf16 = two * layers * 60},
               "projections");
  expect_flops(cost[Part::indexer],
               {.fp8 = two * layers * (24 * 5 + 8 * 10), .bf16 = two * layers * 30}, "indexer");
  expect_flops(cost[Part::index_scores], {.fp8 = two * layers * 17 * 24}, "scores");
  expect_flops(cost[Part::selected], {.bf16 = two * layers * 4 * 2 * (6 + 4 + 6)}, "selected");
  expect_flops(cost[Part::dense_ffn], {.fp8 = two * 3 * 130}, "dense");
  expect_flops(cost[Part::router], {.bf16 = two * 70}, "router");
  expect_flops(cost[Part::routed_experts], {.fp8 = two * 2 * 330}, "routed");
  expect_flops(cost[Part::shared_experts], {.fp8 = two * 330}, "shared");
  for (const Part part : {Part::hyper_connection, Part::compressors, Part::window, Part::heavy}) {
    expect_flops(cost[part], {}, name_of(part));
  }
  expect_flops(cost.mtp,
               {.fp8 = two * (200 + 260 + 200 + 17 * 24 + 3 * 330),
                .bf16 = two * (60 + 30 + 4 * 32 + 70 + 1000)},
               "MTP");

  EXPECT_EQ(count_kv_bytes(tiny_latent(), 17).total(), 17 * 2 * (20 + 9));
}

// Every length up to one past a few windows of every ratio.
TEST(CostTest, PromptIsTheSumOfItsTokensWithOneHead) {
  const auto check = [](const auto& config) {
    CostByPart sum = count_flops(config, decode_range(1));
    for (int64_t n = 2; n <= 40; ++n) {
      const CostByPart token = count_flops(config, decode_range(n));
      CostByPart without_head = count_flops(config, {.first = 0, .count = n});
      expect_sum(without_head, sum, [&] {
        CostByPart body = token;  // the prompt's earlier head is the one that is counted
        body[Part::head] = {};
        if constexpr (std::is_same_v<std::decay_t<decltype(config)>, ModelConfig>) {
          body[Part::hyper_connection].bf16 -=
              2.0 * static_cast<double>(config.hc_mult * config.hc_mult * config.dim);
        }
        return body;
      }());
      sum = without_head;
    }
  };
  check(tiny());
  check(tiny_latent());
}

TEST(CostTest, FlashIsWhatItsConfigSays) {
  const ModelConfig ours = v4_flash();
  const ModelConfig read = parse_model_config(test::flash_config_json(), "config.json");
  for (const int64_t n : {1, 4096, 1 << 20}) {
    expect_sum(count_flops(read, decode_range(n)), count_flops(ours, decode_range(n)), {});
    EXPECT_EQ(count_kv_bytes(read, KvLayouts(read, true), n).total(),
              count_kv_bytes(ours, KvLayouts(ours, true), n).total());
  }
  EXPECT_EQ(read.compress_ratios, ours.compress_ratios);
}

// The V4 specification, sections 6.2 and 6.3 (derived there on their own): active parameters, and
// operations at a context of 2^20, to the digits it gives.
TEST(CostTest, PublishedModelsAreWhatTheSpecificationReckons) {
  const auto linear = [](const CostByPart& cost) {
    double sum = 0;
    for (const Part part :
         {Part::head, Part::hyper_connection, Part::projections, Part::compressors, Part::indexer,
          Part::router, Part::routed_experts, Part::shared_experts}) {
      sum += cost[part].total();
    }
    return sum / 1e9;
  };
  const CostByPart flash = count_flops(v4_flash(), decode_range(1 << 20));
  const CostByPart pro = count_flops(v4_pro(), decode_range(1 << 20));
  const CostByPart v3 = count_flops(v32(), decode_range(1 << 20));
  EXPECT_NEAR(linear(flash), 26.54, 0.01);
  EXPECT_NEAR(linear(pro), 97.70, 0.01);
  EXPECT_NEAR(flash[Part::index_scores].total() / 1e9, 90.19, 0.01);
  EXPECT_NEAR(pro[Part::index_scores].total() / 1e9, 128.85, 0.01);
  EXPECT_NEAR(flash.total().total() / 1e9, 140.3, 0.1);
  EXPECT_NEAR(pro.total().total() / 1e9, 303.2, 0.1);
  EXPECT_NEAR(v3.total().total() / 1e9, 1157, 1);
}

// V4 report, section 1: single-token operations "measured in equivalent FP8 FLOPs", and KV cache,
// at a context of 1M, in whole percents of V3.2's.
TEST(CostTest, PublishedPercentagesOfV32AreReproduced) {
  constexpr int64_t kMillion = 1 << 20;
  const auto percent = [](double value, double of) { return std::lround(100 * value / of); };
  const double v3_flops = count_flops(v32(), decode_range(kMillion)).total().fp8_equivalent();
  const auto flops_percent = [&](const ModelConfig& config) {
    return percent(count_flops(config, decode_range(kMillion)).total().fp8_equivalent(), v3_flops);
  };
  const auto v3_bytes = static_cast<double>(count_kv_bytes(v32(), kMillion).total());
  const auto bytes_percent = [&](const ModelConfig& config) {
    const KvBytes bytes = count_kv_bytes(config, KvLayouts(config, true), kMillion);
    return percent(static_cast<double>(bytes.total()), v3_bytes);
  };
  EXPECT_EQ(flops_percent(v4_pro()), 27);
  EXPECT_EQ(bytes_percent(v4_pro()), 10);
  EXPECT_EQ(flops_percent(v4_flash()), 10);
  EXPECT_EQ(bytes_percent(v4_flash()), 7);
}

// The factors of the report's figure 1, to the digit printed there.  Those of operations need 1M to
// mean 10^6 and the output's grouped projection to be counted in FP8, in which it is stored, and
// not in BF16, in which the published code multiplies it.  Those of bytes count rings, entries and
// index keys, but no compressor tails, which hold neither keys nor values.
TEST(CostTest, PublishedFactorsAreReproduced) {
  constexpr int64_t kMillion = 1000000;
  const auto rounded = [](double value) { return std::round(10 * value) / 10; };
  const auto flops_factor = [&](const ModelConfig& config) {
    Flops flops = count_flops(config, decode_range(kMillion)).total();
    const auto grouped = 2.0 * static_cast<double>(config.n_layers * config.o_lora_rank *
                                                   config.n_heads * config.head_dim);
    flops.bf16 -= grouped;
    flops.fp8 += grouped;
    return rounded(count_flops(v32(), decode_range(kMillion)).total().fp8_equivalent() /
                   flops.fp8_equivalent());
  };
  const auto bytes_factor = [&](const ModelConfig& config) {
    const KvBytes bytes = count_kv_bytes(config, KvLayouts(config, true), kMillion);
    return rounded(static_cast<double>(count_kv_bytes(v32(), kMillion).total()) /
                   static_cast<double>(bytes.total() - bytes.tails));
  };
  EXPECT_EQ(flops_factor(v4_pro()), 3.7);
  EXPECT_EQ(bytes_factor(v4_pro()), 9.5);
  EXPECT_EQ(flops_factor(v4_flash()), 9.8);
  EXPECT_EQ(bytes_factor(v4_flash()), 13.7);
}

class StoredBytesTest : public testing::TestWithParam<Numerics> {};

INSTANTIATE_TEST_SUITE_P(Numerics,
                         StoredBytesTest,
                         testing::Values(Numerics::native, Numerics::exact),
                         [](const auto& tested) {
                           return tested.param == Numerics::native ? "native" : "exact";
                         });

TEST_P(StoredBytesTest, FormulaIsWhatASessionStores) {
  const auto engine =
      Engine::load({.model = WN_GOLDEN_CHECKPOINT, .numerics = GetParam(), .backend = ""});
  const KvLayouts layouts(engine->config(), GetParam() == Numerics::native);
  const auto session = engine->make_session();
  const auto& state = dynamic_cast<ModelSession&>(*session).state();
  std::vector<TokenId> tokens;
  for (const int64_t n : {1, 3, 4, 5, 7, 8, 9, 127, 128, 129, 131, 132, 255, 256, 257, 300}) {
    while (static_cast<int64_t>(tokens.size()) < n) {
      tokens.push_back(static_cast<TokenId>(tokens.size() * 7 % 500));
    }
    session->sync(tokens);
    const KvBytes stored = stored_bytes(state, layouts);
    const KvBytes counted = count_kv_bytes(engine->config(), layouts, n);
    EXPECT_EQ(stored.rings, counted.rings) << n << " tokens";
    EXPECT_EQ(stored.entries, counted.entries) << n << " tokens";
    EXPECT_EQ(stored.index_keys, counted.index_keys) << n << " tokens";
    EXPECT_EQ(stored.tails, counted.tails) << n << " tokens";
  }
  EXPECT_EQ(stored_bytes(make_kv_state(engine->config(), layouts), layouts).total(),
            count_kv_bytes(engine->config(), layouts, 0).total());
}

}  // namespace
}  // namespace widenet::engine
