#include "tests/support/simulated_disk.h"

#include <algorithm>
#include <cerrno>
#include <unordered_map>
#include <utility>

namespace widenet::test {
namespace {

namespace fs = std::filesystem;

constexpr size_t kSectorBytes = 512;
constexpr int64_t kBlockBytes = 4096;

[[noreturn]] void fail(const std::string& what, int error_number) {
  throw FileError(what + " (simulated)", error_number);
}

}  // namespace

class SimulatedDisk::SimulatedFile final : public CacheDisk::File {
 public:
  SimulatedFile(SimulatedDisk& disk, std::shared_ptr<Inode> inode, Mode mode)
      : disk_(disk), inode_(std::move(inode)), mode_(mode) {}

  size_t read_at(std::span<std::byte> target, int64_t offset) override {
    const std::lock_guard lock(disk_.mutex_);
    disk_.check_running();
    const std::vector<std::byte>& bytes = inode_->now;
    const size_t first = std::min(static_cast<size_t>(offset), bytes.size());
    const size_t count = std::min(target.size(), bytes.size() - first);
    std::copy_n(bytes.begin() + static_cast<int64_t>(first), count, target.begin());
    return count;
  }

  void write_at(std::span<const std::byte> source, int64_t offset) override {
    const std::lock_guard lock(disk_.mutex_);
    disk_.count_write();
    if (source.empty()) return;
    record({.offset = offset, .bytes = {source.begin(), source.end()}});
  }

  void truncate(int64_t size) override {
    const std::lock_guard lock(disk_.mutex_);
    disk_.count_operation();
    record({.offset = size, .bytes = {}});
  }

  void sync() override {
    const std::lock_guard lock(disk_.mutex_);
    disk_.count_operation();
    for (const Write& write : inode_->unsynced) apply(write, inode_->durable);
    inode_->unsynced.clear();
  }

  int64_t size() override {
    const std::lock_guard lock(disk_.mutex_);
    disk_.check_running();
    return std::ssize(inode_->now);
  }

  int64_t allocated_bytes() override {
    return (size() + kBlockBytes - 1) / kBlockBytes * kBlockBytes;
  }

 private:
  void record(Write write) {
    if (mode_ == Mode::read) fail("cannot write what is open for reading", EBADF);
    apply(write, inode_->now);
    inode_->unsynced.push_back(std::move(write));
  }

  SimulatedDisk& disk_;
  std::shared_ptr<Inode> inode_;
  Mode mode_;
};

class SimulatedDisk::SimulatedLock final : public CacheDisk::Lock {
 public:
  SimulatedLock(SimulatedDisk& disk, std::string path) : disk_(disk), path_(std::move(path)) {}
  ~SimulatedLock() override {
    const std::lock_guard lock(disk_.mutex_);
    disk_.locked_.erase(path_);
  }
  SimulatedLock(const SimulatedLock&) = delete;
  SimulatedLock& operator=(const SimulatedLock&) = delete;

