#include "store/store.h"

#include <fcntl.h>
#include <sys/file.h>

#include <chrono>
#include <cstring>

#include "base/hash.h"
#include "base/utf8.h"
#include "store/impl.h"
#include "store/schema.h"
#include "store/text_analysis.h"

namespace widenet::store {
namespace {

constexpr int64_t kNameCharsMax = 200;
constexpr size_t kCopyBytes = size_t{1} << 20;

const char* const kCollectionColumns =
    "c.id, c.name, c.metadata, c.created_ms, "
    "sum(d.state = 'ready'), sum(d.state IN ('queued', 'processing')), sum(d.state = 'failed'), "
    "total(d.n_chunks * (d.state = 'ready')), total(d.n_tokens * (d.state = 'ready')), "
    "total(d.n_chars * (d.state = 'ready')), "
    "total(d.bytes * (d.state = 'ready' AND d.parent_id IS NULL)) "
    "FROM collections c LEFT JOIN documents d ON d.collection_id = c.id "
    "AND d.state <> 'superseded' AND d.deletion_id IS NULL ";

Collection read_collection(const Query& row) {
  return {.id = row.integer(0),
          .name = row.string(1),
          .metadata_json = row.string(2),
          .created_ms = row.integer(3),
          .n_ready = row.integer(4),
          .n_pending = row.integer(5),
          .n_failed = row.integer(6),
          .n_chunks = row.integer(7),
          .n_tokens = row.integer(8),
          .n_chars = row.integer(9),
          .original_bytes = row.integer(10)};
}

File read_file_record(const Query& row) {
  return {.id = row.integer(0),
          .name = row.string(1),
          .purpose = row.string(2),
          .sha256 = row.string(3),
          .bytes = row.integer(4),
          .owner = row.string(6),
          .created_ms = row.integer(5)};
}

void check_name(const std::string& name) {
  if (name.empty() || !is_valid_utf8(name) || count_chars(name) > kNameCharsMax) {
    throw StoreError("cannot name a collection \"" + name.substr(0, 80) + "\": a name has 1 to " +
                     std::to_string(kNameCharsMax) + " characters of UTF-8");
  }
}

Database open_database(const std::filesystem::path& path, Database::Access access) {
  Database database = Database::open(path, access);
  database.register_tokenizer("widenet", for_each_term);
  return database;
}

// A new data directory is its owner's alone.
std::filesystem::path with_folders(const std::filesystem::path& directory) {
  if (std::filesystem::create_directories(directory)) {
    std::filesystem::permissions(directory, std::filesystem::perms::owner_all);
  }
  for (const char* folder : {"originals", "vectors"}) {
    std::filesystem::create_directories(directory / folder);
  }
  return directory / "store.sqlite";
}

bool is_sha256(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

}  // namespace

int64_t now_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

Store::Impl::Impl(const std::filesystem::path& data_directory)
    : directory_(data_directory),
      writer_(open_database(with_folders(data_directory), Database::Access::write)) {
  migrate(writer_);
}

Store::Impl::Reader::Reader(Impl& impl, std::unique_ptr<Database> database)
    : impl_(&impl), database_(std::move(database)) {
  database_->run("BEGIN");
}

Store::Impl::Reader::~Reader() {
  if (database_ == nullptr) return;
  try {
    database_->run("COMMIT");
    const std::lock_guard<std::mutex> lock(impl_->pool_mutex_);
    impl_->idle_readers_.push_back(std::move(database_));
  } catch (const std::exception&) {  // the connection is closed instead of reused
  }
}

Store::Impl::Reader Store::Impl::read() {
  std::unique_ptr<Database> database;
  {
    const std::lock_guard<std::mutex> lock(pool_mutex_);
    if (!idle_readers_.empty()) {
      database = std::move(idle_readers_.back());
      idle_readers_.pop_back();
    }
  }
  if (database == nullptr) {
    database = std::make_unique<Database>(
        open_database(directory_ / "store.sqlite", Database::Access::read));
  }
  return {*this, std::move(database)};
}

void Store::Impl::set_progress(DocumentId id, double progress) {
  const std::lock_guard<std::mutex> lock(progress_mutex_);
  if (progress > 0) {
    progress_[id] = progress;
  } else {
    progress_.erase(id);
  }
}

double Store::Impl::progress_of(DocumentId id) const {
  const std::lock_guard<std::mutex> lock(progress_mutex_);
  const auto found = progress_.find(id);
  return found != progress_.end() ? found->second : 0;
}

std::filesystem::path Store::Impl::original_path(const std::string& sha256) const {
  if (!is_sha256(sha256)) throw StoreError("\"" + sha256.substr(0, 80) + "\" is no SHA-256");
  return directory_ / "originals" / sha256.substr(0, 2) / sha256;
}

std::string search_table(CollectionId id) {
  return "search_" + std::to_string(id);
}

std::unique_ptr<Store> Store::open(const std::filesystem::path& data_directory) {
  try {
    auto impl = std::make_unique<Impl>(data_directory);
    impl->finish_deletions();
    return std::unique_ptr<Store>(new Store(std::move(impl)));
  } catch (const std::filesystem::filesystem_error& error) {
    throw StoreError("cannot make the data directory \"" + data_directory.string() +
                     "\": " + error.code().message());
  }
}

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Store::~Store() {
  try {
    impl_->save_vectors();
  } catch (const std::exception&) {  // derived: the next start catches up
  }
}

const std::filesystem::path& Store::directory() const {
  return impl_->directory_;
}

CollectionId Store::find_or_create_collection(const std::string& name) {
  check_name(name);
  auto db = impl_->write();
  if (const auto id = db->find_integer("SELECT id FROM collections WHERE name = ?1", name)) {
    return *id;
  }
  db->run("INSERT INTO collections (name, created_ms) VALUES (?1, ?2)", name, now_ms());
  const CollectionId id = db->last_insert_id();
  db->run_script("CREATE VIRTUAL TABLE " + search_table(id) +
                 " USING fts5(title, text, content = '', tokenize = 'widenet')");
  db.commit();
  return id;
}

std::optional<Collection> Store::collection(CollectionId id) const {
  auto db = impl_->read();
  auto row = db->query(std::string("SELECT ") + kCollectionColumns +
                           "WHERE c.id = ?1 AND c.name IS NOT NULL GROUP BY c.id",
                       id);
  if (!row.step()) return std::nullopt;
  return read_collection(row);
}

std::optional<Collection> Store::collection(const std::string& name) const {
  auto db = impl_->read();
  auto row = db->query(
      std::string("SELECT ") + kCollectionColumns + "WHERE c.name = ?1 GROUP BY c.id", name);
  if (!row.step()) return std::nullopt;
  return read_collection(row);
}

std::vector<Collection> Store::collections() const {
  auto db = impl_->read();
  auto rows = db->query(std::string("SELECT ") + kCollectionColumns +
                        "WHERE c.name IS NOT NULL GROUP BY c.id ORDER BY c.name");
  std::vector<Collection> result;
  while (rows.step()) result.push_back(read_collection(rows));
  return result;
}

bool Store::rename_collection(CollectionId id, const std::string& name) {
  check_name(name);
  auto db = impl_->write();
  if (db->find_integer("SELECT 1 FROM collections WHERE name = ?1 AND id <> ?2", name, id)) {
    return false;
  }
  const bool found =
      db->run("UPDATE collections SET name = ?2 WHERE id = ?1 AND name IS NOT NULL", id, name) > 0;
  db.commit();
  return found;
}

void Store::set_collection_metadata(CollectionId id, const std::string& metadata_json) {
  auto db = impl_->write();
  db->run("UPDATE collections SET metadata = ?2 WHERE id = ?1", id, metadata_json);
  db.commit();
}

std::string Store::put_original(std::string_view bytes) {
  const std::string sha256 = sha256_hex(bytes);
  const std::filesystem::path path = impl_->original_path(sha256);
  if (std::filesystem::exists(path)) return sha256;  // a name is given to whole files only
  if (std::filesystem::create_directory(path.parent_path())) {
    sync_directory(path.parent_path().parent_path());
  }
  write_file_atomically(path, bytes);
  return sha256;
}

std::string Store::import_original(const std::filesystem::path& file) {
  // Mapped, not read: a file may be larger than memory.
  const MappedFile mapped = MappedFile::open(file);
  return put_original(
      {reinterpret_cast<const char*>(mapped.bytes().data()), mapped.bytes().size()});
}

std::optional<std::filesystem::path> Store::original_path(const std::string& sha256) const {
  const std::filesystem::path path = impl_->original_path(sha256);
  if (!std::filesystem::exists(path)) return std::nullopt;
  return path;
}

FileId Store::add_file(const File& file) {
  auto db = impl_->write();
  if (!std::filesystem::exists(impl_->original_path(file.sha256))) {
    throw StoreError("cannot add file \"" + file.name +
                     "\": its bytes are not stored; store them " + "with put_original first");
  }
  db->run(
      "INSERT INTO files (name, purpose, sha256, bytes, created_ms, owner) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
      file.name, file.purpose, file.sha256, file.bytes, now_ms(), file.owner);
  const FileId id = db->last_insert_id();
  db.commit();
  return id;
}

std::optional<File> Store::file(FileId id) const {
  auto db = impl_->read();
  auto row = db->query(
      "SELECT id, name, purpose, sha256, bytes, created_ms, owner FROM files WHERE id = ?1", id);
  if (!row.step()) return std::nullopt;
  return read_file_record(row);
}

std::vector<File> Store::files(Paging paging) const {
  auto db = impl_->read();
  auto rows = db->query(
      "SELECT id, name, purpose, sha256, bytes, created_ms, owner FROM files WHERE id > ?1 "
      "ORDER BY id LIMIT ?2",
      paging.after_id, paging.limit);
  std::vector<File> result;
  while (rows.step()) result.push_back(read_file_record(rows));
  return result;
}

std::optional<FileDescriptor> Store::try_lock_worker() const {
  const std::filesystem::path path = impl_->directory_ / "worker.lock";
  FileDescriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!file.is_open()) {
    throw StoreError("cannot open \"" + path.string() + "\": " + std::strerror(errno));
  }
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) return std::nullopt;
  return file;
}

}  // namespace widenet::store
