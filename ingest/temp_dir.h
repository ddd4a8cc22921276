// A private directory that goes with everything in it.
#pragma once

#include <filesystem>
#include <system_error>

namespace widenet::ingest {

class TempDir {
 public:
  // Below $TMPDIR, or /tmp.  Throws ExtractError.
  TempDir();
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace widenet::ingest
