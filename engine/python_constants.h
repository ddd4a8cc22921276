// Constants out of a Python source file, which is read as text and never run.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace widenet::engine {

// The value of the top-level assignment `name = "..."`, with or without an annotation.  Nothing if
// there is none, or if what is assigned is more than string literals, side by side or in
// parentheses: prefixes (f"", r"") and operators are not understood.
std::optional<std::string> python_string(std::string_view source, std::string_view name);

// The value of `key` in the top-level assignment `name = {"key": "...", ...}`, a table from string
// literals to such strings.
std::optional<std::string> python_table_entry(std::string_view source,
                                              std::string_view name,
                                              std::string_view key);

// What str.format would do with a template that has placeholders only by name: calls one of the two
// for each part, in order; doubled braces are given as single ones.  False, at the point where it
// is noticed, if a brace is left alone.
bool format_like_python(std::string_view text,
                        const std::function<void(std::string_view text)>& on_text,
                        const std::function<void(std::string_view name)>& on_placeholder);

}  // namespace widenet::engine
