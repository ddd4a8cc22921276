// The tokenizers that tests use by name.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "engine/tokenizer.h"

namespace widenet::test {

// "nano", or "deepseek_v4", the official one; null if it is not installed.  Loaded once.
inline const engine::Tokenizer* find_tokenizer(const std::string& name) {
  static std::map<std::string, std::optional<engine::Tokenizer>> loaded;
  const auto [at, is_new] = loaded.try_emplace(name);
  const std::filesystem::path file =
      name == "nano" ? WN_SOURCE_DIR "/models/nano/tokenizer.json"
                     : WN_TESTS_DIR
          "/engine/npm/node_modules/@lenml/tokenizer-deepseek_v4/models/tokenizer.json";
  if (is_new && std::filesystem::exists(file)) at->second = engine::Tokenizer::load(file);
  return at->second ? &*at->second : nullptr;
}

}  // namespace widenet::test
