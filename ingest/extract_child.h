// The sandbox around extraction: foreign bytes are parsed in a child process that can at worst lose
// its own document.
//
// The parent (extract_file) starts `PROGRAM extract FORMAT --name NAME` in a process group of its
// own, with the file as its stdin, an empty private directory as TMPDIR, a bare environment and no
// other descriptor; reads a bounded amount of JSON; kills the whole group at the wall-clock limit;
// removes the directory; and validates what it read.  The child (run_extract_child) bounds its own
// memory, CPU time, file size and descriptors, reads its input, then gives up its rights:
//  - every format but PDF is parsed in the process, under a seccomp list of about forty system
//    calls: no opening of files, no sockets, no new processes;
//  - PDF is read by pdftotext, pdftoppm and tesseract, which the child runs one after the other,
//    each under the same limits.  Child and tools may start processes and open files, but have no
//    sockets, no tracing or signalling of others, no way out of the process group, and, where the
//    kernel has Landlock, no files but the system's (read-only) and TMPDIR.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ingest/document.h"
#include "ingest/process.h"

namespace widenet::ingest {

struct ExtractLimits {
  int64_t input_bytes_max = int64_t{512} << 20;
  int64_t output_bytes_max = int64_t{256} << 20;
  int64_t memory_bytes_max = int64_t{4} << 30;
  std::chrono::seconds cpu_max{300};   // of one process
  std::chrono::seconds wall_max{600};  // of the whole, children included
};

struct ExtractOptions {
  std::filesystem::path program = "/proc/self/exe";  // an executable that has the verb `extract`
  std::string format = "auto";
  ExtractLimits limits;
};

// Extracts the file at `path`, known to its users as `name`, and its attachments (each in a child
// of its own; they come as further documents, with metadata "attached_to", the title of what they
// came with, and "name", their path inside the file; one that fails becomes a warning of the
// document it came with).  Blocks.  Thread-safe.  A file that cannot be read or
// parsed, or that exceeds a limit, gives the reason.  Throws ExtractError when no child can be
// started.
Result<std::vector<ExtractedDocument>> extract_file(const std::filesystem::path& path,
                                                    std::string_view name,
                                                    const ExtractOptions& options = {});

struct ExtractChildOptions {
  std::string format = "auto";
  std::string name;
  ExtractLimits limits;
};

// What the line begins with in which a child says why it refuses.
inline constexpr std::string_view kChildReason = "widenet extract: ";

// The child's whole life: limits itself, reads stdin, extracts, writes JSON to stdout or one line
// with the reason to stderr, and returns the exit code (0 or 1).  The process cannot do anything
// else afterwards: call _exit with the result.
int run_extract_child(const ExtractChildOptions& options);

}  // namespace widenet::ingest
