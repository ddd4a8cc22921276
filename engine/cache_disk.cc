#include "engine/cache_disk.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace widenet::engine {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const char* attempt, const fs::path& path, int error_number) {
  throw FileError(std::string("cannot ") + attempt + " \"" + path.string() +
                      "\": " + std::strerror(error_number),
                  error_number);
}

class PosixFile final : public CacheDisk::File {
 public:
  PosixFile(FileDescriptor file, fs::path path) : file_(std::move(file)), path_(std::move(path)) {}

  size_t read_at(std::span<std::byte> target, int64_t offset) override {
    size_t n_read = 0;
    while (n_read < target.size()) {
      const ssize_t count = ::pread(file_.get(), target.data() + n_read, target.size() - n_read,
                                    offset + static_cast<int64_t>(n_read));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) fail("read", path_, errno);
      if (count == 0) break;
      n_read += static_cast<size_t>(count);
    }
    return n_read;
  }

  void write_at(std::span<const std::byte> source, int64_t offset) override {
    while (!source.empty()) {
      const ssize_t count = ::pwrite(file_.get(), source.data(), source.size(), offset);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) fail("write", path_, errno);
      source = source.subspan(static_cast<size_t>(count));
      offset += count;
    }
  }

  void truncate(int64_t size) override {
    if (::ftruncate(file_.get(), size) != 0) fail("cut", path_, errno);
  }

  // The size belongs to the data; times do not, and would cost a second write.
  void sync() override {
    if (::fdatasync(file_.get()) != 0) fail("sync", path_, errno);
  }

  int64_t size() override { return inspect().st_size; }
  int64_t allocated_bytes() override { return int64_t{inspect().st_blocks} * 512; }

 private:
  struct stat inspect() const {
    struct stat status {};
    if (::fstat(file_.get(), &status) != 0) fail("inspect", path_, errno);
    return status;
  }

  FileDescriptor file_;
  fs::path path_;
};

class PosixLock final : public CacheDisk::Lock {
 public:
  explicit PosixLock(FileDescriptor file) : file_(std::move(file)) {}

 private:
  FileDescriptor file_;  // closing it gives the lock back
};

int flags_of(CacheDisk::Mode mode) {
  switch (mode) {
    case CacheDisk::Mode::read:
      return O_RDONLY;
    case CacheDisk::Mode::read_write:
      return O_RDWR | O_CREAT;
    case CacheDisk::Mode::create_unique:
      return O_RDWR | O_CREAT | O_EXCL;
  }
  return O_RDONLY;
}

// For its owner alone: the state of a document tells what is in it.
FileDescriptor open_file(const fs::path& path, CacheDisk::Mode mode) {
  FileDescriptor file(::open(path.c_str(), flags_of(mode) | O_CLOEXEC, 0600));
  if (!file.is_open()) fail("open", path, errno);
  return file;
}

class PosixDisk final : public CacheDisk {
 public:
  std::unique_ptr<File> open(const fs::path& path, Mode mode) override {
    return std::make_unique<PosixFile>(open_file(path, mode), path);
  }

  void rename(const fs::path& source, const fs::path& target) override {
    if (::rename(source.c_str(), target.c_str()) != 0) fail("rename to", target, errno);
  }

  bool remove(const fs::path& path) override {
    if (::unlink(path.c_str()) == 0) return true;
    if (errno != ENOENT) fail("remove", path, errno);
    return false;
  }

  void sync_directory(const fs::path& directory) override { widenet::sync_directory(directory); }

  std::vector<Entry> list(const fs::path& directory) override {
    std::vector<Entry> entries;
    std::error_code error;
    for (fs::directory_iterator entry(directory, error), end; !error && entry != end;
         entry.increment(error)) {
      std::error_code vanished;
      const bool is_directory = entry->is_directory(vanished) && !entry->is_symlink(vanished);
      entries.push_back({.name = entry->path().filename().string(), .is_directory = is_directory});
    }
    if (error) fail("list", directory, error.value());
    return entries;
  }

  bool exists(const fs::path& path) override {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0;
  }

  void make_directories(const fs::path& directory) override {
    std::error_code ignored;
    if (fs::is_directory(directory, ignored)) return;
    const fs::path parent = directory.has_parent_path() ? directory.parent_path() : ".";
    if (parent != directory) make_directories(parent);
    if (::mkdir(directory.c_str(), 0777) != 0) {
      const int error_number = errno;
      if (fs::is_directory(directory, ignored)) return;  // another process was quicker
      fail("make the directory", directory, error_number);
    }
    widenet::sync_directory(parent);
  }

  int64_t free_bytes(const fs::path& directory) override {
    struct statvfs status {};
    if (::statvfs(directory.c_str(), &status) != 0) fail("inspect", directory, errno);
    return static_cast<int64_t>(status.f_bavail * status.f_frsize);
  }

  std::unique_ptr<Lock> lock(const fs::path& path) override {
    FileDescriptor file = open_file(path, Mode::read_write);
    if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0) {
      return std::make_unique<PosixLock>(std::move(file));
    }
    if (errno != EWOULDBLOCK) fail("lock", path, errno);
    return nullptr;
  }
};

}  // namespace

std::unique_ptr<CacheDisk> make_posix_disk() {
  return std::make_unique<PosixDisk>();
}

}  // namespace widenet::engine
