// CacheDisk: every file operation of the prefix cache, so that a test can be the disk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"

namespace widenet::engine {

// What was written is durable only after sync(), and a name that was made, renamed or removed only
// after sync_directory() of the directory it is in.
//
// Failures are FileErrors; error_number() is ENOSPC when the disk is full.  Thread-safe; one File
// is used by one thread at a time.
class CacheDisk {
 public:
  class File {
   public:
    virtual ~File() = default;

    // Fills `target` from `offset` on.  Returns how many bytes there were: fewer only at the end of
    // the file.
    [[nodiscard]] virtual size_t read_at(std::span<std::byte> target, int64_t offset) = 0;
    virtual void write_at(std::span<const std::byte> source, int64_t offset) = 0;
    virtual void truncate(int64_t size) = 0;
    virtual void sync() = 0;
    virtual int64_t size() = 0;
    virtual int64_t allocated_bytes() = 0;  // of the disk's blocks; certain only after sync()
  };

  enum class Mode {
    read,           // what is there
    read_write,     // what is there, or a new empty file
    create_unique,  // a new file; fails if the name is taken
  };

  // As directory entries are: a symbolic link is not a directory, whatever it points to.
  struct Entry {
    std::string name;
    bool is_directory = false;
  };

  // Holds a lock until it goes, or the process does.
  class Lock {
   public:
    virtual ~Lock() = default;
  };

  virtual ~CacheDisk() = default;

  // A file that is removed while it is open stays readable.
  virtual std::unique_ptr<File> open(const std::filesystem::path& path, Mode mode) = 0;

  // Replaces `target` if it is there.
  virtual void rename(const std::filesystem::path& source, const std::filesystem::path& target) = 0;
  virtual bool remove(const std::filesystem::path& path) = 0;  // a file; false: there was none
  virtual void sync_directory(const std::filesystem::path& directory) = 0;
  virtual std::vector<Entry> list(const std::filesystem::path& directory) = 0;
  virtual bool exists(const std::filesystem::path& path) = 0;

  // Also those above it.  What it makes is durable.
  virtual void make_directories(const std::filesystem::path& directory) = 0;

  // What is left for us on the disk that holds `directory`.
  virtual int64_t free_bytes(const std::filesystem::path& directory) = 0;

  // Makes the file `path` and locks it.  Nothing if another holder, in this process or any other on
  // this machine, has it.
  virtual std::unique_ptr<Lock> lock(const std::filesystem::path& path) = 0;
};

// The operating system's.
std::unique_ptr<CacheDisk> make_posix_disk();

}  // namespace widenet::engine
