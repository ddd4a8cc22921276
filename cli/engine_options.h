// What the options say about the engine, for the verbs of both programs.
#pragma once

#include <string>

#include "cli/commands.h"
#include "engine/engine.h"
#include "engine/prompt_encoding.h"

namespace widenet::cli {

// Finds the model: throws CommandError as find_model does.
engine::EngineOptions engine_options(const ModelOptions& options);

// --think: none, low, high, max.
void add_think_option(CLI::App& verb, engine::Thinking& thinking);

}  // namespace widenet::cli
