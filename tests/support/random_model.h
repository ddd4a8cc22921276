// Model folders of random weights that matter: every mechanism moves the logits.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "tests/support/v4_checkpoint.h"

namespace widenet::test {

struct RandomWeights {
  uint64_t seed = 1;

  // How much the sub-layers add to the streams.  Where it is little, the last token nearly decides
  // the next one.
  double sublayers = 1;

  // If not 0, DSpark guesses from the last token alone, with this factor on the logits that the
  // model would have without sub-layers: 1 is nearly always right, -1 never.  The config's
  // dspark_markov_rank is its hidden_size then.
  double bigram_guesses = 0;
};

// Writes config.json, model.safetensors and tokenizer.json (of bytes).  The end of the text is
// never the likeliest token.
void write_random_model(const std::filesystem::path& folder,
                        const std::string& config_json,
                        Storage storage,
                        const RandomWeights& weights);

}  // namespace widenet::test
