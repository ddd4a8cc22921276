// V4 checkpoints of zeros, written from the published naming rules: small ones, and V4-Flash whole.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "engine/model_config.h"

namespace widenet::test {

struct TensorSpec {
  std::string name;
  std::string dtype;  // as in the file
  std::vector<int64_t> shape;

  int64_t n_bytes() const;
};

// How the linears are stored: as published, all in BF16 without scales, or with FP8 experts whose
// scales are float32 as in -Base.
enum class Storage { published, bf16, base };

// Every tensor of a model of these sizes, in no particular order.  Independent of
// engine/inventory.cc on purpose.
std::vector<TensorSpec> v4_tensors(const engine::ModelConfig& config, Storage storage);

// config.json of DeepSeek-V4-Flash, and of a two-layer toy with every mechanism but HCA's length.
std::string flash_config_json();
std::string toy_config_json();
// Of V4-Flash-0731, and of the toy, with a DSpark head.
std::string flash_0731_config_json();
std::string toy_dspark_config_json();

// A whole safetensors header for the tensors laid out one after the other, padded to 8 bytes.
std::string safetensors_header(const std::vector<TensorSpec>& tensors);
// The length field, the header, and as many zeros as the tensors need (sparse).
void write_zeros(const std::filesystem::path& file, const std::vector<TensorSpec>& tensors);
// model-0000I-of-0000N.safetensors and the index; equal shares by count.
void write_zeros_sharded(const std::filesystem::path& dir,
                         const std::vector<TensorSpec>& tensors,
                         int n_shards);
void write_text(const std::filesystem::path& file, std::string_view text);

}  // namespace widenet::test
