// The English that a checkpoint wants in its prompts.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace widenet::engine {

// The blocks differ between releases, so each checkpoint ships its own, in the Python file
// encoding/encoding_dsv4.py.  It is read as text, by the constants' names, and never run.  What it
// does not have is empty here, and the encoder then says so when asked for it.
struct EncodingTexts {
  // Templates with placeholders, as for str.format.
  std::optional<std::string> tools = {};            // TOOLS_TEMPLATE
  std::optional<std::string> response_format = {};  // response_format_template

  // What goes before the first message to ask for more or less reasoning: the entries of
  // REASONING_EFFORT_PROMPTS; before there was that table, REASONING_EFFORT_MAX alone.
  std::optional<std::string> effort_low = {};
  std::optional<std::string> effort_high = {};
  std::optional<std::string> effort_max = {};
};

// From a model's directory.  All empty if it has no such file.
EncodingTexts read_encoding_texts(const std::filesystem::path& model_dir);

}  // namespace widenet::engine
