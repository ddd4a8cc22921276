// A checkpoint's encoding file, with words of our own.
#pragma once

#include <filesystem>
#include <string>

#include "base/file.h"

namespace widenet::test {

// As checkpoints have it: a constant for each block, in Python.
inline const std::string kEncodingFile = R"py("""Says how to talk."""
eos_token: str = "END"
reply_template: str = "{reply}" + eos_token

response_format_template: str = (
    "# Shape\n\nReply as {schema}"
)
"""What the reply looks like."""

REASONING_EFFORT_PROMPTS: Dict[str, str] = {
    "low": "",  # nothing
    "high": (
        "Think well.\n"
        "Then again.\n\n"
    ),
    "max": 'Think \u2014 for ever.\n\n',
}

TOOLS_TEMPLATE = """# Things to call

Write "<{dsml_token}tool_calls>" after {thinking_start_token}...{thinking_end_token}, {{}} for none.

{tool_schemas}

That is all.
"""
"""And that was the template."""
)py";

inline void write_encoding_file(const std::filesystem::path& model_dir,
                                const std::string& source = kEncodingFile) {
  std::filesystem::create_directories(model_dir / "encoding");
  write_file_atomically(model_dir / "encoding" / "encoding_dsv4.py", source);
}

}  // namespace widenet::test
