#include "base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

namespace widenet {
namespace {

[[noreturn]] void fail(const char* attempt, const std::filesystem::path& path, int error_number) {
  throw FileError(std::string("cannot ") + attempt + " \"" + path.string() +
                      "\": " + std::strerror(error_number),
                  error_number);
}

FileDescriptor open_for_reading(const std::filesystem::path& path) {
  FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) fail("open", path, errno);
  return file;
}

size_t size_of(const FileDescriptor& file, const std::filesystem::path& path) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) fail("inspect", path, errno);
  if (S_ISDIR(status.st_mode)) fail("read", path, EISDIR);
  return static_cast<size_t>(status.st_size);
}

void write_all(const FileDescriptor& file,
               std::string_view contents,
               const std::filesystem::path& path) {
  while (!contents.empty()) {
    const ssize_t written = ::write(file.get(), contents.data(), contents.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("write", path, errno);
    contents.remove_prefix(static_cast<size_t>(written));
  }
}

// Unique among the threads and processes that may write the same file at once.
std::filesystem::path temporary_name(const std::filesystem::path& path) {
  static std::atomic<unsigned> counter{0};
  std::filesystem::path name = path;
  name += "." + std::to_string(::getpid()) + "." + std::to_string(counter++) + ".tmp";
  return name;
}

}  // namespace

void FileDescriptor::reset(int fd) {
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

MappedFile MappedFile::open(const std::filesystem::path& path) {
  const FileDescriptor file = open_for_reading(path);
  const size_t size = size_of(file, path);
  MappedFile mapped;
  if (size == 0) return mapped;
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (address == MAP_FAILED) fail("map", path, errno);
  mapped.bytes_ = {static_cast<const std::byte*>(address), size};
  return mapped;
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

MappedFile::MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

std::string read_file(const std::filesystem::path& path, size_t bytes_max) {
  const FileDescriptor file = open_for_reading(path);
  const size_t expected = size_of(file, path);
  if (expected > bytes_max) fail("read", path, EFBIG);
  std::string contents;
  contents.reserve(expected);
  char buffer[1 << 16];
  for (;;) {  // to the end of the file, not to its reported size: pipes and /proc report none
    const ssize_t count = ::read(file.get(), buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail("read", path, errno);
    if (count == 0) return contents;
    contents.append(buffer, static_cast<size_t>(count));
    if (contents.size() > bytes_max) fail("read", path, EFBIG);
  }
}

void write_file_atomically(const std::filesystem::path& path, std::string_view contents) {
  const std::filesystem::path temporary = temporary_name(path);
  try {
    const FileDescriptor file(
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    if (!file.is_open()) fail("create", temporary, errno);
    write_all(file, contents, temporary);
    if (::fsync(file.get()) != 0) fail("sync", temporary, errno);
    if (::rename(temporary.c_str(), path.c_str()) != 0) fail("replace", path, errno);
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  sync_directory(path.has_parent_path() ? path.parent_path() : ".");
}

void sync_directory(const std::filesystem::path& directory) {
  const FileDescriptor handle(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!handle.is_open()) fail("open", directory, errno);
  if (::fsync(handle.get()) != 0) fail("sync", directory, errno);
}

}  // namespace widenet
