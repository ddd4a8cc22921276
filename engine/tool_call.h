// ToolCall: a function that the model calls, and how DSML writes it.
#pragma once

#include <string>

namespace widenet::engine {

// In a prompt and in the model's output (<｜DSML｜ with its special token between the bars):
//
//   <｜DSML｜tool_calls>
//   <｜DSML｜invoke name="NAME">
//   <｜DSML｜parameter name="KEY" string="true">TEXT</｜DSML｜parameter>
//   <｜DSML｜parameter name="KEY" string="false">JSON</｜DSML｜parameter>
//   </｜DSML｜invoke>
//   </｜DSML｜tool_calls>
struct ToolCall {
  std::string id;  // pairs a call with its result; not written
  std::string name;
  std::string arguments;  // JSON object

  bool operator==(const ToolCall&) const = default;
};

}  // namespace widenet::engine
