#include "store/backup.h"

#include <fcntl.h>
#include <unistd.h>

#include <set>
#include <string>
#include <system_error>

#include "base/file.h"
#include "base/hash.h"
#include "store/schema.h"
#include "store/sqlite.h"
#include "store/store.h"

namespace widenet::store {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDatabase = "store.sqlite";
constexpr size_t kDigestChars = 64;
constexpr const char* kChecksum = "store.sqlite.sha256";

fs::path partial_of(const fs::path& target) {
  fs::path partial = target;
  if (partial.filename().empty()) partial = partial.parent_path();
  partial += ".partial";
  return partial;
}

fs::path original_in(const fs::path& directory, const std::string& sha256) {
  return directory / "originals" / sha256.substr(0, 2) / sha256;
}

void need_free(const fs::path& target, const std::string& attempt) {
  if (!fs::exists(target)) return;
  if (fs::is_directory(target) && fs::is_empty(target)) return;
  throw StoreError("cannot " + attempt + " to \"" + target.string() +
                   "\": it is there already (name a directory that is not)");
}

void sync_file(const fs::path& path) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open() || ::fsync(file.get()) != 0) {
    throw FileError("cannot sync \"" + path.string() + "\"", errno);
  }
}

std::set<std::string> originals_of(Database& database) {
  std::set<std::string> originals;
  auto rows = database.query(
      "SELECT sha256 FROM documents WHERE deletion_id IS NULL UNION SELECT sha256 FROM files");
  while (rows.step()) originals.insert(rows.string(0));
  return originals;
}

// False: it has been deleted meanwhile.
bool copy_original(const fs::path& from, const fs::path& to) {
  if (fs::exists(to)) return true;
  fs::create_directories(to.parent_path());
  std::error_code error;
  fs::copy_file(from, to, error);
  if (error == std::errc::no_such_file_or_directory) return false;
  if (error) {
    throw StoreError("cannot copy \"" + from.string() + "\": " + error.message());
  }
  sync_file(to);
  return true;
}

// What an earlier attempt copied and this snapshot does not name.
void remove_others(const fs::path& directory, const std::set<std::string>& originals) {
  if (!fs::exists(directory / "originals")) return;
  for (const auto& entry : fs::recursive_directory_iterator(directory / "originals")) {
    if (entry.is_regular_file() && !originals.contains(entry.path().filename().string())) {
      fs::remove(entry.path());
    }
  }
}

void sync_folders(const fs::path& directory) {
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.is_directory()) sync_directory(entry.path());
  }
  sync_directory(directory);
}

// In place, all at once.
void put(const fs::path& partial, const fs::path& target) {
  sync_folders(partial);
  if (fs::exists(target)) fs::remove(target);  // empty
  fs::rename(partial, target);
  sync_directory(fs::absolute(partial).parent_path());  // of "target/", too
}

BackupSummary summary_of(const fs::path& directory, Database& database) {
  BackupSummary summary;
  summary.n_documents =
      database.find_integer("SELECT count(*) FROM documents WHERE deletion_id IS NULL").value_or(0);
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file()) continue;
    summary.bytes += static_cast<int64_t>(entry.file_size());
    summary.n_originals += entry.path().filename().string().size() == kDigestChars;
  }
  return summary;
}

// What an interrupted one left goes; anything else under this name is somebody's own.
void start(const fs::path& partial) {
  if (fs::exists(partial)) {
    const std::string refusal =
        "cannot use \"" + partial.string() + "\" for what is not whole yet: ";
    if (!fs::is_directory(partial)) {
      throw StoreError(refusal + "it is a file (move it away, or name another place)");
    }
    for (const auto& entry : fs::directory_iterator(partial)) {
      const std::string name = entry.path().filename().string();
      if (name == "originals" || name.starts_with(kDatabase)) continue;
      throw StoreError(
          refusal + "it holds \"" + name +
          "\", which no interrupted backup leaves (move it away, or name another place)");
    }
  }
  fs::remove_all(partial);
  fs::create_directories(partial / "originals");
  fs::permissions(partial, fs::perms::owner_all);
}

// As sha256sum prints it, so that it can be checked without us.
std::string checksum_line(const fs::path& database) {
  const MappedFile bytes = MappedFile::open(database);
  return to_hex(Sha256().update(bytes.bytes()).finish()) + "  " + kDatabase + "\n";
}