 private:
  SimulatedDisk& disk_;
  std::string path_;
};

void SimulatedDisk::apply(const Write& write, std::vector<std::byte>& bytes) {
  const auto offset = static_cast<size_t>(write.offset);
  if (write.bytes.empty()) {
    bytes.resize(offset);
    return;
  }
  bytes.resize(std::max(bytes.size(), offset + write.bytes.size()));
  std::copy(write.bytes.begin(), write.bytes.end(), bytes.begin() + write.offset);
}

void SimulatedDisk::apply(const NameChange& change, Names& names) {
  if (!change.removed.empty()) names.erase(change.removed);
  if (!change.added.empty()) names[change.added] = change.inode;
}

void SimulatedDisk::check_running() const {
  if (has_stopped_) fail("the disk has stopped", EIO);
}

void SimulatedDisk::count_operation() {
  has_stopped_ = has_stopped_ || n_operations_ >= n_operations_max_;
  check_running();
  if (is_read_only_) fail("cannot write", EROFS);
  ++n_operations_;
}

void SimulatedDisk::count_write() {
  count_operation();
  if (n_writes_ >= n_writes_max_) fail("cannot write: the disk is full", ENOSPC);
  ++n_writes_;
}

void SimulatedDisk::change(NameChange change) {
  apply(change, names_);
  unsynced_names_.push_back(std::move(change));
}

std::unique_ptr<engine::CacheDisk::File> SimulatedDisk::open(const fs::path& path, Mode mode) {
  const std::lock_guard lock(mutex_);
  check_running();
  auto found = names_.find(path.string());
  if (found != names_.end() && mode == Mode::create_unique) fail("the name is taken", EEXIST);
  if (found == names_.end()) {
    const std::string directory = path.parent_path().string();
    if (mode == Mode::read || !directories_.contains(directory)) {
      fail("cannot open \"" + path.string() + "\"", ENOENT);
    }
    count_write();
    change({.directory = directory,
            .removed = {},
            .added = path.string(),
            .inode = std::make_shared<Inode>()});
    found = names_.find(path.string());
  }
  return std::make_unique<SimulatedFile>(*this, found->second, mode);
}

void SimulatedDisk::rename(const fs::path& source, const fs::path& target) {
  const std::lock_guard lock(mutex_);
  count_operation();
  const auto found = names_.find(source.string());
  if (found == names_.end()) fail("cannot rename \"" + source.string() + "\"", ENOENT);
  change({.directory = target.parent_path().string(),
          .removed = source.string(),
          .added = target.string(),
          .inode = found->second});
}

bool SimulatedDisk::remove(const fs::path& path) {
  const std::lock_guard lock(mutex_);
  check_running();
  if (!names_.contains(path.string())) return false;
  count_operation();
  if (refuses_removals_) fail("cannot remove \"" + path.string() + "\"", EPERM);
  change({.directory = path.parent_path().string(),
          .removed = path.string(),
          .added = {},
          .inode = nullptr});
  return true;
}

void SimulatedDisk::sync_directory(const fs::path& directory) {
  const std::lock_guard lock(mutex_);
  count_operation();
  std::erase_if(unsynced_names_, [&](const NameChange& change) {
    if (change.directory != directory.string()) return false;
    apply(change, durable_names_);
    return true;
  });
}

std::vector<engine::CacheDisk::Entry> SimulatedDisk::list(const fs::path& directory) {
  const std::lock_guard lock(mutex_);
  check_running();
  if (!directories_.contains(directory.string())) fail("cannot list", ENOENT);
  std::vector<Entry> entries;
  for (const auto& [path, inode] : names_) {
    if (fs::path(path).parent_path() == directory) {
      entries.push_back({.name = fs::path(path).filename().string(), .is_directory = false});
    }
  }
  for (const std::string& path : directories_) {
    if (fs::path(path).parent_path() == directory && path != "/") {
      entries.push_back({.name = fs::path(path).filename().string(), .is_directory = true});
    }
  }
  return entries;
}

bool SimulatedDisk::exists(const fs::path& path) {
  const std::lock_guard lock(mutex_);
  check_running();
  return names_.contains(path.string()) || directories_.contains(path.string());
}

void SimulatedDisk::make_directories(const fs::path& directory) {
  fs::path made;
  for (const fs::path& part : directory) {
    made /= part;
    const std::lock_guard lock(mutex_);
    if (directories_.contains(made.string())) continue;
    count_operation();
    directories_.insert(made.string());
  }
}

int64_t SimulatedDisk::free_bytes(const fs::path&) {
  const std::lock_guard lock(mutex_);
  check_running();
  return free_bytes_;
}

std::unique_ptr<engine::CacheDisk::Lock> SimulatedDisk::lock(const fs::path& path) {
  open(path, Mode::read_write);
  const std::lock_guard guard(mutex_);
  if (!locked_.insert(path.string()).second) return nullptr;
  return std::make_unique<SimulatedLock>(*this, path.string());
}

void SimulatedDisk::stop_after(int64_t n_operations) {
  const std::lock_guard lock(mutex_);
  n_operations_max_ = n_operations_ + n_operations;
}

void SimulatedDisk::restart() {
  const std::lock_guard lock(mutex_);
  n_operations_max_ = INT64_MAX;
  has_stopped_ = false;
}

bool SimulatedDisk::has_stopped() const {
  const std::lock_guard lock(mutex_);
  return has_stopped_;
}

int64_t SimulatedDisk::n_operations() const {
  const std::lock_guard lock(mutex_);
  return n_operations_;
}

void SimulatedDisk::fill_up_after(int64_t n_writes) {
  const std::lock_guard lock(mutex_);
  n_writes_max_ = n_writes_ + n_writes;
}

void SimulatedDisk::make_space() {
  const std::lock_guard lock(mutex_);
  n_writes_max_ = INT64_MAX;
}

int64_t SimulatedDisk::n_writes() const {
  const std::lock_guard lock(mutex_);
  return n_writes_;
}

std::vector<std::byte> SimulatedDisk::after_power_loss(const Inode& inode, std::mt19937* random) {
  std::vector<std::byte> bytes = inode.durable;
  if (random == nullptr) return bytes;
  for (const Write& write : inode.unsynced) {
    if ((*random)() % 2 == 0) continue;
    if (write.bytes.empty()) {
      apply(write, bytes);
      continue;
    }
    const auto end = static_cast<size_t>(write.offset) + write.bytes.size();
    for (auto first = static_cast<size_t>(write.offset); first < end;) {
      const size_t last = std::min(end, (first / kSectorBytes + 1) * kSectorBytes);
      const auto source = write.bytes.begin() + (static_cast<int64_t>(first) - write.offset);
      if ((*random)() % 4 != 0) {
        apply({.offset = static_cast<int64_t>(first),
               .bytes = {source, source + static_cast<int64_t>(last - first)}},
              bytes);
      }
      first = last;
    }
  }
  return bytes;
}

std::unique_ptr<SimulatedDisk> SimulatedDisk::lose_power(std::mt19937* random) const {
  const std::lock_guard lock(mutex_);
  Names names = durable_names_;
  for (const NameChange& change : unsynced_names_) {
    if (random != nullptr && (*random)() % 2 == 0) apply(change, names);
  }
  auto found = std::make_unique<SimulatedDisk>();
  found->directories_ = directories_;
  std::unordered_map<const Inode*, std::shared_ptr<Inode>> copies;
  for (const auto& [path, inode] : names) {
    auto& copy = copies[inode.get()];
    if (copy == nullptr) {
      copy = std::make_shared<Inode>();
      copy->now = copy->durable = after_power_loss(*inode, random);
    }
    found->names_[path] = found->durable_names_[path] = copy;
  }
  return found;
}

std::unique_ptr<SimulatedDisk> SimulatedDisk::lose_power() const {
  return lose_power(static_cast<std::mt19937*>(nullptr));
}

std::unique_ptr<SimulatedDisk> SimulatedDisk::lose_power(uint32_t seed) const {
  std::mt19937 random(seed);
  return lose_power(&random);
}

std::vector<std::byte> SimulatedDisk::contents(const fs::path& path) const {
  const std::lock_guard lock(mutex_);
  return names_.at(path.string())->now;
}

void SimulatedDisk::set_contents(const fs::path& path, std::vector<std::byte> bytes) {
  const std::lock_guard lock(mutex_);
  auto& inode = names_[path.string()];
  if (inode == nullptr) inode = std::make_shared<Inode>();
  durable_names_[path.string()] = inode;
  inode->now = inode->durable = std::move(bytes);
  inode->unsynced.clear();
}

}  // namespace widenet::test
