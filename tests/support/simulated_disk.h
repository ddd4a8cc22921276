// SimulatedDisk: a CacheDisk in memory that stops, fills up, rots and loses power when told to.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "engine/cache_disk.h"

namespace widenet::test {

// What is written, cut, made, renamed or removed is in the memory of the machine, so to speak,
// until it is synced: contents by File::sync(), names by sync_directory() of their directory.
//
// An operation is all but reading and looking.  Thread-safe.
class SimulatedDisk final : public engine::CacheDisk {
 public:
  std::unique_ptr<File> open(const std::filesystem::path& path, Mode mode) override;
  void rename(const std::filesystem::path& source, const std::filesystem::path& target) override;
  bool remove(const std::filesystem::path& path) override;
  void sync_directory(const std::filesystem::path& directory) override;
  std::vector<Entry> list(const std::filesystem::path& directory) override;
  bool exists(const std::filesystem::path& path) override;
  void make_directories(const std::filesystem::path& directory) override;
  int64_t free_bytes(const std::filesystem::path& directory) override;
  std::unique_ptr<Lock> lock(const std::filesystem::path& path) override;

  // After so many operations from now on everything throws, reading too.
  void stop_after(int64_t n_operations);
  void restart();  // as when only the process had died
  bool has_stopped() const;
  int64_t n_operations() const;  // so far

  // After so many writes from now on they throw with ENOSPC, until there is space again.
  void fill_up_after(int64_t n_writes);
  void make_space();
  int64_t n_writes() const;

  void set_read_only() { is_read_only_ = true; }
  void set_free_bytes(int64_t bytes) { free_bytes_ = bytes; }  // what it says, not what it does
  void refuse_removals(bool is_refused) { refuses_removals_ = is_refused; }

  // The disk as the machine finds it when power is back: what was synced, and nothing else.
  std::unique_ptr<SimulatedDisk> lose_power() const;
  // ... and some of what was not, whatever came when: operations of a random choice, and of the
  // writes among them only some sectors.
  std::unique_ptr<SimulatedDisk> lose_power(uint32_t seed) const;

  // The bytes of a file, and what they rot to: synced and unsynced alike.
  std::vector<std::byte> contents(const std::filesystem::path& path) const;
  void set_contents(const std::filesystem::path& path, std::vector<std::byte> bytes);

 private:
  struct Write {  // or a cut, if it has no bytes
    int64_t offset = 0;
    std::vector<std::byte> bytes;
  };
  struct Inode {
    std::vector<std::byte> now;
    std::vector<std::byte> durable;
    std::vector<Write> unsynced;  // what leads from one to the other
  };
  using Names = std::map<std::string, std::shared_ptr<Inode>>;
  struct NameChange {
    std::string directory;
    std::string removed;           // or empty
    std::string added;             // or empty
    std::shared_ptr<Inode> inode;  // of `added`
  };
  class SimulatedFile;
  class SimulatedLock;

  static void apply(const Write& write, std::vector<std::byte>& bytes);
  static void apply(const NameChange& change, Names& names);
  static std::vector<std::byte> after_power_loss(const Inode& inode, std::mt19937* random);
  std::unique_ptr<SimulatedDisk> lose_power(std::mt19937* random) const;
  void check_running() const;
  void count_operation();
  void count_write();
  void change(NameChange change);

  mutable std::mutex mutex_;  // guards what follows
  Names names_;
  Names durable_names_;
  std::vector<NameChange> unsynced_names_;
  std::set<std::string> directories_ = {"/"};  // durable as soon as they are made
  std::set<std::string> locked_;
  int64_t n_operations_ = 0;
  int64_t n_operations_max_ = INT64_MAX;
  int64_t n_writes_ = 0;
  int64_t n_writes_max_ = INT64_MAX;
  bool has_stopped_ = false;
  int64_t free_bytes_ = int64_t{1} << 40;
  bool is_read_only_ = false;
  bool refuses_removals_ = false;
};

}  // namespace widenet::test
