#include "tests/support/tiny_model.h"

#include <array>
#include <string_view>

#include "base/file.h"
#include "base/utf8.h"

namespace widenet::test {
namespace {

// How byte-level BPE spells a byte in its vocabulary: printable ones as themselves, the others in
// order from U+0100 on.
std::array<std::string, 256> byte_spellings() {
  std::array<std::string, 256> spellings;
  char32_t next = 0x100;
  for (char32_t byte = 0; byte < 256; ++byte) {
    const bool is_printable = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) ||
                              (byte >= 0xAE && byte <= 0xFF);
    append_utf8(spellings[byte], is_printable ? byte : next++);
  }
  return spellings;
}

std::string json_string(std::string_view text) {
  std::string json = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') json += '\\';
    json += c;
  }
  return json + "\"";
}

}  // namespace

std::string byte_tokenizer_json() {
  constexpr std::array<std::string_view, 6> kSpecial = {"<｜begin▁of▁sentence｜>",
                                                        "<｜end▁of▁sentence｜>",
                                                        "<｜User｜>",
                                                        "<｜Assistant｜>",
                                                        "<think>",
                                                        "</think>"};
  std::string added, vocabulary;
  for (size_t i = 0; i < kSpecial.size(); ++i) {
    added += (i > 0 ? "," : "") + ("{\"id\":" + std::to_string(i)) +
             ",\"content\":" + json_string(kSpecial[i]) +
             ",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":false,"
             "\"special\":true}";
    vocabulary += json_string(kSpecial[i]) + ":" + std::to_string(i) + ",";
  }
  const auto spellings = byte_spellings();
  for (size_t byte = 0; byte < spellings.size(); ++byte) {
    vocabulary +=
        (byte > 0 ? "," : "") + json_string(spellings[byte]) + ":" + std::to_string(8 + byte);
  }
  return R"({"version":"1.0","truncation":null,"padding":null,"added_tokens":[)" + added +
         R"(],"normalizer":null,"pre_tokenizer":{"type":"Sequence","pretokenizers":[)"
         R"({"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false}]},)"
         R"("post_processor":null,"decoder":{"type":"ByteLevel","add_prefix_space":true,)"
         R"("trim_offsets":true,"use_regex":true},"model":{"type":"BPE","dropout":null,)"
         R"("unk_token":null,"continuing_subword_prefix":null,"end_of_word_suffix":null,)"
         R"("fuse_unk":false,"byte_fallback":false,"vocab":{)" +
         vocabulary + R"(},"merges":[]}})";
}

void make_tiny_model(const std::filesystem::path& folder) {
  const std::filesystem::path golden = WN_GOLDEN_CHECKPOINT;
  std::filesystem::create_directories(folder);
  for (const char* file : {"config.json", "model.safetensors"}) {
    std::filesystem::create_symlink(golden / file, folder / file);
  }
  write_file_atomically(folder / "tokenizer.json", byte_tokenizer_json());
}

}  // namespace widenet::test
