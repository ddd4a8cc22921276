// A tokenizer.json of the 256 bytes, a few merges, and DeepSeek's special tokens.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace widenet::test {

// How the file writes a byte: GPT-2's printable stand-in.
std::string char_of_byte(int byte);
std::string chars_of_bytes(const std::string& bytes);

// Merges are pairs of byte strings.  Ids: the bytes 0 to 255, then the results of the merges in
// their order, then the special tokens.
nlohmann::json tiny_tokenizer_json(
    const std::vector<std::pair<std::string, std::string>>& merges = {});

// DeepSeek's three Split patterns.
std::vector<std::string> deepseek_patterns();

}  // namespace widenet::test
