// Where an operation runs.
#pragma once

namespace widenet::kernels {

// Where an operation runs.  CPU backends ignore it and finish before they return.
struct Stream {
  void* handle = nullptr;  // cudaStream_t
};

}  // namespace widenet::kernels
