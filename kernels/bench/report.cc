// Formats results.  The JSON is written by hand: no name in it needs an escape.
#include "kernels/bench/report.h"

#include <cinttypes>
#include <cstdarg>
#include <cstdio>

#include "base/check.h"

namespace widenet::kernels::bench {
namespace {

__attribute__((format(printf, 1, 2))) std::string text(const char* format, ...) {
  char line[512];
  va_list arguments;
  va_start(arguments, format);
  // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): clang-tidy 14 overlooks va_start
  const int n = std::vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  WN_CHECK(0 <= n && n < static_cast<int>(sizeof line));
  return line;
}

const char* name_of(Bound bound) {
  switch (bound) {
    case Bound::memory:
      return "memory";
    case Bound::f32_fma:
      return "f32 fma";
    case Bound::bf16_dot:
      return "bf16 dot";
    case Bound::int8_dot:
      return "int8 dot";
  }
  return "";
}

// In the unit of the roof that binds it.
std::string rate_of(const Case& c, const Result& result) {
  if (result.bound == Bound::memory) {
    return text("%.1f GB/s", static_cast<double>(c.work.bytes()) / result.seconds * 1e-9);
  }
  return text("%.1f %s", static_cast<double>(c.work.operations) / result.seconds * 1e-9,
              result.bound == Bound::int8_dot ? "GOP/s" : "GFLOP/s");
}

std::string json_of(const Roofs& roofs) {
  return text(R"({"f32_fma": %.4g, "bf16_dot": %.4g, "int8_dot": %.4g, "memory": %.4g, )",
              roofs.f32_fma, roofs.bf16_dot, roofs.int8_dot, roofs.read) +
         text(R"("cpu_share": %.3f})", roofs.cpu_share);
}

std::string json_of(const Case& c, const Result& result) {
  return text(R"({"kernel": "%s", "shape": "%s", "ns": %.1f, "ns_median": %.1f, )",
              c.name().c_str(), c.shape.c_str(), result.seconds * 1e9,
              result.seconds_median * 1e9) +
         text(R"("bytes_read": %)" PRId64 R"(, "bytes_written": %)" PRId64
              R"(, "operations": %)" PRId64 R"(, "bound": "%s", "share": %.4f})",
              c.work.bytes_read, c.work.bytes_written, c.work.operations, name_of(result.bound),
              result.share);
}

}  // namespace

std::string format_roofs(const Roofs& roofs, const RoofLoops& loops) {
  constexpr double kDisturbed = 0.9;  // threads that wait for a pass's last piece take up to that
  std::string lines =
      text("%d thread%s\n", roofs.n_threads, roofs.n_threads == 1 ? "" : "s") +
      text("  f32 fma   %8.1f GFLOP/s  %s\n", roofs.f32_fma * 1e-9, loops.f32_fma.instruction) +
      text("  bf16 dot  %8.1f GFLOP/s  %s\n", roofs.bf16_dot * 1e-9, loops.bf16_dot.instruction) +
      text("  int8 dot  %8.1f GOP/s    %s\n", roofs.int8_dot * 1e-9, loops.int8_dot.instruction) +
      text("  memory    %8.1f GB/s     read\n", roofs.read * 1e-9);
  if (roofs.cpu_share < kDisturbed) {
    lines += text("  disturbed: %.0f%% of the cores' time went elsewhere\n",
                  100.0 * (1.0 - roofs.cpu_share));
  }
  return lines;
}

std::string format_table_head() {
  return text("%-22s %-22s %14s %15s  %-8s %6s\n", "kernel", "shape", "ns", "rate", "bound",
              "share");
}

std::string format_table_row(const Case& c, const Result& result) {
  return text("%-22s %-22s %14.0f %15s  %-8s %5.1f%%\n", c.name().c_str(), c.shape.c_str(),
              result.seconds * 1e9, rate_of(c, result).c_str(), name_of(result.bound),
              result.share * 100.0);
}

std::string format_json(const std::string& backend,
                        const RoofLoops& loops,
                        std::span<const ThreadsReport> runs) {
  std::string json =
      text(R"({"backend": "%s", "instructions": "%s", "runs": [)", backend.c_str(), loops.name);
  for (size_t i = 0; i < runs.size(); ++i) {
    const ThreadsReport& run = runs[i];
    WN_CHECK(run.cases.size() == run.results.size());
    json += text("%s\n  {\"threads\": %d,\n   \"roofs\": ", i == 0 ? "" : ",", run.roofs.n_threads);
    json += json_of(run.roofs) + ",\n   \"kernels\": [";
    for (size_t j = 0; j < run.cases.size(); ++j) {
      json += (j == 0 ? "\n    " : ",\n    ") + json_of(run.cases[j], run.results[j]);
    }
    json += "]}";
  }
  return json + "]}\n";
}

}  // namespace widenet::kernels::bench
