// Threads look out for the next loop for a while before they sleep; its pieces are taken from one
// atomic ticket.
#include "kernels/thread_pool.h"

#include <immintrin.h>

#include <algorithm>

#include "base/check.h"

namespace widenet::kernels {
namespace {

// A forward pass is thousands of short loops: waking a thread for each would take longer than the
// loop.  Some tens of microseconds.
constexpr int kLooksBeforeSleep = 4000;

constexpr uint64_t generation_of(uint64_t ticket) {
  return ticket >> 32;
}
constexpr int64_t pieces_left(uint64_t ticket) {
  return static_cast<int64_t>(ticket & 0xffffffffu);
}

// Whether `happened` comes true while looking.
template <typename Happened>
bool look_for(const Happened& happened) {
  for (int i = 0; i < kLooksBeforeSleep; ++i) {
    if (happened()) return true;
    _mm_pause();
  }
  return false;
}

}  // namespace

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
  WN_CHECK(piece >= 1 && count / piece < (int64_t{1} << 31));
  WN_CHECK(n_done_.load(std::memory_order_relaxed) == loop_.n_pieces);  // no other loop runs
  const uint64_t generation = generation_of(ticket_.load(std::memory_order_relaxed)) + 1;
  const int64_t n_pieces = (count + piece - 1) / piece;
  loop_ = {count, piece, n_pieces, body, context};
  n_done_.store(0, std::memory_order_relaxed);
  bool wakes = false;
  {
    const std::lock_guard lock(mutex_);
    ticket_.store((generation << 32) + static_cast<uint64_t>(n_pieces), std::memory_order_release);
    wakes = n_sleeping_ > 0;
  }
  if (wakes) start_.notify_all();

  take_pieces(generation & 0xffffffffu);
  const auto is_done = [&] { return n_done_.load(std::memory_order_acquire) == n_pieces; };
  if (look_for(is_done)) return;
  std::unique_lock lock(mutex_);
  finish_.wait(lock, is_done);
}

void ThreadPool::work() {
  uint64_t seen = 0;
  const auto is_called = [&] {
    return generation_of(ticket_.load(std::memory_order_acquire)) != seen || stopping_;
  };
  while (true) {
    if (!look_for(is_called)) {
      std::unique_lock lock(mutex_);
      ++n_sleeping_;
      start_.wait(lock, is_called);
      --n_sleeping_;
    }
    if (stopping_) return;
    seen = generation_of(ticket_.load(std::memory_order_acquire));
    take_pieces(seen);
  }
}

// A piece is taken by moving the ticket on, which fails if its loop is over: whoever holds a piece
// may read loop_, because the loop cannot end before the piece is done.
void ThreadPool::take_pieces(uint64_t generation) {
  uint64_t ticket = ticket_.load(std::memory_order_acquire);
  while (generation_of(ticket) == generation && pieces_left(ticket) > 0) {
    if (!ticket_.compare_exchange_weak(ticket, ticket - 1, std::memory_order_acq_rel)) continue;
    const Loop loop = loop_;
    const int64_t first = (loop.n_pieces - pieces_left(ticket)) * loop.piece;
    loop.body(loop.context, first, std::min(first + loop.piece, loop.count));
    if (n_done_.fetch_add(1, std::memory_order_acq_rel) + 1 == loop.n_pieces) {
      { const std::lock_guard lock(mutex_); }  // the caller is asleep, or has not looked yet
      finish_.notify_one();
    }
    ticket = ticket_.load(std::memory_order_acquire);
  }
}

}  // namespace widenet::kernels
