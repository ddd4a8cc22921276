// Every backend against the reference, at the sizes where vector code goes wrong.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "kernels/backend.h"
#include "kernels/number_formats.h"
#include "kernels/thread_pool.h"

namespace widenet::kernels {
namespace {

const Backend& reference() {
  return *available_backends().front();
}

// The same rows twice: together in memory, and in pages of 2^log2_rows that lie apart.
class TestRows {
 public:
  TestRows(std::vector<uint8_t> rows, int64_t row_bytes, int log2_rows)
      : rows_(std::move(rows)), together_(rows_.data()), log2_rows_(log2_rows) {
    const size_t page_bytes = static_cast<size_t>(row_bytes) << log2_rows;
    for (size_t first = 0; first < rows_.size(); first += page_bytes) {
      std::vector<uint8_t> page(kOffset, 0xee);
      page.insert(
          page.end(), rows_.begin() + static_cast<std::ptrdiff_t>(first),
          rows_.begin() + static_cast<std::ptrdiff_t>(std::min(first + page_bytes, rows_.size())));
      pages_.push_back(std::move(page));
    }
    for (const auto& page : pages_) pointers_.push_back(page.data());
  }
  TestRows(const TestRows&) = delete;
  TestRows& operator=(const TestRows&) = delete;

  PagedRows together() const { return {.pages = &together_}; }
  PagedRows in_pages() const { return {pointers_.data(), kOffset, log2_rows_}; }

 private:
  static constexpr size_t kOffset = 24;

  std::vector<uint8_t> rows_;
  const uint8_t* together_;
  int log2_rows_;
  std::vector<std::vector<uint8_t>> pages_;
  std::vector<const uint8_t*> pointers_;
};

class BackendsTest : public testing::TestWithParam<const Backend*> {
 protected:
  const Backend& ops() const { return *GetParam(); }

  std::vector<float> random(int64_t n, bool bf16 = false) {
    std::vector<float> values(static_cast<size_t>(n));
    for (float& value : values) {
      value = normal_(rng_);
      if (bf16) value = round_to_bf16(value);
    }
    return values;
  }

  std::vector<uint8_t> random_bytes(int64_t n, int low, int high) {
    std::uniform_int_distribution<int> byte(low, high);
    std::vector<uint8_t> bytes(static_cast<size_t>(n));
    for (uint8_t& b : bytes) b = static_cast<uint8_t>(byte(rng_));
    return bytes;
  }

  // Rows for the indexer, packed.  Kinds: 0 noise; 1 blocks of very different size, so that no
  // scale does for a row; 2 a few values, so that many scores are equal; 3 rows of zeros among
  // others; 4 dot products that are all alike but for a few per cent, which rounding reorders.
  std::vector<uint8_t> index_rows(int64_t n_rows, IndexLayout layout, int kind) {
    std::vector<float> x = random(n_rows * layout.dim);
    for (size_t i = 0; i < x.size(); ++i) {
      const size_t row = i / static_cast<size_t>(layout.dim);
      if (kind == 1) x[i] *= std::exp2(static_cast<float>((i / 32 + row) % 7) * 3.0f - 9.0f);
      if (kind == 2) x[i] = row % 3 == 0 ? 1.0f : static_cast<float>(i % 2);
      if (kind == 3 && row % 2 == 0) x[i] = 0.0f;
      if (kind == 4) x[i] = std::abs(x[i]);
    }
    std::vector<uint8_t> rows(static_cast<size_t>(n_rows * layout.row_bytes()));
    pack_index_rows_reference(stream_, View<const float, 2>(x.data(), n_rows, layout.dim), layout,
                              rows.data());
    return rows;
  }

  std::mt19937 rng_{20261125};
  std::normal_distribution<float> normal_;
  Stream stream_;
};

INSTANTIATE_TEST_SUITE_P(Faster,
                         BackendsTest,
                         testing::ValuesIn(available_backends().begin() + 1,
                                           available_backends().end()),
                         [](const auto& tested) { return std::string(tested.param->name); });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(BackendsTest);  // on a machine with neither

void expect_near(const std::vector<float>& actual,
                 const std::vector<float>& expected,
                 float bound) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i) ASSERT_NEAR(actual[i], expected[i], bound) << i;
}

