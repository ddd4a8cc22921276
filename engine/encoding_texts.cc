// Which constants of the encoding file are read.
#include "engine/encoding_texts.h"

#include "base/file.h"
#include "engine/python_constants.h"

namespace widenet::engine {
namespace {

constexpr size_t kEncoderBytesMax = size_t{4} << 20;
constexpr const char* kEfforts = "REASONING_EFFORT_PROMPTS";

}  // namespace

EncodingTexts read_encoding_texts(const std::filesystem::path& model_dir) {
  const auto file = model_dir / "encoding" / "encoding_dsv4.py";
  if (!std::filesystem::exists(file)) return {};
  const std::string source = read_file(file, kEncoderBytesMax);
  EncodingTexts texts = {.tools = python_string(source, "TOOLS_TEMPLATE"),
                         .response_format = python_string(source, "response_format_template"),
                         .effort_low = python_table_entry(source, kEfforts, "low"),
                         .effort_high = python_table_entry(source, kEfforts, "high"),
                         .effort_max = python_table_entry(source, kEfforts, "max")};
  if (!texts.response_format) {
    texts.response_format = python_string(source, "RESPONSE_FORMAT_TEMPLATE");
  }
  if (!texts.effort_max) texts.effort_max = python_string(source, "REASONING_EFFORT_MAX");
  return texts;
}

}  // namespace widenet::engine
