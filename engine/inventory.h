// The tensors that a model of given sizes consists of.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>

#include "engine/checkpoint.h"
#include "engine/model_config.h"

namespace widenet::engine {

class TensorVisitor {
 public:
  virtual ~TensorVisitor() = default;

  // What a tensor that may be of several types is stored as; `published` is what V4-Flash has.
  virtual DType dtype_of(const std::string& name, DType published) = 0;
  virtual void visit(const std::string& name,
                     DType dtype,
                     std::initializer_list<int64_t> shape) = 0;
};

// Names every tensor that the config calls for once (mtp.* included), layer by layer, in the order
// of the forward pass (V4 specification, section 3).
void visit_inventory(const ModelConfig& config, TensorVisitor& visitor);

// Checks that every tensor the config calls for is there with its shape and a type it may have.
// A linear's weight is FP8 with an E8M0 or F32 `.scale` per block, or packed FP4 with an E8M0 scale
// per 32 (routed experts only), or BF16 without a scale.  Throws ModelError naming the first tensor
// at fault.  Tensors that the config does not call for are ignored.
void validate_inventory(const ModelConfig& config, const Checkpoint& checkpoint);

// Takes DSpark out of the config if the checkpoint has no tensor of a draft head ("mtp.") at all:
// such a model runs without guesses.
void drop_missing_dspark(const Checkpoint& checkpoint, ModelConfig& config);

// A checkpoint of random numbers in memory, stored as published: to measure how fast a model is
// whose weights are not here.  The same seed gives the same numbers.
Checkpoint random_checkpoint(const ModelConfig& config, uint64_t seed);

}  // namespace widenet::engine
