// model.safetensors: any bytes give tensors that lie inside them, or a ModelError.
#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "base/check.h"
#include "base/file.h"
#include "engine/checkpoint.h"
#include "tests/fuzz/fuzz_target.h"

using namespace widenet::engine;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const widenet::FileDescriptor file(::memfd_create("fuzz", MFD_CLOEXEC));
  WN_CHECK(file.is_open());
  WN_CHECK(::write(file.get(), data, size) == static_cast<ssize_t>(size));
  try {
    const Checkpoint checkpoint =
        Checkpoint::open_file("/proc/self/fd/" + std::to_string(file.get()));
    unsigned sum = 0;
    for (const auto& [name, view] : checkpoint.tensors()) {
      WN_CHECK(view.n_elements() * bytes_per_element(view.dtype) ==
               static_cast<int64_t>(view.bytes.size()));
      for (const std::byte byte : view.bytes) sum += std::to_integer<unsigned>(byte);
    }
    WN_CHECK(checkpoint.total_bytes() <= static_cast<int64_t>(size) && sum <= 255 * size);
  } catch (const ModelError&) {
  }
  return 0;
}
