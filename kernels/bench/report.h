// The results as a table and as JSON.
#pragma once

#include <span>
#include <string>

#include "kernels/bench/case.h"
#include "kernels/bench/measure.h"
#include "kernels/bench/roofs.h"

namespace widenet::kernels::bench {

// Lines of text, each ended.  The roofs' say so if the cores were busy elsewhere.
std::string format_roofs(const Roofs& roofs, const RoofLoops& loops);
std::string format_table_head();
std::string format_table_row(const Case& c, const Result& result);

// What was measured with one number of threads.
struct ThreadsReport {
  Roofs roofs;
  std::span<const Case> cases;
  std::span<const Result> results;  // of the cases, in their order
};

//   {"backend", "instructions",
//    "runs": [{"threads",
//              "roofs": {"f32_fma", "bf16_dot", "int8_dot",      operations a second
//                        "memory",                               bytes a second
//                        "cpu_share"},                           see Roofs
//              "kernels": [{"kernel", "shape", "ns", "ns_median", "bytes_read", "bytes_written",
//                           "operations",                        of a call
//                           "bound": "memory" | "f32 fma" | "bf16 dot" | "int8 dot",
//                           "share"}]}]}                         0 to 1, of that roof
std::string format_json(const std::string& backend,
                        const RoofLoops& loops,
                        std::span<const ThreadsReport> runs);

}  // namespace widenet::kernels::bench