// A snapshot of the database and the originals that it names.  False: one of these was deleted
// meanwhile, so that a later snapshot is needed.
bool take_snapshot(Database& database, const fs::path& from, const fs::path& partial) {
  fs::remove(partial / kDatabase);
  database.run("VACUUM INTO ?1", (partial / kDatabase).string());
  sync_file(partial / kDatabase);
  Database copy = Database::open(partial / kDatabase, Database::Access::read);
  const auto originals = originals_of(copy);
  for (const std::string& sha256 : originals) {
    if (!copy_original(original_in(from, sha256), original_in(partial, sha256))) return false;
  }
  remove_others(partial, originals);
  write_file_atomically(partial / kChecksum, checksum_line(partial / kDatabase));
  return true;
}

// A copy of a backup's database, known to be whole and not too new.
Database open_checked(const fs::path& copy, const fs::path& file) {
  const std::string problem = "cannot restore \"" + file.string() + "\": ";
  int64_t version = 0;
  try {
    Database database = Database::open(copy, Database::Access::read);
    version = database.find_integer("PRAGMA user_version").value_or(0);
  } catch (const StoreError&) {  // damaged: told below
  }
  if (version > newest_version()) {
    throw StoreError(problem + "it was written by a newer widenet; use that one");
  }
  const fs::path checksum = file.parent_path() / kChecksum;
  if (!fs::exists(checksum) || read_file(checksum, 1000) != checksum_line(copy)) {
    throw StoreError(problem + "it is damaged (see " + kChecksum + "); take another backup");
  }
  return Database::open(copy, Database::Access::read);
}

void copy_checked(const fs::path& backup, const fs::path& partial, const std::string& sha256) {
  const fs::path from = original_in(backup, sha256);
  const std::string problem = "cannot restore \"" + from.string() + "\": ";
  if (!copy_original(from, original_in(partial, sha256))) {
    throw StoreError(problem + "it is missing from the backup; take another");
  }
  const MappedFile bytes = MappedFile::open(original_in(partial, sha256));
  const auto digest = Sha256().update(bytes.bytes()).finish();
  if (to_hex(digest) != sha256) {
    throw StoreError(problem +
                     "its bytes are not those that its name is the SHA-256 of; take "
                     "another backup");
  }
}

// What the disk and the file system refuse is a StoreError here.
template <typename Action>
BackupSummary with_store_errors(const std::string& attempt, const Action& action) {
  try {
    return action();
  } catch (const fs::filesystem_error& error) {
    throw StoreError("cannot " + attempt + ": " + error.what());
  } catch (const FileError& error) {
    throw StoreError("cannot " + attempt + ": " + error.what());
  }
}

}  // namespace

BackupSummary back_up(const fs::path& data_directory, const fs::path& target) {
  return with_store_errors("back up \"" + data_directory.string() + "\"", [&] {
    if (!fs::exists(data_directory / kDatabase)) {
      throw StoreError("cannot back up \"" + data_directory.string() +
                       "\": there are no documents (name the data directory)");
    }
    need_free(target, "back up");
    const fs::path partial = partial_of(target);
    start(partial);
    Database database = Database::open(data_directory / kDatabase, Database::Access::write);
    constexpr int kAttempts = 10;
    for (int attempt = 1; !take_snapshot(database, data_directory, partial); ++attempt) {
      if (attempt == kAttempts) {
        throw StoreError("cannot back up \"" + data_directory.string() +
                         "\": originals that it names are missing (widenet doctor names them)");
      }
    }
    put(partial, target);
    Database copy = Database::open(target / kDatabase, Database::Access::read);
    return summary_of(target, copy);
  });
}

BackupSummary restore(const fs::path& backup, const fs::path& data_directory) {
  return with_store_errors("restore \"" + backup.string() + "\"", [&] {
    const fs::path file = backup / kDatabase;
    if (!fs::is_regular_file(file)) {
      throw StoreError("cannot restore \"" + backup.string() +
                       "\": there is no backup (name what `widenet backup` wrote)");
    }
    need_free(data_directory, "restore");
    const fs::path partial = partial_of(data_directory);
    start(partial);
    fs::copy_file(file, partial / kDatabase);
    sync_file(partial / kDatabase);
    BackupSummary summary;
    {
      Database copy = open_checked(partial / kDatabase, file);
      for (const std::string& sha256 : originals_of(copy)) copy_checked(backup, partial, sha256);
      summary = summary_of(partial, copy);
    }
    put(partial, data_directory);
    return summary;
  });
}

}  // namespace widenet::store
