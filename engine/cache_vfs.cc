#include "engine/cache_vfs.h"

#include <sqlite3.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

namespace widenet::engine {

struct CacheVfs::Impl {
  CacheDisk& disk;
  std::string name;
  std::string last_error;
  sqlite3_vfs vfs = {};
};

namespace {

namespace fs = std::filesystem;

constexpr int kPathBytesMax = 4096;

// SQLite allocates it, as szOsFile says; xOpen constructs and xClose destroys it.
struct VfsFile : sqlite3_file {
  VfsFile(CacheVfs::Impl& owner, std::unique_ptr<CacheDisk::File> opened)
      : sqlite3_file{}, impl(owner), file(std::move(opened)) {}

  CacheVfs::Impl& impl;
  std::unique_ptr<CacheDisk::File> file;
  fs::path unsynced_directory;  // of a new file's name, until its first sync; else empty
};

VfsFile& self(sqlite3_file* file) {
  return *static_cast<VfsFile*>(file);
}

CacheVfs::Impl& self(sqlite3_vfs* vfs) {
  return *static_cast<CacheVfs::Impl*>(vfs->pAppData);
}

// The result code of an operation that returns one or throws: nothing passes SQLite's frames.
template <typename Operation>
int attempt(CacheVfs::Impl& impl, int code_of_failure, const Operation& operation) {
  try {
    return operation();
  } catch (const FileError& error) {
    impl.last_error = error.what();
    return error.error_number() == ENOSPC ? SQLITE_FULL : code_of_failure;
  } catch (const std::bad_alloc&) {
    return SQLITE_IOERR_NOMEM;
  }
}

int close(sqlite3_file* file) {
  self(file).~VfsFile();
  return SQLITE_OK;
}

int read(sqlite3_file* file, void* target, int n_bytes, sqlite3_int64 offset) {
  return attempt(self(file).impl, SQLITE_IOERR_READ, [&] {
    const std::span bytes(static_cast<std::byte*>(target), static_cast<size_t>(n_bytes));
    const auto missing = bytes.subspan(self(file).file->read_at(bytes, offset));
    if (missing.empty()) return SQLITE_OK;
    std::memset(missing.data(), 0, missing.size());  // SQLite relies on it
    return SQLITE_IOERR_SHORT_READ;
  });
}

int write(sqlite3_file* file, const void* source, int n_bytes, sqlite3_int64 offset) {
  return attempt(self(file).impl, SQLITE_IOERR_WRITE, [&] {
    self(file).file->write_at({static_cast<const std::byte*>(source), static_cast<size_t>(n_bytes)},
                              offset);
    return SQLITE_OK;
  });
}

int truncate(sqlite3_file* file, sqlite3_int64 size) {
  return attempt(self(file).impl, SQLITE_IOERR_TRUNCATE, [&] {
    self(file).file->truncate(size);
    return SQLITE_OK;
  });
}

// SQLite takes a journal that it has synced to be there after a crash, name and all.
int sync(sqlite3_file* file, int) {
  return attempt(self(file).impl, SQLITE_IOERR_FSYNC, [&] {
    VfsFile& synced = self(file);
    synced.file->sync();
    if (!synced.unsynced_directory.empty()) {
      synced.impl.disk.sync_directory(synced.unsynced_directory);
      synced.unsynced_directory.clear();
    }
    return SQLITE_OK;
  });
}

int file_size(sqlite3_file* file, sqlite3_int64* size) {
  return attempt(self(file).impl, SQLITE_IOERR_FSTAT, [&] {
    *size = self(file).file->size();
    return SQLITE_OK;
  });
}

int no_lock(sqlite3_file*, int) {
  return SQLITE_OK;
}

int check_reserved_lock(sqlite3_file*, int* is_locked) {
  *is_locked = 0;
  return SQLITE_OK;
}

int file_control(sqlite3_file*, int, void*) {
  return SQLITE_NOTFOUND;
}

int sector_size(sqlite3_file*) {
  return 4096;
}

// As SQLite assumes of every disk by default: a write that power loss cuts short harms no byte
// outside its range.
int device_characteristics(sqlite3_file*) {
  return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

constexpr sqlite3_io_methods kMethods = {
    .iVersion = 1,
    .xClose = close,
    .xRead = read,
    .xWrite = write,
    .xTruncate = truncate,
    .xSync = sync,
    .xFileSize = file_size,
    .xLock = no_lock,
    .xUnlock = no_lock,
    .xCheckReservedLock = check_reserved_lock,
    .xFileControl = file_control,
    .xSectorSize = sector_size,
    .xDeviceCharacteristics = device_characteristics,
    .xShmMap = nullptr,
    .xShmLock = nullptr,
    .xShmBarrier = nullptr,
    .xShmUnmap = nullptr,
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* flags_out) {
  file->pMethods = nullptr;  // tells SQLite not to close what was not opened
  if (name == nullptr) return SQLITE_CANTOPEN;
  CacheVfs::Impl& impl = self(vfs);
  return attempt(impl, SQLITE_CANTOPEN, [&] {
    const bool is_new = !impl.disk.exists(name);
    if (is_new && (flags & SQLITE_OPEN_CREATE) == 0) return SQLITE_CANTOPEN;
    const bool is_read_only = (flags & SQLITE_OPEN_READONLY) != 0;
    auto opened =
        impl.disk.open(name, is_read_only ? CacheDisk::Mode::read : CacheDisk::Mode::read_write);
    auto* constructed = new (file) VfsFile(impl, std::move(opened));
    if (is_new) constructed->unsynced_directory = fs::path(name).parent_path();
    constructed->pMethods = &kMethods;
    if (flags_out != nullptr) *flags_out = flags;
    return SQLITE_OK;
  });
}

int remove(sqlite3_vfs* vfs, const char* name, int must_be_durable) {
  CacheVfs::Impl& impl = self(vfs);
  return attempt(impl, SQLITE_IOERR_DELETE, [&] {
    if (!impl.disk.remove(name)) return SQLITE_IOERR_DELETE_NOENT;
    if (must_be_durable != 0) impl.disk.sync_directory(fs::path(name).parent_path());
    return SQLITE_OK;
  });
}

// What exists may be read and written: the directory is ours.
int access(sqlite3_vfs* vfs, const char* name, int, int* is_granted) {
  CacheVfs::Impl& impl = self(vfs);
  return attempt(impl, SQLITE_IOERR_ACCESS, [&] {
    *is_granted = impl.disk.exists(name) ? 1 : 0;
    return SQLITE_OK;
  });
}

int full_path(sqlite3_vfs*, const char* name, int n_bytes, char* full) {
  const size_t size = std::strlen(name) + 1;
  if (size > static_cast<size_t>(n_bytes)) return SQLITE_CANTOPEN;
  std::memcpy(full, name, size);
  return SQLITE_OK;
}

// Chance and time are the system's.
sqlite3_vfs* system_vfs() {
  return sqlite3_vfs_find(nullptr);
}

int randomness(sqlite3_vfs*, int n_bytes, char* bytes) {
  return system_vfs()->xRandomness(system_vfs(), n_bytes, bytes);
}

int sleep_us(sqlite3_vfs*, int microseconds) {
  return system_vfs()->xSleep(system_vfs(), microseconds);
}

int current_time(sqlite3_vfs*, double* julian_day) {
  return system_vfs()->xCurrentTime(system_vfs(), julian_day);
}

std::string unique_name() {
  static std::atomic<unsigned> counter{0};
  return "widenet-cache-" + std::to_string(counter++);
}

}  // namespace

CacheVfs::CacheVfs(CacheDisk& disk)
    : impl_(new Impl{.disk = disk, .name = unique_name(), .last_error = {}}) {
  sqlite3_vfs& vfs = impl_->vfs;
  vfs.iVersion = 1;
  vfs.szOsFile = sizeof(VfsFile);
  vfs.mxPathname = kPathBytesMax;
  vfs.zName = impl_->name.c_str();
  vfs.pAppData = impl_.get();
  vfs.xOpen = open;
  vfs.xDelete = remove;
  vfs.xAccess = access;
  vfs.xFullPathname = full_path;
  vfs.xRandomness = randomness;
  vfs.xSleep = sleep_us;
  vfs.xCurrentTime = current_time;
  if (sqlite3_vfs_register(&vfs, /*makeDflt=*/0) != SQLITE_OK) throw std::bad_alloc();
}

CacheVfs::~CacheVfs() {
  sqlite3_vfs_unregister(&impl_->vfs);
}

const char* CacheVfs::name() const {
  return impl_->name.c_str();
}

const std::string& CacheVfs::last_error() const {
  return impl_->last_error;
}

}  // namespace widenet::engine