TEST_P(BackendsTest, LinearAgreesInEveryFormatAndSize) {
  for (const int64_t n_cols : {1, 31, 32, 33, 96, 128, 200, 384}) {
    for (const int64_t n_rows : {1, 3, 8, 13, 130}) {
      for (const char* format : {"f32", "bf16", "fp8", "fp8f", "fp4"}) {
        SCOPED_TRACE(testing::Message() << format << " " << n_rows << " x " << n_cols);
        const std::string name = format;
        if (name == "fp4" && n_cols % 32 != 0) continue;
        std::vector<uint8_t> bytes;
        std::vector<float> floats;
        std::vector<uint16_t> words;
        const std::vector<uint8_t> e8m0 = random_bytes(n_rows * 400, 120, 130);
        const std::vector<float> scales = random(n_rows * 400);
        Weight w;
        w.n_rows = n_rows;
        w.n_cols = n_cols;
        if (name == "f32") {
          floats = random(n_rows * n_cols);
          w.data = floats.data();
        } else if (name == "bf16") {
          for (const float f : random(n_rows * n_cols)) words.push_back(float_to_bf16(f));
          w.format = WeightFormat::bf16;
          w.data = words.data();
        } else {
          bytes = random_bytes(n_rows * n_cols, 0, name == "fp4" ? 255 : 0x7e);
          w.format = name == "fp4" ? WeightFormat::fp4 : WeightFormat::fp8;
          w.data = bytes.data();
          if (name == "fp8f") {
            w.scales_f32 = scales.data();
          } else {
            w.scales_e8m0 = e8m0.data();
          }
        }
        for (const int64_t n_tokens : {1, 2, 5, 9}) {
          const std::vector<float> x = random(n_tokens * n_cols, true);
          std::vector<float> expected(static_cast<size_t>(n_tokens * n_rows));
          std::vector<float> actual(expected.size());
          const View<const float, 2> in(x.data(), n_tokens, n_cols);
          reference().linear(stream_, in, w, {}, View<float, 2>(expected.data(), n_tokens, n_rows));
          ops().linear(stream_, in, w, {.bf16_inputs = true, .round_output = false},
                       View<float, 2>(actual.data(), n_tokens, n_rows));
          float largest = 1.0f;
          for (const float e : expected) largest = std::max(largest, std::fabs(e));
          expect_near(actual, expected, 2e-5f * largest * std::sqrt(static_cast<float>(n_cols)));
        }
      }
    }
  }
}

TEST_P(BackendsTest, LinearRowsDoNotDependOnTheirNeighbours) {
  const std::vector<float> floats = random(40 * 100);
  Weight w;
  w.data = floats.data();
  w.n_rows = 40;
  w.n_cols = 100;
  const std::vector<float> x = random(300 * 100);
  std::vector<float> together(300 * 40);
  ops().linear(stream_, View<const float, 2>(x.data(), 300, 100), w, {},
               View<float, 2>(together.data(), 300, 40));
  for (int64_t t = 0; t < 300; t += 7) {
    for (int64_t r = 0; r < 40; r += 3) {
      float alone = 0.0f;
      ops().linear(stream_, View<const float, 2>(x.data() + t * 100, 1, 100), w.rows(r, 1), {},
                   View<float, 2>(&alone, 1, 1));
      ASSERT_EQ(alone, together[static_cast<size_t>(t * 40 + r)]) << t << " " << r;
    }
  }
}

// Few tokens may be multiplied in another way, with every code, any moderate scale and rows from
// the middle of a block: bit for bit they get what each gets among many.
TEST_P(BackendsTest, LinearGivesFewTokensWhatItGivesMany) {
  constexpr int64_t kRows = 150;
  constexpr int64_t kTokens = 9;
  for (const WeightFormat format : {WeightFormat::bf16, WeightFormat::fp8, WeightFormat::fp4}) {
    for (const int64_t n_cols : {64, 128, 160, 384, 640}) {
      std::vector<uint8_t> codes = random_bytes(kRows * n_cols, 0, 255);
      for (uint8_t& code : codes) {
        if (format == WeightFormat::fp8 && (code & 0x7f) == 0x7f) code = 0;  // no NaNs
      }
      std::vector<uint16_t> words;
      for (const float f : random(kRows * n_cols)) words.push_back(float_to_bf16(f));
      const std::vector<uint8_t> scales = random_bytes(kRows * n_cols / 32, 90, 160);
      Weight w;
      w.format = format;
      w.data = format == WeightFormat::bf16 ? static_cast<const void*>(words.data()) : codes.data();
      w.scales_e8m0 = scales.data();
      w.n_rows = kRows;
      w.n_cols = n_cols;
      w = w.rows(13, kRows - 20);
      const std::vector<float> x = random(kTokens * n_cols, true);
      std::vector<float> together(static_cast<size_t>(kTokens * w.n_rows));
      const LinearOptions options{.bf16_inputs = true, .round_output = false};
      ops().linear(stream_, View<const float, 2>(x.data(), kTokens, n_cols), w, options,
                   View<float, 2>(together.data(), kTokens, w.n_rows));
      for (int64_t n = 1; n <= 5; ++n) {
        std::vector<float> few(static_cast<size_t>(n * w.n_rows));
        ops().linear(stream_, View<const float, 2>(x.data(), n, n_cols), w, options,
                     View<float, 2>(few.data(), n, w.n_rows));
        ASSERT_TRUE(std::equal(few.begin(), few.end(), together.begin()))
            << "format " << static_cast<int>(format) << ", " << n << " x " << n_cols;
      }
    }
  }
}

