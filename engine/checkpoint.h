// Checkpoint: the tensors of a model directory, memory-mapped from safetensors files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/file.h"
#include "engine/model_config.h"

namespace widenet::engine {

// The safetensors element types.  Packed FP4 (two e2m1 codes a byte, low nibble first) is `i8`.
enum class DType {
  boolean,
  u8,
  i8,
  f8_e4m3,
  f8_e5m2,
  f8_e8m0,
  i16,
  u16,
  f16,
  bf16,
  i32,
  u32,
  f32,
  i64,
  u64,
  f64
};

int64_t bytes_per_element(DType dtype);
std::string_view name_of(DType dtype);  // as in the file: "BF16", "F8_E4M3", ...

// One tensor's bytes in place: row-major, little-endian, aligned to its element.
struct TensorView {
  DType dtype = DType::u8;
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;

  int64_t n_elements() const;

  // The elements, where T has the element's size (uint16_t for bf16, uint8_t for the FP8 kinds).
  template <typename T>
  const T* data() const {
    WN_CHECK(static_cast<int64_t>(sizeof(T)) == bytes_per_element(dtype));
    return reinterpret_cast<const T*>(bytes.data());
  }
};

// Maps `model.safetensors`, or the shards that `model.safetensors.index.json` names, and no other
// file.  Opening reads the headers only.  Headers are not trusted: a truncated, overlapping,
// oversized or contradictory one throws ModelError naming file and tensor.  Immutable after open,
// so any thread may read; views live as long as the object.
class Checkpoint {
 public:
  static Checkpoint open(const std::filesystem::path& model_dir);
  // One safetensors file by itself.
  static Checkpoint open_file(const std::filesystem::path& file);

  // Adds a tensor of its own memory to fill, in no file.
  std::span<std::byte> add_tensor(const std::string& name,
                                  DType dtype,
                                  std::vector<int64_t> shape,
                                  int64_t n_bytes);

  // nullptr if there is no such tensor.
  const TensorView* find(std::string_view name) const;
  // Throw ModelError naming the tensor if it is missing, or is not of this type and shape.
  const TensorView& get(std::string_view name) const;
  const TensorView& get(std::string_view name,
                        DType dtype,
                        std::initializer_list<int64_t> shape) const;

  // Sorted by name.
  const std::map<std::string, TensorView, std::less<>>& tensors() const { return tensors_; }
  // The mapped files, in the order of their names, for fingerprints.
  const std::vector<std::filesystem::path>& files() const { return paths_; }
  int64_t total_bytes() const;  // of all tensors

 private:
  // Adds the tensors that `is_wanted` accepts; all of them without it.
  void add_file(const std::filesystem::path& path,
                const std::function<bool(const std::string&)>& is_wanted);
  void align(TensorView& view);

  std::vector<std::filesystem::path> paths_;
  std::vector<MappedFile> files_;
  std::vector<std::unique_ptr<std::byte[]>> owned_;  // of misaligned tensors and added ones
  std::map<std::string, TensorView, std::less<>> tensors_;
};

}  // namespace widenet::engine
