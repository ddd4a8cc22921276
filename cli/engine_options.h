// What the options say about the engine, for the verbs of both programs.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "cli/commands.h"
#include "engine/engine.h"
#include "engine/prefix_cache.h"
#include "engine/prompt_encoding.h"

namespace widenet::cli {

// Finds the model: throws CommandError as find_model does.
engine::EngineOptions engine_options(const ModelOptions& options);

// The cache of what has been read; on disk in `directory`, unless that is empty.  Says on stderr
// why nothing is on disk though it should be.
std::shared_ptr<engine::PrefixCache> open_cache(const engine::Engine& engine,
                                                const CacheOptions& options,
                                                const std::filesystem::path& directory);

// --think: none, low, high, max.
void add_think_option(CLI::App& verb, engine::Thinking& thinking);

}  // namespace widenet::cli
