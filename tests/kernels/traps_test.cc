// What porters of this architecture got wrong, one by one, on cases small enough to work by hand.
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include "kernels/backend.h"
#include "kernels/number_formats.h"

namespace widenet::kernels {
namespace {

class TrapsTest : public testing::TestWithParam<const Backend*> {
 protected:
  const Backend& ops() const { return *GetParam(); }
  Stream stream_;
};

INSTANTIATE_TEST_SUITE_P(Backends,
                         TrapsTest,
                         testing::ValuesIn(available_backends().begin(),
                                           available_backends().end()),
                         [](const auto& tested) { return std::string(tested.param->name); });

TEST_P(TrapsTest, RopePairsNeighboursNotHalves) {
  std::vector<float> x(64, 0.0f);
  x[0] = 1.0f;  // the real part of pair 0
  const float frequency = 1.0f;
  std::vector<float> frequencies(32, 0.0f);
  frequencies[0] = frequency;
  std::vector<float> table(64);
  fill_rope_table(stream_, {frequencies.data(), 32}, {2, 1}, {table.data(), 1, 32, 2});
  ops().rope(stream_, View<const float, 3>(table.data(), 1, 32, 2), {}, {x.data(), 1, 1, 64});
  EXPECT_FLOAT_EQ(x[0], std::cos(2.0f));
  EXPECT_FLOAT_EQ(x[1], std::sin(2.0f));
  EXPECT_EQ(x[32], 0.0f);
  ops().rope(stream_, View<const float, 3>(table.data(), 1, 32, 2),
             {.inverse = true, .round_output = false}, {x.data(), 1, 1, 64});
  EXPECT_NEAR(x[0], 1.0f, 1e-6f);
  EXPECT_NEAR(x[1], 0.0f, 1e-6f);
}

TEST_P(TrapsTest, RopeTurnsTheLastChannelsOnly) {
  std::vector<float> x(128, 1.0f);
  std::vector<float> frequencies(32, 1.0f);
  std::vector<float> table(64);
  fill_rope_table(stream_, {frequencies.data(), 32}, {1, 1}, {table.data(), 1, 32, 2});
  ops().rope(stream_, View<const float, 3>(table.data(), 1, 32, 2), {}, {x.data(), 1, 1, 128});
  EXPECT_EQ(x[63], 1.0f);
  EXPECT_NE(x[64], 1.0f);
}

TEST(RopeTest, YarnRampMatchesTheValuesOfFlash) {
  const std::vector<float> f = rope_frequencies({.base = 160000,
                                                 .rope_dim = 64,
                                                 .factor = 16,
                                                 .original_length = 65536,
                                                 .beta_fast = 32,
                                                 .beta_slow = 1});
  EXPECT_NEAR(f[1], 0.687656f, 1e-6f);
  EXPECT_NEAR(f[15], 3.635539e-3f, 1e-8f);  // the last that is not scaled
  EXPECT_NEAR(f[16], 2.265625e-3f, 1e-8f);
  EXPECT_NEAR(f[20], 2.969778e-4f, 1e-9f);
  EXPECT_NEAR(f[24], 1.953125e-5f, 1e-10f);
  EXPECT_NEAR(f[25], 5.372313e-6f, 1e-11f);  // the first that is divided by 16
  EXPECT_NEAR(f[31], 5.680529e-7f, 1e-12f);
  const std::vector<float> plain = rope_frequencies({});
  EXPECT_NEAR(plain[1], std::pow(10000.0f, -2.0f / 64.0f), 1e-7f);
}

TEST(RopeTest, AnglesAreFloat32ProductsAtAMillionTokens) {
  const float frequency = 0.687656f;
  std::vector<float> table(2);
  Stream stream;
  fill_rope_table(stream, {&frequency, 1}, {1048575, 1}, {table.data(), 1, 1, 2});
  const float angle = 1048575.0f * frequency;
  EXPECT_EQ(table[0], static_cast<float>(std::cos(static_cast<double>(angle))));
  EXPECT_EQ(table[1], static_cast<float>(std::sin(static_cast<double>(angle))));
}

TEST_P(TrapsTest, QueryHeadsAreNormedWithoutAWeight) {
  std::vector<float> x = {3.0f, -3.0f, 3.0f, -3.0f};
  ops().rms_norm(stream_, View<float, 2>(x.data(), 1, 4), nullptr, {},
                 View<float, 2>(x.data(), 1, 4));
  EXPECT_NEAR(x[0], 1.0f, 1e-6f);
  EXPECT_NEAR(x[1], -1.0f, 1e-6f);
}

// Half A of a window feeds the entry after it, half B its own.
TEST_P(TrapsTest, OverlappingCompressorPoolsHalfABeforeAndHalfBNow) {
  constexpr int64_t kWidth = 4;
  std::vector<float> values(8 * 2 * kWidth);
  std::vector<float> gates(values.size(), 0.0f);  // equal gates: plain means
  for (int64_t row = 0; row < 8; ++row) {
    for (int64_t i = 0; i < kWidth; ++i) {
      values[static_cast<size_t>(row * 2 * kWidth + i)] = static_cast<float>(100 + row);     // A
      values[static_cast<size_t>(row * 2 * kWidth + kWidth + i)] = static_cast<float>(row);  // B
    }
  }
  std::vector<float> out(2 * kWidth);
  const CompressorInputs in{View<const float, 2>(values.data(), 8, 2 * kWidth),
                            View<const float, 2>(gates.data(), 8, 2 * kWidth), 4, true, true};
  ops().compress(stream_, in, View<float, 2>(out.data(), 2, kWidth));
  EXPECT_NEAR(out[0], (0 + 1 + 2 + 3) / 4.0f, 1e-5f);  // nothing before the first window
  EXPECT_NEAR(out[kWidth], (100 + 101 + 102 + 103 + 4 + 5 + 6 + 7) / 8.0f, 1e-4f);
}

TEST_P(TrapsTest, CompressorWeighsEachChannelByItself) {
  std::vector<float> values = {1, 1, 2, 2};
  std::vector<float> gates = {100, 0, 0, 100};
  std::vector<float> out(2);
  const CompressorInputs in{View<const float, 2>(values.data(), 2, 2),
                            View<const float, 2>(gates.data(), 2, 2), 2, false, true};
  ops().compress(stream_, in, View<float, 2>(out.data(), 1, 2));
  EXPECT_NEAR(out[0], 1.0f, 1e-6f);
  EXPECT_NEAR(out[1], 2.0f, 1e-6f);
}

TEST_P(TrapsTest, HyperConnectionMixIsTransposedEndsOnColumnsAndDoublesPost) {
  constexpr int64_t kStreams = 4;
  std::vector<float> projected((2 + kStreams) * kStreams);
  for (size_t i = 0; i < projected.size(); ++i) {
    projected[i] = std::sin(static_cast<float>(i));
  }
  const std::vector<float> base(projected.size(), 0.0f);
  const std::vector<float> scale(3, 1.0f);
  std::vector<float> pre(4), post(4), comb(16);
  ops().hc_mixes(stream_, View<const float, 2>(projected.data(), 1, 24), base.data(), scale.data(),
                 {}, {{pre.data(), 1, 4}, {post.data(), 1, 4}, {comb.data(), 1, 4, 4}});
  EXPECT_NEAR(pre[1], 1.0f / (1.0f + std::exp(-std::sin(1.0f))) + 1e-6f, 1e-6f);
  EXPECT_NEAR(post[0], 2.0f / (1.0f + std::exp(-std::sin(4.0f))), 1e-6f);
  for (size_t k = 0; k < 4; ++k) {
    EXPECT_NEAR(comb[k] + comb[4 + k] + comb[8 + k] + comb[12 + k], 1.0f, 1e-5f);
  }

  std::vector<float> streams = {1, 0, 0, 0};  // only stream 0 holds something
  const std::vector<float> z = {0};
  ops().hc_expand(stream_, View<const float, 2>(z.data(), 1, 1),
                  View<const float, 2>(post.data(), 1, 4),
                  View<const float, 3>(comb.data(), 1, 4, 4), false, {streams.data(), 1, 4, 1});
  for (size_t k = 0; k < 4; ++k) EXPECT_EQ(streams[k], comb[k]) << "row 0 of comb, not column 0";
}

TEST_P(TrapsTest, SwigluClampsUpBothWaysAndGateFromAboveOnly) {
  const std::vector<float> gate = {20.0f, -20.0f, 1.0f, 1.0f};
  const std::vector<float> up = {1.0f, 1.0f, 20.0f, -20.0f};
  std::vector<float> out(4);
  ops().swiglu(stream_, View<const float, 2>(gate.data(), 1, 4),
               View<const float, 2>(up.data(), 1, 4),
               {.limit = 10.0f, .row_weights = nullptr, .round_output = false},
               View<float, 2>(out.data(), 1, 4));
  const auto silu = [](float x) { return x / (1.0f + std::exp(-x)); };
  EXPECT_NEAR(out[0], silu(10.0f), 1e-5f);
  EXPECT_NEAR(out[1], silu(-20.0f), 1e-12f);
  EXPECT_NEAR(out[2], silu(1.0f) * 10.0f, 1e-5f);
  EXPECT_NEAR(out[3], silu(1.0f) * -10.0f, 1e-5f);
}

TEST_P(TrapsTest, RouterBiasChoosesButDoesNotWeigh) {
  const std::vector<float> logits = {1.0f, 2.0f, 3.0f};
  const std::vector<float> bias = {100.0f, 0.0f, 0.0f};
  std::vector<int32_t> experts(2);
  std::vector<float> weights(2);
  ops().route(stream_, View<const float, 2>(logits.data(), 1, 3),
              {.bias = bias.data(), .chosen = nullptr, .normalise = true, .scale = 1.5f},
              {experts.data(), 1, 2}, {weights.data(), 1, 2});
  EXPECT_EQ(experts, (std::vector<int32_t>{0, 2}));
  const float s0 = std::sqrt(std::log1p(std::exp(1.0f)));
  const float s2 = std::sqrt(std::log1p(std::exp(3.0f)));
  EXPECT_NEAR(weights[0], 1.5f * s0 / (s0 + s2), 1e-6f);
  EXPECT_NEAR(weights[1], 1.5f * s2 / (s0 + s2), 1e-6f);
}

TEST_P(TrapsTest, RouterTakesGivenExpertsWithTheirOwnScores) {
  const std::vector<float> logits = {1.0f, 2.0f, 3.0f};
  const std::vector<int64_t> chosen = {1, 0};
  std::vector<int32_t> experts(2);
  std::vector<float> weights(2);
  ops().route(stream_, View<const float, 2>(logits.data(), 1, 3),
              {.bias = nullptr, .chosen = chosen.data(), .normalise = true, .scale = 1.0f},
              {experts.data(), 1, 2}, {weights.data(), 1, 2});
  EXPECT_EQ(experts, (std::vector<int32_t>{1, 0}));
  EXPECT_NEAR(weights[0] + weights[1], 1.0f, 1e-6f);
  EXPECT_GT(weights[0], weights[1]);
}

// Five keys score 0, 3, 0, 0, 6: of three, two are chosen by score and one by its place.
TEST_P(TrapsTest, SelectionBreaksTiesToTheLowerEntryAndAscends) {
  const IndexLayout layout{.dim = 32, .packed = true};
  std::vector<float> rows(6 * 32, 0.0f);  // the query, then the keys
  rows[0] = 1.0f;
  rows[2 * 32] = 3.0f;
  rows[5 * 32] = 6.0f;
  std::vector<uint8_t> packed(static_cast<size_t>(6 * layout.row_bytes()));
  pack_index_rows_reference(stream_, View<const float, 2>(rows.data(), 6, 32), layout,
                            packed.data());
  const float head_weight = 1.0f;
  const int32_t n_visible = 5;
  std::vector<int32_t> selected(3);
  int32_t n_selected = 0;
  const uint8_t* const keys = packed.data() + layout.row_bytes();
  ops().index_select(stream_,
                     {packed.data(), {&head_weight, 1, 1}, {.pages = &keys}, &n_visible, layout},
                     {selected.data(), 1, 3}, &n_selected);
  EXPECT_EQ(n_selected, 3);
  EXPECT_EQ(selected, (std::vector<int32_t>{0, 1, 4}));
}

// One window row and a sink: the sink takes its share of the denominator, unscaled, and no value.
TEST_P(TrapsTest, SinkIsInTheDenominatorOnly) {
  constexpr int64_t kDim = 32;
  std::vector<float> q(kDim, 0.0f);
  std::vector<float> row(kDim, 0.0f);
  q[0] = 2.0f;
  row[0] = 3.0f;
  const float sink = 1.0f;
  AttentionInputs in;
  in.q = {q.data(), 1, 1, kDim};
  in.window = {row.data(), 1, kDim};
  in.sinks = &sink;
  in.scale = 0.5f;
  std::vector<float> out(kDim);
  ops().attention(stream_, in, {out.data(), 1, 1, kDim});
  EXPECT_NEAR(out[0], 3.0f * std::exp(3.0f) / (std::exp(3.0f) + std::exp(1.0f)), 1e-5f);
}

// Queries and keys both go through the Hadamard transform, which leaves dot products alone.
TEST_P(TrapsTest, HadamardIsOrthogonal) {
  std::vector<float> x(2 * 128);
  for (size_t i = 0; i < x.size(); ++i) x[i] = round_to_bf16(std::sin(static_cast<float>(i)));
  double before = 0.0;
  for (size_t i = 0; i < 128; ++i)
    before += static_cast<double>(x[i]) * static_cast<double>(x[128 + i]);
  ops().hadamard(stream_, View<float, 2>(x.data(), 2, 128));
  double after = 0.0;
  for (size_t i = 0; i < 128; ++i)
    after += static_cast<double>(x[i]) * static_cast<double>(x[128 + i]);
  EXPECT_NEAR(before, after, 0.2);
}

// ReLU for each head before the weighted sum; weights may be negative.  The keys score -3, -2 and
// 0. Were heads not clipped, they would score -3, -6 and 0; were the sum clipped, all alike.
TEST_P(TrapsTest, IndexScoresClipEachHeadBeforeTheyAreSummed) {
  const IndexLayout layout{.dim = 32, .packed = true};
  std::vector<float> rows(5 * 32, 0.0f);
  rows[0] = rows[1] = 1.0f;  // head 0, of weight -0.5
  rows[32] = -1.0f;          // head 1, of weight 1
  rows[2 * 32 + 1] = 6.0f;   // dots 6 and 0
  rows[3 * 32] = 4.0f;       // 4 and -4
  std::vector<uint8_t> packed(static_cast<size_t>(5 * layout.row_bytes()));
  pack_index_rows_reference(stream_, View<const float, 2>(rows.data(), 5, 32), layout,
                            packed.data());
  const std::vector<float> head_weights = {-0.5f, 1.0f};
  const int32_t n_visible = 3;
  std::vector<int32_t> selected(2);
  int32_t n_selected = 0;
  const uint8_t* const keys = packed.data() + 2 * layout.row_bytes();
  ops().index_select(
      stream_, {packed.data(), {head_weights.data(), 1, 2}, {.pages = &keys}, &n_visible, layout},
      {selected.data(), 1, 2}, &n_selected);
  EXPECT_EQ(selected, (std::vector<int32_t>{1, 2}));
}

TEST_P(TrapsTest, Fp4WeightsHoldTheLowNibbleFirst) {
  const std::vector<uint8_t> codes(16, 0x21);  // 0.5, 1, 0.5, 1, ...
  const uint8_t scale = 128;                   // 2
  Weight w;
  w.format = WeightFormat::fp4;
  w.data = codes.data();
  w.scales_e8m0 = &scale;
  w.n_rows = 1;
  w.n_cols = 32;
  std::vector<float> x(32, 0.0f);
  x[0] = 1.0f;
  float out = 0.0f;
  ops().linear(stream_, View<const float, 2>(x.data(), 1, 32), w,
               {.bf16_inputs = true, .round_output = false}, View<float, 2>(&out, 1, 1));
  EXPECT_EQ(out, 1.0f);
}

}  // namespace
}  // namespace widenet::kernels