TEST_P(BackendsTest, RoundingAndRotationAreBitIdentical) {
  for (const int64_t dim : {1, 15, 64, 100, 128, 384}) {
    std::vector<float> x = random(3 * dim);
    x[0] = 1e-7f;  // far below the scale's floor
    std::vector<float> expected(x.size());
    std::vector<float> actual(x.size());
    const View<const float, 2> in(x.data(), 3, dim);
    reference().quantise_activations(stream_, in, View<float, 2>(expected.data(), 3, dim));
    ops().quantise_activations(stream_, in, View<float, 2>(actual.data(), 3, dim));
    EXPECT_EQ(actual, expected) << "activations, dim " << dim;
  }
  std::vector<float> frequencies = rope_frequencies({});
  std::vector<float> table(5 * 64);
  fill_rope_table(stream_, {frequencies.data(), 32}, {1000, 1}, {table.data(), 5, 32, 2});
  for (const bool inverse : {false, true}) {
    std::vector<float> expected = random(5 * 3 * 96);
    std::vector<float> actual = expected;
    const RopeOptions options{.inverse = inverse, .round_output = true};
    const View<const float, 3> angles(table.data(), 5, 32, 2);
    reference().rope(stream_, angles, options, {expected.data(), 5, 3, 96});
    ops().rope(stream_, angles, options, {actual.data(), 5, 3, 96});
    EXPECT_EQ(actual, expected) << "rope";
  }
  for (const int64_t dim : {4, 32, 128}) {
    std::vector<float> expected = random(3 * dim, true);
    std::vector<float> actual = expected;
    reference().hadamard(stream_, View<float, 2>(expected.data(), 3, dim));
    ops().hadamard(stream_, View<float, 2>(actual.data(), 3, dim));
    EXPECT_EQ(actual, expected) << "hadamard, dim " << dim;
  }
}

TEST_P(BackendsTest, RowsUnpackBitIdentically) {
  for (const KvLayout layout :
       {KvLayout{128, 64, true}, KvLayout{96, 32, true}, KvLayout{512, 64, true},
        KvLayout{100, 64, true}, KvLayout{64, 16, false}}) {
    const std::vector<float> x = random(5 * layout.head_dim);
    std::vector<uint8_t> rows(static_cast<size_t>(5 * layout.row_bytes()));
    const View<const float, 2> in(x.data(), 5, layout.head_dim);
    ops().pack_kv_rows(stream_, in, layout, rows.data());
    std::vector<float> expected(x.size());
    std::vector<float> actual(x.size());
    reference().unpack_kv_rows(stream_, rows.data(), layout,
                               View<float, 2>(expected.data(), 5, layout.head_dim));
    ops().unpack_kv_rows(stream_, rows.data(), layout,
                         View<float, 2>(actual.data(), 5, layout.head_dim));
    EXPECT_EQ(actual, expected) << layout.head_dim;
    std::vector<uint8_t> again(rows.size());
    ops().pack_kv_rows(stream_, View<const float, 2>(actual.data(), 5, layout.head_dim), layout,
                       again.data());
    std::vector<float> twice(x.size());
    ops().unpack_kv_rows(stream_, again.data(), layout,
                         View<float, 2>(twice.data(), 5, layout.head_dim));
    EXPECT_EQ(twice, actual) << "packing what was packed changes nothing";
  }
  EXPECT_EQ((KvLayout{512, 64, true}).row_bytes(), 584);
  EXPECT_EQ((IndexLayout{128, true}).row_bytes(), 68);
}

