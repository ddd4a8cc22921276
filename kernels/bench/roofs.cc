// Runs the roof loops on all threads of a stream.
#include "kernels/bench/roofs.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <ctime>
#include <memory>

#include "kernels/backend.h"
#include "kernels/bench/huge_memory.h"
#include "kernels/bench/last_level_cache.h"
#include "kernels/thread_pool.h"

namespace widenet::kernels::bench {
namespace {

// Long enough that some pass goes undisturbed on a machine that others use too.
constexpr double kSecondsPerRoof = 0.5;
constexpr int kPassesMin = 3;
constexpr int64_t kPiecesPerThread = 4;  // a disturbed thread hands its pieces to the others

std::atomic<float> sink;  // takes the loops' results

// Seconds of the fastest pass over `n_pieces` pieces.
template <typename Body>
double best_seconds(Stream& stream, int64_t n_pieces, const Body& body) {
  double best = 1e9;
  double total = 0.0;
  for (int pass = 0; pass < kPassesMin || total < kSecondsPerRoof; ++pass) {
    const auto start = std::chrono::steady_clock::now();
    parallel_for(stream, n_pieces, 1, body);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    best = std::min(best, took.count());
    total += took.count();
  }
  return best;
}

double measure_arithmetic(Stream& stream, int64_t n_pieces, const ArithmeticLoop& loop) {
  constexpr int64_t kRounds = 1 << 20;
  const double seconds = best_seconds(stream, n_pieces, [&](int64_t first, int64_t last) {
    for (int64_t piece = first; piece < last; ++piece) sink = loop.run(kRounds);
  });
  return static_cast<double>(n_pieces * kRounds * loop.round_operations) / seconds;
}

double measure_read(Stream& stream, int64_t n_pieces, const RoofLoops& loops) {
  const int64_t piece_bytes = 4 * last_level_cache_bytes() / n_pieces / kReadUnit * kReadUnit;
  const int64_t n_bytes = piece_bytes * n_pieces;
  const std::shared_ptr<void> memory = allocate_huge(n_bytes);
  std::memset(memory.get(), 1, static_cast<size_t>(n_bytes));

  const auto* data = static_cast<const uint8_t*>(memory.get());
  const double seconds = best_seconds(stream, n_pieces, [&](int64_t first, int64_t last) {
    for (int64_t piece = first; piece < last; ++piece) {
      sink = loops.read(data + piece * piece_bytes, piece_bytes);
    }
  });
  return static_cast<double>(n_bytes) / seconds;
}

}  // namespace

const RoofLoops& roof_loops() {
  for (const RoofLoops* loops : {&avx512_loops, &avx2_loops}) {
    if (find_backend(loops->name) != nullptr) return *loops;
  }
  return baseline_loops;
}

Roofs measure_roofs(Stream& stream, const RoofLoops& loops) {
  Roofs roofs;
  roofs.n_threads = stream.pool == nullptr ? 1 : stream.pool->n_threads();
  const int64_t n_pieces = kPiecesPerThread * roofs.n_threads;
  const std::clock_t cpu_start = std::clock();
  const auto start = std::chrono::steady_clock::now();
  roofs.f32_fma = measure_arithmetic(stream, n_pieces, loops.f32_fma);
  roofs.bf16_dot = measure_arithmetic(stream, n_pieces, loops.bf16_dot);
  roofs.int8_dot = measure_arithmetic(stream, n_pieces, loops.int8_dot);
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
  const double cpu = static_cast<double>(std::clock() - cpu_start) / CLOCKS_PER_SEC;
  roofs.cpu_share = std::min(1.0, cpu / (wall.count() * roofs.n_threads));
  roofs.read = measure_read(stream, n_pieces, loops);
  return roofs;
}

}  // namespace widenet::kernels::bench
