// The small number formats, checked code by code.
#include "kernels/number_formats.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace widenet::kernels {
namespace {

// The nearest of the format's magnitudes, ties to the even code: the slow, obvious way.
int nearest_code(float magnitude, const std::vector<float>& magnitudes) {
  int best = 0;
  for (int i = 1; i < static_cast<int>(magnitudes.size()); ++i) {
    const double distance = std::fabs(static_cast<double>(magnitudes[static_cast<size_t>(i)]) -
                                      static_cast<double>(magnitude));
    const double best_distance =
        std::fabs(static_cast<double>(magnitudes[static_cast<size_t>(best)]) -
                  static_cast<double>(magnitude));
    if (distance < best_distance || (distance == best_distance && i % 2 == 0)) best = i;
  }
  return best;
}

TEST(NumberFormatsTest, EveryE4m3CodeIsItsOwnNearest) {
  for (int code = 0; code < 256; ++code) {
    if ((code & 0x7f) == 0x7f) {
      EXPECT_TRUE(std::isnan(e4m3_to_float(static_cast<uint8_t>(code))));
      continue;
    }
    EXPECT_EQ(float_to_e4m3(e4m3_to_float(static_cast<uint8_t>(code))), code);
  }
  EXPECT_EQ(e4m3_to_float(0x7e), 448.0f);
  EXPECT_EQ(e4m3_to_float(0x01), 0x1p-9f);
  EXPECT_EQ(e4m3_to_float(0x08), 0x1p-6f);
  EXPECT_EQ(e4m3_to_float(0x38), 1.0f);
}

TEST(NumberFormatsTest, E4m3RoundsToNearestTiesToEvenAndSaturates) {
  std::vector<float> magnitudes;
  for (int code = 0; code < 127; ++code) {
    magnitudes.push_back(e4m3_to_float(static_cast<uint8_t>(code)));
  }
  for (size_t i = 0; i + 1 < magnitudes.size(); ++i) {
    const float middle = 0.5f * (magnitudes[i] + magnitudes[i + 1]);
    for (const float x : {middle, std::nextafter(middle, 0.0f), std::nextafter(middle, 1e9f)}) {
      EXPECT_EQ(float_to_e4m3(x), nearest_code(x, magnitudes)) << x;
      EXPECT_EQ(float_to_e4m3(-x), nearest_code(x, magnitudes) | 0x80) << x;
    }
  }
  EXPECT_EQ(float_to_e4m3(1e9f), 0x7e);
  EXPECT_EQ(float_to_e4m3(-INFINITY), 0xfe);
  EXPECT_TRUE(std::isnan(e4m3_to_float(float_to_e4m3(NAN))));
}

TEST(NumberFormatsTest, E2m1RoundsToNearestTiesToEvenAndSaturates) {
  const std::vector<float> magnitudes(kE2m1Magnitudes, kE2m1Magnitudes + 8);
  for (float x = 0.0f; x < 8.0f; x += 0x1p-8f) {
    EXPECT_EQ(float_to_e2m1(x), nearest_code(std::min(x, 6.0f), magnitudes)) << x;
    EXPECT_EQ(float_to_e2m1(-x), nearest_code(std::min(x, 6.0f), magnitudes) | 8) << x;
  }
  for (int code = 0; code < 16; ++code) {
    const auto nibble = static_cast<uint8_t>(code);
    EXPECT_EQ(float_to_e2m1(e2m1_to_float(nibble)), code);
    EXPECT_EQ(2.0f * e2m1_to_float(nibble), static_cast<float>(kE2m1Doubled[code]));
  }
}

TEST(NumberFormatsTest, EveryBf16SurvivesAndTiesGoToEven) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = bf16_to_float(static_cast<uint16_t>(bits));
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(round_to_bf16(value)));
    } else {
      EXPECT_EQ(float_to_bf16(value), bits);
    }
  }
  EXPECT_EQ(round_to_bf16(1.0f + 0x1p-8f), 1.0f);                // a tie: down to even
  EXPECT_EQ(round_to_bf16(1.0f + 3 * 0x1p-8f), 1.0f + 0x1p-6f);  // a tie: up to even
  EXPECT_EQ(round_to_bf16(1.0f + 0x1p-8f + 0x1p-20f), 1.0f + 0x1p-7f);
}

TEST(NumberFormatsTest, BlockScalesAreTheSmallestPowersThatFit) {
  EXPECT_EQ(e8m0_to_float(127), 1.0f);
  EXPECT_EQ(e8m0_to_float(0), 0x1p-127f);
  EXPECT_TRUE(std::isnan(e8m0_to_float(255)));
  EXPECT_EQ(e8m0_to_float(fp8_block_scale(448.0f)), 1.0f);
  EXPECT_EQ(e8m0_to_float(fp8_block_scale(std::nextafter(448.0f, 500.0f))), 2.0f);
  EXPECT_EQ(e8m0_to_float(fp8_block_scale(0.0f)), e8m0_to_float(fp8_block_scale(1e-4f)));
  EXPECT_EQ(e8m0_to_float(fp4_block_scale(6.0f)), 1.0f);
  EXPECT_EQ(e8m0_to_float(fp4_block_scale(6.1f)), 2.0f);
  std::mt19937 rng(7);
  std::uniform_real_distribution<float> exponent(-12.0f, 20.0f);
  for (int i = 0; i < 10000; ++i) {
    const float amax = round_to_bf16(std::exp2(exponent(rng)));
    const float scale = e8m0_to_float(fp8_block_scale(amax));
    EXPECT_LE(amax / scale, 448.0f);
    if (amax > 1e-4f) {
      EXPECT_GT(amax / (0.5f * scale), 448.0f);
    }
  }
}

}  // namespace
}  // namespace widenet::kernels