// Numbers at which rounding goes wrong: ties of both formats, the ends of their ranges, both zeros.
std::vector<float> awkward_numbers(std::mt19937& rng, int64_t n) {
  std::uniform_int_distribution<int> eighths(-60, 60);
  std::uniform_int_distribution<int> exponent(-30, 12);
  std::uniform_int_distribution<int> kind(0, 9);
  std::vector<float> values(static_cast<size_t>(n));
  for (float& value : values) {
    value = std::ldexp(static_cast<float>(eighths(rng)) / 8.0f, exponent(rng) / 4);
    const int which = kind(rng);
    if (which == 0) value = 0.0f;
    if (which == 1) value = -0.0f;
    if (which == 2) value = std::ldexp(value, exponent(rng));
    if (which == 3) value = std::nextafter(value, 0.0f);
    if (which == 4) value = 1e-42f;
  }
  return values;
}

TEST_P(BackendsTest, RowsPackBitIdentically) {
  constexpr int64_t kRows = 40;
  for (const int round : {0, 1}) {
    const auto numbers = [&](int64_t n) {
      return round == 0 ? random(n) : awkward_numbers(rng_, n);
    };
    for (const KvLayout layout :
         {KvLayout{128, 64, true}, KvLayout{96, 32, true}, KvLayout{512, 64, true},
          KvLayout{100, 64, true}, KvLayout{70, 6, true}, KvLayout{64, 16, false}}) {
      const std::vector<float> x = numbers(kRows * layout.head_dim);
      const View<const float, 2> in(x.data(), kRows, layout.head_dim);
      std::vector<uint8_t> expected(static_cast<size_t>(kRows * layout.row_bytes()), 0xaa);
      std::vector<uint8_t> actual(expected.size(), 0x55);
      reference().pack_kv_rows(stream_, in, layout, expected.data());
      ops().pack_kv_rows(stream_, in, layout, actual.data());
      ASSERT_EQ(actual, expected) << layout.head_dim << ", round " << round;
    }
    for (const IndexLayout layout :
         {IndexLayout{32, true}, IndexLayout{128, true}, IndexLayout{64, false}}) {
      const std::vector<float> x = numbers(kRows * layout.dim);
      const View<const float, 2> in(x.data(), kRows, layout.dim);
      std::vector<uint8_t> expected(static_cast<size_t>(kRows * layout.row_bytes()), 0xaa);
      std::vector<uint8_t> actual(expected.size(), 0x55);
      reference().pack_index_rows(stream_, in, layout, expected.data());
      ops().pack_index_rows(stream_, in, layout, actual.data());
      ASSERT_EQ(actual, expected) << layout.dim << ", round " << round;
    }
  }
}

TEST_P(BackendsTest, RoutesAgree) {
  constexpr int64_t kTokens = 50;
  for (const int64_t n_experts : {6, 8, 17, 256}) {
    for (const int64_t k : {1, 2, 6}) {
      std::vector<float> logits = random(kTokens * n_experts);
      for (size_t i = 0; i < logits.size(); i += 7) logits[i] *= 30.0f;
      const std::vector<float> bias = random(n_experts);
      std::vector<int64_t> given(static_cast<size_t>(kTokens * k));
      for (int64_t& expert : given) expert = static_cast<int64_t>(rng_() % n_experts);
      const View<const float, 2> in(logits.data(), kTokens, n_experts);
      for (const bool chooses : {true, false}) {
        const RouterOptions options{.bias = bias.data(),
                                    .chosen = chooses ? nullptr : given.data(),
                                    .normalise = k > 1,
                                    .scale = 1.5f};
        std::vector<int32_t> expected(given.size());
        std::vector<int32_t> actual(given.size());
        std::vector<float> expected_weights(given.size());
        std::vector<float> actual_weights(given.size());
        reference().route(stream_, in, options, {expected.data(), kTokens, k},
                          {expected_weights.data(), kTokens, k});
        ops().route(stream_, in, options, {actual.data(), kTokens, k},
                    {actual_weights.data(), kTokens, k});
        ASSERT_EQ(actual, expected) << n_experts << ", " << k;
        for (size_t i = 0; i < actual.size(); ++i) {
          ASSERT_NEAR(actual_weights[i], expected_weights[i],
                      2e-6f * std::abs(expected_weights[i]) + 1e-30f);
        }
      }
    }
  }
}

