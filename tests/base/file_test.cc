// File helpers: what a reader sees, and what is left behind.
#include "base/file.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace widenet {
namespace {

class FileTest : public testing::Test {
 protected:
  FileTest()
      : directory_(std::filesystem::temp_directory_path() /
                   ("widenet-file-test-" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(directory_);
  }
  ~FileTest() override { std::filesystem::remove_all(directory_); }

  const std::filesystem::path directory_;
};

TEST_F(FileTest, WriteReplacesTheWholeFileAndLeavesNoTemporary) {
  const auto path = directory_ / "a";
  write_file_atomically(path, "a longer first version");
  write_file_atomically(path, "second");
  EXPECT_EQ(read_file(path), "second");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_), {}), 1);
}

TEST_F(FileTest, MappingShowsTheBytesAndAnEmptyFileIsEmpty) {
  write_file_atomically(directory_ / "a", "bytes");
  write_file_atomically(directory_ / "empty", "");
  const MappedFile mapped = MappedFile::open(directory_ / "a");
  ASSERT_EQ(mapped.bytes().size(), 5u);
  EXPECT_EQ(static_cast<char>(mapped.bytes()[4]), 's');
  EXPECT_TRUE(MappedFile::open(directory_ / "empty").bytes().empty());
}

TEST_F(FileTest, ErrorsNameTheFile) {
  try {
    read_file(directory_ / "missing");
    FAIL() << "a missing file was read";
  } catch (const FileError& error) {
    EXPECT_NE(std::string(error.what()).find("missing"), std::string::npos) << error.what();
  }
  EXPECT_THROW(MappedFile::open(directory_), FileError);
  EXPECT_THROW(write_file_atomically(directory_ / "no" / "such", "x"), FileError);
}

TEST_F(FileTest, ReadRefusesMoreThanItsLimit) {
  write_file_atomically(directory_ / "a", "12345");
  EXPECT_EQ(read_file(directory_ / "a", 5), "12345");
  EXPECT_THROW(read_file(directory_ / "a", 4), FileError);
}

}  // namespace
}  // namespace widenet
