// Which files an ingest means.
#include <gtest/gtest.h>

#include <fstream>

#include "base/file.h"
#include "library/ingest_job.h"
#include "tests/support/temporary_directory.h"

namespace widenet::library {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> keys(const std::vector<SourceFile>& files) {
  std::vector<std::string> keys;
  for (const auto& file : files) keys.push_back(file.key);
  return keys;
}

TEST(FindFilesTest, DirectoriesAreWalkedInOrderWithoutHiddenFilesAndLinks) {
  const test::TemporaryDirectory directory;
  const fs::path papers = directory.path() / "papers";
  for (const char* name : {"b.txt", "a/z.txt", "a/y.txt", ".hidden", ".git/config"}) {
    fs::create_directories((papers / name).parent_path());
    std::ofstream(papers / name) << name;
  }
  fs::create_symlink("/etc/passwd", papers / "link.txt");
  fs::create_directory_symlink("/etc", papers / "etc");
  const std::vector<fs::path> given = {papers / ""};
  EXPECT_EQ(keys(find_files(given)),
            (std::vector<std::string>{"papers/a/y.txt", "papers/a/z.txt", "papers/b.txt"}));
  const std::vector<fs::path> file = {papers / "a" / "y.txt"};
  EXPECT_EQ(keys(find_files(file)), std::vector<std::string>{"y.txt"});
}

TEST(FindFilesTest, WhatIsNotThereIsNamed) {
  const std::vector<fs::path> given = {"/no/such/place.txt"};
  try {
    find_files(given);
    FAIL();
  } catch (const FileError& error) {
    EXPECT_NE(std::string(error.what()).find("/no/such/place.txt"), std::string::npos);
  }
  const std::vector<fs::path> device = {"/dev/null"};
  EXPECT_THROW(find_files(device), FileError);
}

}  // namespace
}  // namespace widenet::library