TEST_P(BackendsTest, IndexSelectsWhatTheReferenceDoes) {
  ThreadPool pool(3);
  Stream threads{.pool = &pool};
  for (const int kind : {0, 1, 2, 3, 4}) {
    for (const int64_t dim : {32, 128, 256}) {
      if (kind > 0 && dim != 128) continue;
      const IndexLayout layout{.dim = dim, .packed = true};
      for (const int64_t n_heads : {1, 3, 6}) {
        for (const int64_t n_keys : {1, 17, 129, 700, 6500}) {
          const int64_t n_tokens = n_keys > 1000 ? 3 : 70;
          const std::vector<uint8_t> queries = index_rows(n_tokens * n_heads, layout, kind);
          const TestRows keys(index_rows(n_keys, layout, kind), layout.row_bytes(), 5);
          // All positive, all negative, mixed.
          std::vector<float> weights = random(n_tokens * n_heads, true);
          for (int64_t i = 0; i < n_tokens * n_heads; ++i) {
            float& weight = weights[static_cast<size_t>(i)];
            if (i / n_heads % 3 < 2)
              weight = std::copysign(weight, i / n_heads % 3 == 0 ? 1.0f : -1.0f);
          }
          std::vector<int32_t> n_visible;
          for (int64_t t = 0; t < n_tokens; ++t) {
            n_visible.push_back(static_cast<int32_t>(n_keys - n_keys * (n_tokens - 1 - t) / 90));
          }
          const IndexInputs in{queries.data(),
                               {weights.data(), n_tokens, n_heads},
                               keys.together(),
                               n_visible.data(),
                               layout};
          IndexInputs in_pages = in;
          in_pages.keys = keys.in_pages();
          for (const int64_t k : {1, 5, 128}) {
            std::vector<int32_t> expected(static_cast<size_t>(n_tokens * k), -1);
            std::vector<int32_t> actual = expected;
            std::vector<int32_t> n_expected(static_cast<size_t>(n_tokens));
            std::vector<int32_t> n_actual = n_expected;
            index_select_reference(threads, in, {expected.data(), n_tokens, k}, n_expected.data());
            for (Stream* stream : {&stream_, &threads}) {
              std::fill(actual.begin(), actual.end(), -1);
              ops().index_select(*stream, in_pages, {actual.data(), n_tokens, k}, n_actual.data());
              ASSERT_EQ(n_actual, n_expected);
              ASSERT_EQ(actual, expected) << "kind " << kind << ", dim " << dim << ", " << n_heads
                                          << " heads, " << n_keys << " keys, k " << k;
            }
          }
        }
      }
    }
  }
}

TEST_P(BackendsTest, NormsAndMixesAgree) {
  for (const int64_t dim : {1, 17, 384}) {
    const std::vector<float> x = random(3 * dim);
    const std::vector<float> weight = random(dim);
    std::vector<float> expected(x.size());
    std::vector<float> actual(x.size());
    const View<const float, 2> in(x.data(), 3, dim);
    reference().rms_norm(stream_, in, weight.data(), {}, View<float, 2>(expected.data(), 3, dim));
    ops().rms_norm(stream_, in, weight.data(), {}, View<float, 2>(actual.data(), 3, dim));
    expect_near(actual, expected, 1e-5f);
  }
  for (const int64_t n : {1, 2, 4, 9}) {
    const int64_t n_mix = (2 + n) * n;
    constexpr int64_t kTokens = 21;
    const std::vector<float> projected = random(kTokens * n_mix);
    const std::vector<float> base = random(n_mix);
    const std::vector<float> scale = {1.0f, 0.5f, 2.0f};
    std::vector<float> out[2];
    for (int i = 0; i < 2; ++i) {
      out[i].resize(static_cast<size_t>(kTokens * n_mix));
      float* p = out[i].data();
      const HcMix mix{
          {p, kTokens, n}, {p + kTokens * n, kTokens, n}, {p + 2 * kTokens * n, kTokens, n, n}};
      (i == 0 ? reference() : ops())
          .hc_mixes(stream_, View<const float, 2>(projected.data(), kTokens, n_mix), base.data(),
                    scale.data(), {.n_streams = n, .sinkhorn_iters = 20, .eps = 1e-6f}, mix);
    }
    expect_near(out[1], out[0], 2e-6f);

    const std::vector<float> pre = random(kTokens * n);
    const std::vector<float> comb = random(kTokens * n * n);
    const std::vector<float> z = random(kTokens * 50);
    std::vector<float> streams[2] = {random(kTokens * n * 50), {}};
    streams[1] = streams[0];
    std::vector<float> collapsed[2];
    for (int i = 0; i < 2; ++i) {
      const Backend& backend = i == 0 ? reference() : ops();
      backend.hc_expand(stream_, View<const float, 2>(z.data(), kTokens, 50),
                        View<const float, 2>(pre.data(), kTokens, n),
                        View<const float, 3>(comb.data(), kTokens, n, n), true,
                        {streams[i].data(), kTokens, n, 50});
      collapsed[i].resize(kTokens * 50);
      backend.hc_collapse(stream_, View<const float, 3>(streams[i].data(), kTokens, n, 50),
                          View<const float, 2>(pre.data(), kTokens, n), true,
                          {collapsed[i].data(), kTokens, 50});
    }
    EXPECT_EQ(streams[1], streams[0]);
    EXPECT_EQ(collapsed[1], collapsed[0]);
  }
}

