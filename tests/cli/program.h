// Runs the built widenet in a directory of its own and reports what a shell would see.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace widenet::testing {

struct Outcome {
  int exit_code = -1;  // 128 + the signal's number if a signal ended it
  std::string out;
  std::string err;
};

// Makes a fresh directory and removes it at the end.
class ScratchDirectory {
 public:
  ScratchDirectory();
  ~ScratchDirectory();
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }

  // Writes a file under the directory, with the folders it needs, and returns its path.
  std::filesystem::path write(const std::string& name, const std::string& contents) const;

 private:
  std::filesystem::path path_;
};

// Runs `program` (a file beside the test binary, or a path) with `arguments` in `directory`.
Outcome run_program(const std::string& program,
                    const std::vector<std::string>& arguments,
                    const std::filesystem::path& directory);

}  // namespace widenet::testing
