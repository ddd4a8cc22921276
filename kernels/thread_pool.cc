// Threads look out for the next loop for a while before they sleep; its pieces are taken from an
// atomic ticket for each thread.
#include "kernels/thread_pool.h"

#include <immintrin.h>

#include <algorithm>

#include "base/check.h"

namespace widenet::kernels {
namespace {

// A forward pass is thousands of short loops: waking a thread for each would take longer than the
// loop.  Some tens of microseconds.
constexpr int kLooksBeforeSleep = 4000;

constexpr int64_t kPiecesMax = 0xffff;

constexpr uint64_t make_ticket(uint32_t generation, int64_t first, int64_t end) {
  return uint64_t{generation} << 32 | static_cast<uint64_t>(first) << 16 |
         static_cast<uint64_t>(end);
}
constexpr uint32_t generation_of(uint64_t ticket) {
  return static_cast<uint32_t>(ticket >> 32);
}
constexpr int64_t first_of(uint64_t ticket) {
  return static_cast<int64_t>(ticket >> 16 & 0xffffu);
}
constexpr int64_t end_of(uint64_t ticket) {
  return static_cast<int64_t>(ticket & 0xffffu);
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

ThreadPool::ThreadPool(int n_threads) : n_threads_(n_threads) {
  WN_CHECK(n_threads >= 1);
  shares_ = std::make_unique<Share[]>(static_cast<size_t>(n_threads));
  for (int i = 1; i < n_threads; ++i) threads_.emplace_back([this, i] { work(i); });
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
  WN_CHECK(n_done_.load(std::memory_order_relaxed) == loop_.n_pieces);  // no other loop runs
  piece = std::max(piece, (count + kPiecesMax - 1) / kPiecesMax);
  const uint32_t generation = generation_.load(std::memory_order_relaxed) + 1;
  const int64_t n_pieces = (count + piece - 1) / piece;
  loop_ = {count, piece, n_pieces, body, context};
  n_done_.store(0, std::memory_order_relaxed);
  for (int i = 0; i < n_threads_; ++i) {
    shares_[i].ticket.store(
        make_ticket(generation, n_pieces * i / n_threads_, n_pieces * (i + 1) / n_threads_),
        std::memory_order_release);
  }
  bool wakes = false;
  {
    const std::lock_guard lock(mutex_);
    generation_.store(generation, std::memory_order_release);
    wakes = n_sleeping_ > 0;
  }
  if (wakes) start_.notify_all();

  take_pieces(0, generation);
  const auto is_done = [&] { return n_done_.load(std::memory_order_acquire) == n_pieces; };
  if (look_for(is_done)) return;
  std::unique_lock lock(mutex_);
  finish_.wait(lock, is_done);
}

void ThreadPool::work(int self) {
  uint32_t seen = 0;
  const auto is_called = [&] {
    return generation_.load(std::memory_order_acquire) != seen || stopping_;
  };
  while (true) {
    if (!look_for(is_called)) {
      std::unique_lock lock(mutex_);
      ++n_sleeping_;
      start_.wait(lock, is_called);
      --n_sleeping_;
    }
    if (stopping_) return;
    seen = generation_.load(std::memory_order_acquire);
    take_pieces(self, seen);
  }
}

// Its own pieces in order, then those of the others.
void ThreadPool::take_pieces(int self, uint32_t generation) {
  int64_t n_taken = 0;
  int64_t n_pieces = 0;
  for (int i = 0; i < n_threads_; ++i) {
    const int owner = (self + i) % n_threads_;
    int64_t piece = 0;
    while (take_piece(owner, owner != self, generation, piece)) {
      const Loop loop = loop_;
      const int64_t first = piece * loop.piece;
      loop.body(loop.context, first, std::min(first + loop.piece, loop.count));
      n_pieces = loop.n_pieces;
      ++n_taken;
    }
  }
  if (n_taken == 0) return;
  if (n_done_.fetch_add(n_taken, std::memory_order_acq_rel) + n_taken == n_pieces) {
    { const std::lock_guard lock(mutex_); }  // the caller is asleep, or has not looked yet
    finish_.notify_one();
  }
}

// A piece is taken by changing its ticket, which fails if its loop is over: whoever holds a piece
// may read loop_, because the loop cannot end before the piece is counted.
bool ThreadPool::take_piece(int owner, bool from_end, uint32_t generation, int64_t& piece) {
  std::atomic<uint64_t>& shared = shares_[owner].ticket;
  uint64_t ticket = shared.load(std::memory_order_acquire);
  while (generation_of(ticket) == generation && first_of(ticket) < end_of(ticket)) {
    const int64_t first = first_of(ticket) + (from_end ? 0 : 1);
    const int64_t end = end_of(ticket) - (from_end ? 1 : 0);
    if (shared.compare_exchange_weak(ticket, make_ticket(generation, first, end),
                                     std::memory_order_acq_rel)) {
      piece = from_end ? end : first - 1;
      return true;
    }
  }
  return false;
}

}  // namespace widenet::kernels