TEST_P(BackendsTest, CompressorAndSwigluAgree) {
  for (const bool overlapping : {false, true}) {
    for (const bool is_first : {false, true}) {
      constexpr int64_t kWidth = 20;
      const int64_t columns = (overlapping ? 2 : 1) * kWidth;
      const std::vector<float> values = random(17 * columns);
      const std::vector<float> gates = random(17 * columns);
      std::vector<float> expected(3 * kWidth);
      std::vector<float> actual(3 * kWidth);
      const CompressorInputs in{View<const float, 2>(values.data(), 17, columns),
                                View<const float, 2>(gates.data(), 17, columns), 4, overlapping,
                                is_first};
      reference().compress(stream_, in, View<float, 2>(expected.data(), 3, kWidth));
      ops().compress(stream_, in, View<float, 2>(actual.data(), 3, kWidth));
      expect_near(actual, expected, 1e-5f);
    }
  }
  const std::vector<float> gate = random(3 * 37);
  const std::vector<float> up = random(3 * 37);
  const std::vector<float> row_weights = random(3);
  std::vector<float> expected(gate.size());
  std::vector<float> actual(gate.size());
  const SwigluOptions options{
      .limit = 1.0f, .row_weights = row_weights.data(), .round_output = false};
  const View<const float, 2> g(gate.data(), 3, 37);
  const View<const float, 2> u(up.data(), 3, 37);
  reference().swiglu(stream_, g, u, options, View<float, 2>(expected.data(), 3, 37));
  ops().swiglu(stream_, g, u, options, View<float, 2>(actual.data(), 3, 37));
  expect_near(actual, expected, 1e-5f);
}

TEST_P(BackendsTest, AttentionAgreesAndDoesNotDependOnOtherTokens) {
  for (const int64_t dim : {20, 48, 128}) {
    constexpr int64_t kTokens = 9;
    constexpr int64_t kHeads = 5;
    constexpr int32_t kSelected = 6;
    const KvLayout layout{dim, 16, false};
    const std::vector<float> q = random(kTokens * kHeads * dim);
    const std::vector<float> window = random((kTokens + 3) * dim);
    const std::vector<float> entry_values = random(12 * dim);
    const std::vector<float> sinks = random(kHeads);
    std::vector<int32_t> selected;
    std::vector<int32_t> n_selected;
    for (int32_t t = 0; t < kTokens; ++t) {
      for (int32_t i = 0; i < kSelected; ++i) selected.push_back(i * 2 + t % 2);
      n_selected.push_back(t % (kSelected + 1));
    }
    AttentionInputs in;
    in.q = {q.data(), kTokens, kHeads, dim};
    in.window = {window.data(), kTokens + 3, dim};
    in.first_position = 20;
    in.first_window_position = 17;
    in.window_length = 6;  // of which the first tokens have a part
    const auto* page = reinterpret_cast<const uint8_t*>(entry_values.data());
    in.entries = {.pages = &page};
    in.layout = layout;
    in.selected = {selected.data(), kTokens, kSelected};
    in.n_selected = n_selected.data();
    in.sinks = sinks.data();
    in.scale = 0.3f;
    std::vector<float> expected(q.size());
    std::vector<float> actual(q.size());
    reference().attention(stream_, in, {expected.data(), kTokens, kHeads, dim});
    ops().attention(stream_, in, {actual.data(), kTokens, kHeads, dim});
    expect_near(actual, expected, 1e-5f);

    AttentionInputs last = in;
    const int64_t before = (kTokens - 1) * kHeads * dim;
    last.q = {q.data() + before, 1, kHeads, dim};
    last.first_position = in.first_position + kTokens - 1;
    last.selected = {selected.data() + (kTokens - 1) * kSelected, 1, kSelected};
    last.n_selected = n_selected.data() + kTokens - 1;
    std::vector<float> alone(kHeads * static_cast<size_t>(dim));
    ops().attention(stream_, last, {alone.data(), 1, kHeads, dim});
    EXPECT_EQ(alone, std::vector<float>(actual.begin() + before, actual.end()));
  }
}

