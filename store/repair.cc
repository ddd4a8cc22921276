// Repair of what is derived from the database, or named by nothing in it.
#include <set>

#include "store/impl.h"

namespace widenet::store {
namespace {

namespace fs = std::filesystem;

// Of the name that write_file_atomically gives to a file until it is whole.
bool is_temporary(const fs::path& file) {
  return file.extension() == ".tmp";
}

bool is_younger(const fs::path& file, std::chrono::seconds age) {
  std::error_code error;
  const auto written = fs::last_write_time(file, error);
  return error || fs::file_time_type::clock::now() - written < age;  // gone: nothing to do with it
}

// "abcd..." of originals/ab/abcd..., "abcd....12.0.tmp"; others are not ours.
std::string sha256_of(const fs::path& file) {
  const std::string name = file.filename().string();
  const std::string sha256 = name.substr(0, name.find('.'));
  const bool is_whole_name = name.size() == 64 || is_temporary(file);
  if (sha256.size() != 64 || !is_whole_name ||
      sha256.find_first_not_of("0123456789abcdef") != std::string::npos ||
      file.parent_path().filename() != sha256.substr(0, 2)) {
    return {};
  }
  return sha256;
}

std::vector<fs::path> files_of(const fs::path& directory) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file() && !entry.is_symlink()) files.push_back(entry.path());
  }
  return files;
}

struct Indexed {
  CollectionId collection = 0;
  std::string embedder;
  int64_t dim = 0;
};

// Every index that a search may want.  One whose vectors are all deleted has no dimension, and is
// made when it is searched.
std::vector<Indexed> indexes_of(Database& db) {
  std::vector<Indexed> indexes;
  auto rows = db.query(
      "SELECT collection_id, embedder, (SELECT length(v.embedding) / 4 FROM vector_changes e "
      "JOIN chunk_vectors v ON v.chunk_id >= e.first_chunk AND v.chunk_id < e.first_chunk + "
      "e.n_chunks WHERE e.collection_id = c.collection_id AND e.embedder = c.embedder LIMIT 1) "
      "FROM vector_changes c GROUP BY collection_id, embedder");
  while (rows.step()) {
    if (!rows.is_null(2)) indexes.push_back({rows.integer(0), rows.string(1), rows.integer(2)});
  }
  return indexes;
}

}  // namespace

std::vector<RepairedVectors> Store::Impl::repair_vectors() {
  {
    const std::lock_guard<std::mutex> lock(slots_mutex_);
    slots_.clear();  // what they hold may come from a file that is wrong
  }
  const std::vector<Indexed> indexes = indexes_of(*read());
  std::vector<RepairedVectors> repaired;
  std::set<fs::path> known;
  for (const Indexed& indexed : indexes) {
    const fs::path file = vector_path(indexed.collection, indexed.embedder);
    known.insert(file);
    if (!fs::exists(file)) continue;  // made when it is first searched
    VectorSlot slot;
    slot.index = std::make_unique<VectorIndex>(indexed.dim);
    catch_up(slot, indexed.collection, indexed.embedder);
    // One that is behind is not wrong: it catches up.  (A change between the two makes it again in
    // vain.)
    VectorSlot saved;
    saved.index = VectorIndex::load(file, indexed.dim);
    if (saved.index != nullptr) {
      catch_up(saved, indexed.collection, indexed.embedder);
      if (saved.index->is_same(*slot.index)) continue;
    }
    slot.index->save(file);
    repaired.push_back({.file = file, .n_vectors = slot.index->size()});
  }
  for (const fs::path& file : files_of(directory_ / "vectors")) {
    // A temporary one may be another process's, at work.
    const bool is_left = is_temporary(file) && !is_younger(file, std::chrono::hours(1));
    if (!is_left && (file.extension() != ".faiss" || known.contains(file))) continue;
    if (fs::remove(file)) repaired.push_back({.file = file, .is_removed = true});
  }
  if (!repaired.empty()) sync_directory(directory_ / "vectors");
  return repaired;
}

std::vector<RepairedVectors> Store::repair_vectors() {
  return impl_->repair_vectors();
}

std::vector<std::string> Store::sweep_originals(std::chrono::seconds younger_than) {
  std::vector<std::string> removed;
  for (const fs::path& file : files_of(impl_->directory_ / "originals")) {
    const std::string sha256 = sha256_of(file);
    if (sha256.empty()) continue;
    // The write lock keeps others from naming it meanwhile: they look whether it is there.
    auto db = impl_->write();
    const bool is_named =
        !is_temporary(file) && db->find_integer(
                                     "SELECT 1 FROM documents WHERE sha256 = ?1 UNION ALL "
                                     "SELECT 1 FROM files WHERE sha256 = ?1",
                                     sha256)
                                   .has_value();
    if (is_named || is_younger(file, younger_than) || !fs::remove(file)) continue;
    sync_directory(file.parent_path());
    removed.push_back(file.filename().string());
  }
  return removed;
}

}  // namespace widenet::store
