// ModelError: what every part of the engine throws when a model on disk cannot be used.
#pragma once

#include <stdexcept>

namespace widenet::engine {

// Names the file, and the tensor or key at fault, and what was expected there.
class ModelError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace widenet::engine