// As models run it in native numerics: packed rows, BF16 queries, rounded weights and results.
TEST_P(BackendsTest, RoundedAttentionAgreesAndDoesNotDependOnOtherTokens) {
  for (const int64_t dim : {64, 80, 128, 512}) {
    constexpr int64_t kTokens = 40;
    constexpr int64_t kHeads = 6;
    constexpr int64_t kEntries = 30;
    constexpr int32_t kSelected = 7;
    const KvLayout layout{dim, 32, true};
    const std::vector<float> q = random(kTokens * kHeads * dim, true);
    std::vector<float> window = random((kTokens + 20) * dim);
    std::vector<uint8_t> packed(static_cast<size_t>((kTokens + 20) * layout.row_bytes()));
    const View<float, 2> window_rows(window.data(), kTokens + 20, dim);
    reference().pack_kv_rows(stream_, window_rows, layout, packed.data());
    reference().unpack_kv_rows(stream_, packed.data(), layout, window_rows);
    std::vector<float> entries = random(kEntries * dim);
    std::vector<uint8_t> entry_rows(static_cast<size_t>(kEntries * layout.row_bytes()));
    reference().pack_kv_rows(stream_, View<const float, 2>(entries.data(), kEntries, dim), layout,
                             entry_rows.data());
    const std::vector<float> sinks = random(kHeads);
    std::vector<int32_t> selected;
    std::vector<int32_t> n_selected;
    for (int32_t t = 0; t < kTokens; ++t) {
      for (int32_t i = 0; i < kSelected; ++i) selected.push_back(4 + i * 3 + t % 3);
      n_selected.push_back(t % (kSelected + 1));
    }
    AttentionInputs in;
    in.q = {q.data(), kTokens, kHeads, dim};
    in.window = {window.data(), kTokens + 20, dim};
    in.first_position = 120;
    in.first_window_position = 100;
    in.window_length = 21;
    const TestRows rows(entry_rows, layout.row_bytes(), 2);
    in.entries = rows.together();
    in.layout = layout;
    in.selected = {selected.data(), kTokens, kSelected};
    in.n_selected = n_selected.data();
    in.sinks = sinks.data();
    in.scale = 0.2f;
    in.round_to_bf16 = true;
    std::vector<float> expected(q.size());
    std::vector<float> actual(q.size());
    reference().attention(stream_, in, {expected.data(), kTokens, kHeads, dim});
    in.entries = rows.in_pages();
    ops().attention(stream_, in, {actual.data(), kTokens, kHeads, dim});
    expect_near(actual, expected, 1e-2f);
    for (const int64_t t : {0, 1, 7, 38, 39}) {
      AttentionInputs one = in;
      one.q = {q.data() + t * kHeads * dim, 1, kHeads, dim};
      one.first_position = in.first_position + t;
      one.selected = {selected.data() + t * kSelected, 1, kSelected};
      one.n_selected = n_selected.data() + t;
      std::vector<float> alone(kHeads * static_cast<size_t>(dim));
      ops().attention(stream_, one, {alone.data(), 1, kHeads, dim});
      const auto begin = actual.begin() + t * kHeads * dim;
      ASSERT_TRUE(std::equal(alone.begin(), alone.end(), begin)) << dim << ", token " << t;
    }
  }
}

