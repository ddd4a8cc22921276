// A model folder that loads in milliseconds: the golden tiny checkpoint with a tokenizer of single
// bytes.  What it writes is noise; everything around it is real.
#pragma once

#include <filesystem>
#include <string>

namespace widenet::test {

// Bytes are tokens 8 to 263; 0 to 5 are BOS, EOS, User, Assistant, <think> and </think>.
std::string byte_tokenizer_json();

// Makes `folder` with config.json, model.safetensors and tokenizer.json.
void make_tiny_model(const std::filesystem::path& folder);

}  // namespace widenet::test
