// Which files an ingest means, and the keys they have in their collection.
#include <algorithm>
#include <system_error>

#include "base/file.h"
#include "library/ingest_job.h"

namespace widenet::library {
namespace {

namespace fs = std::filesystem;

bool is_hidden(const fs::path& path) {
  return path.filename().string().starts_with(".");
}

void add_directory(const fs::path& directory,
                   const fs::path& base,
                   std::vector<SourceFile>& files) {
  std::vector<fs::directory_entry> entries;
  for (const auto& entry : fs::directory_iterator(directory)) entries.push_back(entry);
  std::sort(entries.begin(), entries.end());
  for (const auto& entry : entries) {
    if (is_hidden(entry.path()) || entry.is_symlink()) continue;
    if (entry.is_directory()) {
      add_directory(entry.path(), base, files);
    } else if (entry.is_regular_file()) {
      files.push_back({entry.path(), entry.path().lexically_relative(base).generic_string()});
    }
  }
}

}  // namespace

std::vector<SourceFile> find_files(std::span<const fs::path> paths) {
  std::vector<SourceFile> files;
  for (const auto& given : paths) {
    std::error_code error;
    const fs::path path = fs::canonical(given, error);
    if (error) {
      throw FileError("cannot ingest \"" + given.string() + "\": " + error.message());
    }
    if (fs::is_directory(path)) {
      try {
        add_directory(path, path.parent_path(), files);
      } catch (const fs::filesystem_error& failure) {
        throw FileError("cannot list \"" + failure.path1().string() +
                        "\": " + failure.code().message());
      }
    } else if (fs::is_regular_file(path)) {
      files.push_back({path, path.filename().generic_string()});
    } else {
      throw FileError("cannot ingest \"" + given.string() +
                      "\": it is neither a file nor a directory");
    }
  }
  return files;
}

}  // namespace widenet::library
