// ThreadPool: every item of every loop is done once, by the time the loop returns.
#include "kernels/thread_pool.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace widenet::kernels {
namespace {

class ThreadPoolTest : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Threads, ThreadPoolTest, testing::Values(1, 2, 3, 7));

TEST_P(ThreadPoolTest, EachItemIsDoneOnce) {
  ThreadPool pool(GetParam());
  Stream stream{.pool = &pool};
  std::mt19937 random(5);
  for (int loop = 0; loop < 2000; ++loop) {
    const auto count = static_cast<int64_t>(random() % 300);
    const auto piece = static_cast<int64_t>(1 + random() % 20);
    std::vector<int> n_visits(static_cast<size_t>(count));
    parallel_for(stream, count, piece, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) ++n_visits[static_cast<size_t>(i)];
    });
    ASSERT_EQ(n_visits, std::vector<int>(static_cast<size_t>(count), 1))
        << "loop " << loop << ": " << count << " items in pieces of " << piece;
  }
}

TEST_P(ThreadPoolTest, MorePiecesThanATicketCounts) {
  ThreadPool pool(GetParam());
  Stream stream{.pool = &pool};
  std::vector<int> n_visits(1000003);
  parallel_for(stream, static_cast<int64_t>(n_visits.size()), 1, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) ++n_visits[static_cast<size_t>(i)];
  });
  EXPECT_EQ(n_visits, std::vector<int>(n_visits.size(), 1));
}

}  // namespace
}  // namespace widenet::kernels
