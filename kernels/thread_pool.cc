// Threads sleep between loops; a loop's pieces are taken from one atomic counter.
#include "kernels/thread_pool.h"

#include <algorithm>

#include "base/check.h"

namespace widenet::kernels {

ThreadPool::ThreadPool(int n_threads) {
  WN_CHECK(n_threads >= 1);
  for (int i = 1; i < n_threads; ++i) threads_.emplace_back([this] { work(); });
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  start_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadPool::run(int64_t count, int64_t piece, Body* body, const void* context) {
  WN_CHECK(piece >= 1);
  {
    const std::lock_guard lock(mutex_);
    WN_CHECK(n_busy_ == 0);
    count_ = count;
    piece_ = piece;
    body_ = body;
    context_ = context;
    next_.store(0, std::memory_order_relaxed);
    n_busy_ = static_cast<int>(threads_.size());
    ++generation_;
  }
  start_.notify_all();
  take_pieces();
  std::unique_lock lock(mutex_);
  finish_.wait(lock, [this] { return n_busy_ == 0; });
}

void ThreadPool::work() {
  uint64_t seen = 0;
  while (true) {
    {
      std::unique_lock lock(mutex_);
      start_.wait(lock, [&] { return stopping_ || generation_ != seen; });
      if (stopping_) return;
      seen = generation_;
    }
    take_pieces();
    bool is_last = false;
    {
      const std::lock_guard lock(mutex_);
      is_last = --n_busy_ == 0;
    }
    if (is_last) finish_.notify_one();
  }
}

void ThreadPool::take_pieces() {
  while (true) {
    const int64_t first = next_.fetch_add(piece_, std::memory_order_relaxed);
    if (first >= count_) return;
    body_(context_, first, std::min(first + piece_, count_));
  }
}

}  // namespace widenet::kernels
