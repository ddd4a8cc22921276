// The sizes of the published models, for reckoning with models that are not here.
#pragma once

#include "engine/cost.h"
#include "engine/model_config.h"

namespace widenet::engine {

// DeepSeek-V4-Flash and V4-Pro as their config.json gives them (V4 specification, section 1.1).
ModelConfig v4_flash();
ModelConfig v4_pro();

// DeepSeek-V3.2 as its config.json gives it.  A row of its state is 512 FP8 numbers, four float32
// scales and 64 BF16 numbers; an index key is 128 FP8 numbers and a float32 scale.
LatentAttentionConfig v32();

}  // namespace widenet::engine
