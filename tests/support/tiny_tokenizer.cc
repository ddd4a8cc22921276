#include "tests/support/tiny_tokenizer.h"

namespace widenet::test {

using Json = nlohmann::json;

std::string char_of_byte(int byte) {
  const auto is_printable = [](int b) {
    return (b > 0x20 && b < 0x7f) || (b > 0xa0 && b <= 0xff && b != 0xad);
  };
  int code = byte;
  if (!is_printable(byte)) {
    code = 0x100;
    for (int b = 0; b < byte; ++b) code += is_printable(b) ? 0 : 1;
  }
  if (code < 0x80) return {static_cast<char>(code)};
  return {static_cast<char>(0xc0 | code >> 6), static_cast<char>(0x80 | (code & 0x3f))};
}

std::string chars_of_bytes(const std::string& bytes) {
  std::string chars;
  for (const char byte : bytes) chars += char_of_byte(static_cast<unsigned char>(byte));
  return chars;
}

std::vector<std::string> deepseek_patterns() {
  return {R"(\p{N}{1,3})", "[一-龥\u3040-ゟ゠-ヿ]+",
          "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}"
          "\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"};
}

Json tiny_tokenizer_json(const std::vector<std::pair<std::string, std::string>>& merges) {
  Json vocab = Json::object();
  Json merge_list = Json::array();
  for (int byte = 0; byte < 256; ++byte) vocab[char_of_byte(byte)] = byte;
  for (const auto& [left, right] : merges) {
    vocab.emplace(chars_of_bytes(left + right), static_cast<int>(vocab.size()));
    merge_list.push_back(chars_of_bytes(left) + " " + chars_of_bytes(right));
  }
  Json added = Json::array();
  for (const char* content : {"<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜User｜>",
                              "<｜Assistant｜>", "<think>", "</think>"}) {
    added.push_back({{"id", vocab.size() + added.size()},
                     {"content", content},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", true}});
  }
  Json steps = Json::array();
  for (const std::string& pattern : deepseek_patterns()) {
    steps.push_back({{"type", "Split"},
                     {"pattern", {{"Regex", pattern}}},
                     {"behavior", "Isolated"},
                     {"invert", false}});
  }
  steps.push_back({{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}});
  return {{"added_tokens", added},
          {"normalizer", nullptr},
          {"pre_tokenizer", {{"type", "Sequence"}, {"pretokenizers", steps}}},
          {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", merge_list}}}};
}

}  // namespace widenet::test
