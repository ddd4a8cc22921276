// config.json: any bytes give a config within its bounds, or a ModelError.
#include "base/check.h"
#include "engine/model_config.h"
#include "tests/fuzz/fuzz_target.h"

using namespace widenet::engine;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const ModelConfig config =
        parse_model_config({reinterpret_cast<const char*>(data), size}, "config.json");
    constexpr int64_t kMax = int64_t{1} << 24;
    WN_CHECK(config.dim > 0 && config.dim <= kMax);
    WN_CHECK(config.n_heads * config.head_dim <= kMax);
    WN_CHECK(config.n_heads % config.o_groups == 0);
    WN_CHECK(static_cast<int64_t>(config.compress_ratios.size()) ==
             config.n_layers + config.n_draft_layers());
    WN_CHECK(config.bos_token < config.vocab_size && config.eos_token < config.vocab_size);
  } catch (const ModelError&) {
  }
  return 0;
}
