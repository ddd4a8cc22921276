// ThreadPool: the threads that share one operation's work, and the loop that hands it out.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "kernels/stream.h"

namespace widenet::kernels {

// A fixed set of threads that run one loop at a time together with the caller.  run() is called
// from one thread at a time; loops do not nest.  Bodies must not throw.
class ThreadPool {
 public:
  // n_threads >= 1 counts the caller: n_threads - 1 are started.
  explicit ThreadPool(int n_threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int n_threads() const { return n_threads_; }

  // Calls body(context, first, last) for consecutive pieces of [0, count), `piece` long each (the
  // last may be shorter), on all threads, and returns when every piece is done.  Thread i begins
  // with the i-th part of the range, so that rows stay in one core's cache from loop to loop, and
  // then helps the others from their ends.
  using Body = void(const void* context, int64_t first, int64_t last);
  void run(int64_t count, int64_t piece, Body* body, const void* context);

 private:
  struct Loop {
    int64_t count = 0;
    int64_t piece = 1;
    int64_t n_pieces = 0;
    Body* body = nullptr;
    const void* context = nullptr;
  };
  // One thread's pieces that nobody has taken: the loop's generation, the first, and the end.
  struct alignas(64) Share {
    std::atomic<uint64_t> ticket{0};
  };

  void work(int self);
  void take_pieces(int self, uint32_t generation);
  bool take_piece(int owner, bool from_end, uint32_t generation, int64_t& piece);

  const int n_threads_;
  std::vector<std::thread> threads_;
  std::mutex mutex_;  // of falling asleep and waking
  std::condition_variable start_;
  std::condition_variable finish_;
  int n_sleeping_ = 0;  // guarded by mutex_
  std::atomic<bool> stopping_{false};

  Loop loop_;  // the one that runs now
  std::unique_ptr<Share[]> shares_;
  std::atomic<uint32_t> generation_{0};  // the loop's number, set once its shares are
  std::atomic<int64_t> n_done_{0};       // pieces
};

// body(first, last) over [0, count) in pieces of `piece` or somewhat fewer, so that all threads of
// the stream have the same to do.  How the range is cut must not change any result: each item is
// computed by itself.
template <typename Body>
void parallel_for(Stream& stream, int64_t count, int64_t piece, const Body& body) {
  if (count <= 0) return;
  if (stream.pool == nullptr || stream.pool->n_threads() == 1 || count <= piece) {
    body(int64_t{0}, count);
    return;
  }
  const int64_t n_threads = stream.pool->n_threads();
  const int64_t n_rounds = (count + piece * n_threads - 1) / (piece * n_threads);
  const int64_t n_pieces = n_rounds * n_threads;
  stream.pool->run(
      count, (count + n_pieces - 1) / n_pieces,
      [](const void* context, int64_t first, int64_t last) {
        (*static_cast<const Body*>(context))(first, last);
      },
      &body);
}

// How many items make a piece worth handing to another thread, which takes one or two microseconds,
// when each costs `cost_per_item` multiply-adds (or about as much work).
inline int64_t piece_for(int64_t cost_per_item) {
  constexpr int64_t kWorthwhile = 1 << 16;
  return cost_per_item >= kWorthwhile ? 1 : kWorthwhile / (cost_per_item > 0 ? cost_per_item : 1);
}

}  // namespace widenet::kernels
