// Running another program to its end: its output bounded, its time bounded, its group killed.
#pragma once

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace widenet::ingest {

// A child could not be started or watched (no processes, descriptors or memory left, no such
// program).
class ExtractError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct ProcessOptions {
  std::vector<std::string> arguments;    // the first is the program, looked up in PATH
  std::vector<std::string> environment;  // "NAME=value", nothing else is inherited
  int stdin_fd = -1;                     // -1: /dev/null
  bool own_group = true;                 // a process group of its own, killed as a whole
  int64_t output_bytes_max = int64_t{1} << 30;
  std::chrono::milliseconds wall_max{60'000};
};

enum class ProcessEnd { exited, signalled, timed_out, too_much_output };

struct ProcessResult {
  ProcessEnd end = ProcessEnd::exited;
  int code = 0;        // exit status, or the signal
  std::string output;  // stdout
  std::string errors;  // stderr, its first 16 KiB

  bool succeeded() const { return end == ProcessEnd::exited && code == 0; }
};

// Blocks until the program has ended or was killed.  It has no descriptors but the three standard
// ones.  Thread-safe.  Throws ExtractError.
ProcessResult run_process(const ProcessOptions& options);

}  // namespace widenet::ingest
