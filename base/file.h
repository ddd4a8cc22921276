// Files: reading, mapping, and replacing them so that a crash leaves the old or the new one whole.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace widenet {

// What was attempted, on which file, and what the system said.
class FileError : public std::runtime_error {
 public:
  explicit FileError(const std::string& what, int error_number = 0)
      : std::runtime_error(what), error_number_(error_number) {}

  // errno's value (ENOSPC: the disk is full), or 0 where the system gave none.
  int error_number() const { return error_number_; }

 private:
  int error_number_;
};

// Owns a file descriptor; closes it.  Move-only.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() { reset(); }
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.release()) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;

  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  int release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }
  void reset(int fd = -1);

 private:
  int fd_ = -1;
};

// A whole file mapped read-only.  The bytes live as long as the object.  Thread-safe to read.
// A file that another process truncates while it is mapped raises SIGBUS on access, as with any
// mapping.
class MappedFile {
 public:
  // Throws FileError.  An empty file maps to an empty span.
  static MappedFile open(const std::filesystem::path& path);

  MappedFile() = default;
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::span<const std::byte> bytes_;
};

// The whole file.  Throws FileError, also when it is larger than bytes_max.
std::string read_file(const std::filesystem::path& path, size_t bytes_max = size_t{1} << 40);

// Replaces `path` by `contents`: temporary name beside it, fsync, rename, fsync of the directory.
// After a crash the old file is there or the new one, never a mixture.  Throws FileError.
void write_file_atomically(const std::filesystem::path& path, std::string_view contents);

// Makes a rename or creation inside `directory` durable.  Throws FileError.
void sync_directory(const std::filesystem::path& directory);

}  // namespace widenet