// Every token attends to all its entries, more than a panel of rows holds, next to others that see
// more or fewer.
TEST_P(BackendsTest, DenseAttentionAgreesAndDoesNotDependOnOtherTokens) {
  constexpr int64_t kTokens = 11;
  constexpr int64_t kHeads = 6;
  constexpr int64_t kEntries = 700;
  for (const bool rounds : {true, false}) {
    for (const int64_t dim : {64, 128}) {
      const KvLayout layout{dim, 32, rounds};
      const std::vector<float> q = random(kTokens * kHeads * dim, true);
      const std::vector<float> window = random((kTokens + 20) * dim, true);
      const std::vector<float> values = random(kEntries * dim);
      std::vector<uint8_t> entries(static_cast<size_t>(kEntries * layout.row_bytes()));
      reference().pack_kv_rows(stream_, View<const float, 2>(values.data(), kEntries, dim), layout,
                               entries.data());
      const std::vector<float> sinks = random(kHeads);
      std::vector<int32_t> n_selected;
      for (int32_t t = 0; t < kTokens; ++t) n_selected.push_back(t == 0 ? 0 : 64 * t - t % 3);
      AttentionInputs in;
      in.q = {q.data(), kTokens, kHeads, dim};
      in.window = {window.data(), kTokens + 20, dim};
      in.first_position = 20;
      in.window_length = 21;
      const TestRows rows(entries, layout.row_bytes(), 3);
      in.entries = rows.together();
      in.layout = layout;
      in.n_selected = n_selected.data();
      in.sinks = sinks.data();
      in.scale = 0.1f;
      in.round_to_bf16 = rounds;
      std::vector<float> expected(q.size());
      std::vector<float> actual(q.size());
      reference().attention(stream_, in, {expected.data(), kTokens, kHeads, dim});
      in.entries = rows.in_pages();
      ops().attention(stream_, in, {actual.data(), kTokens, kHeads, dim});
      expect_near(actual, expected, rounds ? 1e-2f : 1e-5f);
      for (int64_t t = 0; t < kTokens; ++t) {
        AttentionInputs one = in;
        one.q = {q.data() + t * kHeads * dim, 1, kHeads, dim};
        one.first_position = in.first_position + t;
        one.n_selected = n_selected.data() + t;
        std::vector<float> alone(kHeads * static_cast<size_t>(dim));
        ops().attention(stream_, one, {alone.data(), 1, kHeads, dim});
        ASSERT_TRUE(std::equal(alone.begin(), alone.end(), actual.begin() + t * kHeads * dim))
            << dim << ", token " << t;
      }
    }
  }
}

TEST(ThreadPoolTest, EveryItemIsDoneOnceInEveryLoop) {
  ThreadPool pool(4);
  Stream stream;
  stream.pool = &pool;
  for (int64_t count : {0, 1, 2, 1000}) {
    for (int64_t piece : {1, 3, 5000}) {
      std::vector<int> done(static_cast<size_t>(count), 0);
      parallel_for(stream, count, piece, [&](int64_t first, int64_t last) {
        for (int64_t i = first; i < last; ++i) ++done[static_cast<size_t>(i)];
      });
      EXPECT_EQ(done, std::vector<int>(static_cast<size_t>(count), 1));
    }
  }
}

// Short loops close upon one another, on more threads than processors: a thread that comes late to
// a loop must not take a piece of the next one.
TEST(ThreadPoolTest, LateThreadsTakeNothingOfTheNextLoop) {
  ThreadPool pool(7);
  Stream stream;
  stream.pool = &pool;
  std::vector<int> done(64);
  for (int64_t loop = 0; loop < 20'000; ++loop) {
    const int64_t count = loop % 2 == 0 ? 2 : 64;
    std::fill(done.begin(), done.end(), 0);
    parallel_for(stream, count, 1, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) ++done[static_cast<size_t>(i)];
    });
    for (int64_t i = 0; i < 64; ++i) {
      ASSERT_EQ(done[static_cast<size_t>(i)], i < count ? 1 : 0) << "loop " << loop << ", " << i;
    }
  }
}

TEST(ThreadPoolDeathTest, LoopsDoNotNest) {
  EXPECT_DEATH(
      {
        ThreadPool pool(2);
        Stream stream;
        stream.pool = &pool;
        parallel_for(stream, 4, 1, [&](int64_t, int64_t) {
          parallel_for(stream, 4, 1, [](int64_t, int64_t) {});
        });
      },
      "check failed");
}

}  // namespace
}  // namespace widenet::kernels
