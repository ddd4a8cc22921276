// Runs a fuzz target on its corpus as an ordinary test: every file as it is, cut short, and with
// single bytes changed in a way that is the same on every run.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "base/file.h"
#include "tests/fuzz/fuzz_target.h"

namespace {

constexpr size_t kCuts = 16;
constexpr size_t kChanges = 48;

void run(const std::string& bytes) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
}

void run_with_variants(const std::string& bytes) {
  run(bytes);
  if (bytes.empty()) return;
  for (size_t i = 0; i < kCuts; ++i) run(bytes.substr(0, bytes.size() * i / kCuts));
  uint32_t state = 1;
  for (size_t i = 0; i < kChanges; ++i) {
    std::string changed = bytes;
    state = state * 1664525 + 1013904223;
    changed[state % changed.size()] = static_cast<char>(state >> 24);
    run(changed);
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::filesystem::path> files;
  for (int i = 1; i < argc; ++i) {
    if (!std::filesystem::is_directory(argv[i])) {
      files.emplace_back(argv[i]);
      continue;
    }
    for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  for (const auto& file : files) run_with_variants(widenet::read_file(file));
  std::printf("%zu files\n", files.size());
  return files.empty() ? 1 : 0;
}
