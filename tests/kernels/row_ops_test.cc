// Row movements, against the loops of their definitions, with one thread and with three.
#include "kernels/row_ops.h"

#include <gtest/gtest.h>

#include <vector>

#include "kernels/number_formats.h"
#include "kernels/thread_pool.h"

namespace widenet::kernels {
namespace {

constexpr int64_t kDim = 20;

class RowOpsTest : public testing::TestWithParam<int> {
 protected:
  RowOpsTest() : pool_(GetParam()) { stream_.pool = &pool_; }

  static std::vector<float> numbers(int64_t n_rows) {
    std::vector<float> values;
    for (int64_t i = 0; i < n_rows * kDim; ++i) {
      values.push_back(0.37f * static_cast<float>(i % 101) - 11.3f);
    }
    return values;
  }
  static View<float, 2> rows(std::vector<float>& values) {
    return {values.data(), static_cast<int64_t>(values.size()) / kDim, kDim};
  }

  ThreadPool pool_;
  Stream stream_;
};

INSTANTIATE_TEST_SUITE_P(Threads, RowOpsTest, testing::Values(1, 3));

TEST_P(RowOpsTest, GatheredRowsGoBackWhereTheyCameFrom) {
  std::vector<float> x = numbers(50);
  std::vector<float> picked(3 * kDim);
  const std::vector<int32_t> ids = {41, 0, 7};
  gather_rows(stream_, rows(x), ids.data(), rows(picked));
  std::vector<float> sum = numbers(50);
  add_rows_at(stream_, rows(picked), ids.data(), rows(sum));
  for (int64_t i = 0; i < 50 * kDim; ++i) {
    const int64_t row = i / kDim;
    const bool is_picked = row == 41 || row == 0 || row == 7;
    const auto at = static_cast<size_t>(i);
    ASSERT_EQ(sum[at], is_picked ? 2 * x[at] : x[at]) << i;
  }
}

TEST_P(RowOpsTest, RowsAreAddedUpInTheirOrder) {
  std::vector<float> x = numbers(50);
  const std::vector<int32_t> ids = {41, 0, 7, 3, 3, 49};
  for (const bool rounds : {false, true}) {
    std::vector<float> sums(2 * kDim, 5.0f);
    sum_rows(stream_, rows(x), ids.data(), 3, rounds, rows(sums));
    for (size_t i = 0; i < sums.size(); ++i) {
      const auto at = [&](size_t j) {
        return x[static_cast<size_t>(ids[i / kDim * 3 + j] * kDim) + i % kDim];
      };
      const float sum = at(0) + at(1) + at(2);
      ASSERT_EQ(sums[i], rounds ? round_to_bf16(sum) : sum) << i;
    }
  }
}

TEST_P(RowOpsTest, EachRowIsAddedToItsGroup) {
  std::vector<float> x = numbers(3);
  std::vector<float> y = numbers(12);
  const std::vector<float> before = y;
  add_to_groups(stream_, rows(x), /*round_output=*/true, rows(y));
  for (size_t i = 0; i < y.size(); ++i) {
    const float sum = before[i] + x[i / (4 * kDim) * kDim + i % kDim];
    ASSERT_EQ(y[i], round_to_bf16(sum)) << i;
  }
}

TEST_P(RowOpsTest, ScaledAndRoundedRows) {
  std::vector<float> x = numbers(30);
  const std::vector<float> before = x;
  scale_rows(stream_, 0.7f, /*round_output=*/false, rows(x));
  round_rows_to_bf16(stream_, rows(x));
  for (size_t i = 0; i < x.size(); ++i) ASSERT_EQ(x[i], round_to_bf16(0.7f * before[i])) << i;
}

}  // namespace
}  // namespace widenet::kernels
