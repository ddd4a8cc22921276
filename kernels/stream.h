// Where an operation runs.
#pragma once

namespace widenet::kernels {

class ThreadPool;

// Where an operation runs.  CPU backends finish before they return; with a pool they share the work
// among its threads, which changes no bit of any result.
struct Stream {
  void* handle = nullptr;      // cudaStream_t
  ThreadPool* pool = nullptr;  // CPU backends; none: the calling thread alone
};

}  // namespace widenet::kernels
