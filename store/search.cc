// Search: full text (FTS5) and vectors (FAISS), one index of each kind per collection.
#include <algorithm>
#include <cstring>
#include <filesystem>

#include "base/check.h"
#include "base/hash.h"
#include "store/access.h"
#include "store/impl.h"
#include "store/text_analysis.h"

namespace widenet::store {
namespace {

// How much room to leave for hits in documents that are hidden but not yet removed.
int64_t hidden_chunks(Database& db, CollectionId collection) {
  return db
      .find_integer(
          "SELECT sum(n_chunks) FROM documents WHERE deletion_id IS NOT NULL AND collection_id = "
          "?1",
          collection)
      .value_or(0);
}

bool exists(Database& db, CollectionId collection) {
  return db.find_integer("SELECT 1 FROM collections WHERE id = ?1 AND name IS NOT NULL", collection)
      .has_value();
}

// BM25 gives a word that a fifth of the rows hold little weight, and it costs the most to match.
// Without such words a query of a large table is many times faster and finds the same; from a
// twentieth on it no longer does (docs/benchmarks/search.md).
constexpr int64_t kRowsWorthPruning = 5000;
constexpr int64_t kCommonShare = 5;  // one in so many rows

std::vector<QueryTerm> worth_matching(Database& db,
                                      CollectionId collection,
                                      const std::vector<QueryTerm>& terms) {
  const int64_t n_rows = db.find_integer(
                               "SELECT sum(n_chunks) FROM documents WHERE collection_id = ?1 AND "
                               "state = 'ready'",
                               collection)
                             .value_or(0);
  if (n_rows < kRowsWorthPruning) return terms;
  const std::string table = search_table(collection);
  std::vector<QueryTerm> kept;
  for (const QueryTerm& term : terms) {
    const auto n_holding = db.find_integer(
        "SELECT count(*) FROM (SELECT 1 FROM " + table + " WHERE " + table + " MATCH ?1 LIMIT ?2)",
        match_any({term}), n_rows / kCommonShare + 1);
    if (n_holding.value_or(0) <= n_rows / kCommonShare) kept.push_back(term);
  }
  return kept.empty() ? terms : kept;
}

const char* const kLiveChunk =
    " FROM chunks c JOIN documents d ON d.id = c.document_id "
    "WHERE c.id = ?1 AND d.state = 'ready' AND d.deletion_id IS NULL";

std::optional<Chunk> find_live_chunk(Database& db, ChunkId id) {
  auto row = db.query(std::string("SELECT ") + kChunkColumns + kLiveChunk, id);
  if (!row.step()) return std::nullopt;
  return read_chunk(row);
}

void keep_best(std::vector<SearchHit>& hits, int64_t limit) {
  std::sort(hits.begin(), hits.end(), [](const SearchHit& a, const SearchHit& b) {
    return a.score != b.score ? a.score > b.score : a.chunk.id < b.chunk.id;
  });
  if (std::ssize(hits) > limit) hits.resize(static_cast<size_t>(limit));
}

std::vector<VectorIndex::Hit> match_text(Database& db,
                                         CollectionId collection,
                                         const std::string& expression,
                                         const std::optional<std::string>& readable,
                                         int64_t limit) {
  const std::string table = search_table(collection);
  const std::string join = readable ? " CROSS JOIN chunks c ON c.id = " + table +
                                          ".rowid JOIN documents d ON d.id = c.document_id"
                                    : "";
  auto rows =
      db.query("SELECT " + table + ".rowid, rank FROM " + table + join + " WHERE " + table +
                   " MATCH ?1" + (readable ? " AND " + *readable : "") + " ORDER BY rank LIMIT ?2",
               expression, limit);
  std::vector<VectorIndex::Hit> found;
  while (rows.step()) found.push_back({rows.integer(0), static_cast<float>(-rows.real(1))});
  return found;
}

// The chunks of the documents that satisfy a condition.
ChunkRanges chunks_of(Database& db, CollectionId collection, const std::string& readable) {
  auto rows = db.query(
      "SELECT first_chunk, n_chunks FROM documents WHERE collection_id = ?1 AND n_chunks > 0 AND "
      "state = 'ready' AND deletion_id IS NULL AND " +
          readable + " ORDER BY first_chunk",
      collection);
  ChunkRanges ranges;
  while (rows.step()) ranges.add(rows.integer(0), rows.integer(1));
  return ranges;
}

void resolve(Database& db, std::span<const VectorIndex::Hit> found, std::vector<SearchHit>& hits) {
  for (const VectorIndex::Hit& hit : found) {
    if (const auto chunk = find_live_chunk(db, hit.id)) {
      hits.push_back({.chunk = *chunk, .score = hit.score});
    }
  }
}

struct Change {
  int64_t sequence = 0;
  ChunkId first_chunk = 0;
  int64_t n_chunks = 0;
  bool added = false;
};

void apply(Database& db, const Change& change, VectorIndex& index) {
  if (!change.added) {
    index.remove_range(change.first_chunk, change.n_chunks);
    return;
  }
  auto rows = db.query(
      "SELECT chunk_id, embedding FROM chunk_vectors WHERE chunk_id >= ?1 AND chunk_id < ?2 "
      "ORDER BY chunk_id",
      change.first_chunk, change.first_chunk + change.n_chunks);
  std::vector<int64_t> ids;
  std::vector<float> vectors;
  const auto dim = static_cast<size_t>(index.dim());
  while (rows.step()) {
    const auto bytes = rows.blob(1);
    if (bytes.size() != dim * sizeof(float)) continue;
    ids.push_back(rows.integer(0));
    vectors.resize(ids.size() * dim);
    std::memcpy(&vectors[(ids.size() - 1) * dim], bytes.data(), bytes.size());
  }
  index.add(ids, vectors);
}

}  // namespace

std::filesystem::path Store::Impl::vector_path(CollectionId collection,
                                               const std::string& embedder) const {
  return directory_ / "vectors" /
         (std::to_string(collection) + "-" + sha256_hex(embedder).substr(0, 16) + ".faiss");
}

// Replays the changes that the index has not seen; from an empty index that is a rebuild.
void Store::Impl::catch_up(VectorSlot& slot, CollectionId collection, const std::string& embedder) {
  auto db = read();
  auto rows = db->query(
      "SELECT sequence, first_chunk, n_chunks, added FROM vector_changes "
      "WHERE collection_id = ?1 AND embedder = ?2 AND sequence > ?3 ORDER BY sequence",
      collection, embedder, slot.index->sequence());
  while (rows.step()) {
    const Change change{.sequence = rows.integer(0),
                        .first_chunk = rows.integer(1),
                        .n_chunks = rows.integer(2),
                        .added = rows.integer(3) != 0};
    apply(*db, change, *slot.index);
    slot.index->set_sequence(change.sequence);
  }
}

std::shared_ptr<VectorSlot> Store::Impl::current_vectors(CollectionId collection,
                                                         const std::string& embedder,
                                                         int64_t dim) {
  std::shared_ptr<VectorSlot> slot;
  {
    const std::lock_guard<std::mutex> lock(slots_mutex_);
    auto& entry = slots_[{collection, embedder}];
    if (entry == nullptr) entry = std::make_shared<VectorSlot>();
    slot = entry;
  }
  const auto newest = read()->find_integer(
      "SELECT max(sequence) FROM vector_changes WHERE collection_id = ?1 AND embedder = ?2",
      collection, embedder);
  {
    const std::shared_lock<std::shared_mutex> lock(slot->mutex);
    if (slot->index != nullptr && slot->index->sequence() >= newest.value_or(0)) return slot;
  }
  const std::unique_lock<std::shared_mutex> lock(slot->mutex);
  if (slot->index == nullptr) {
    slot->index = VectorIndex::load(vector_path(collection, embedder), dim);
    if (slot->index == nullptr || slot->index->sequence() > newest.value_or(0)) {
      slot->index = std::make_unique<VectorIndex>(dim);
    }
    slot->saved_sequence = slot->index->sequence();
  }
  catch_up(*slot, collection, embedder);
  return slot;
}

void Store::Impl::save_vectors(CollectionId only) {
  std::vector<std::pair<std::pair<CollectionId, std::string>, std::shared_ptr<VectorSlot>>> slots;
  {
    const std::lock_guard<std::mutex> lock(slots_mutex_);
    slots.assign(slots_.begin(), slots_.end());
  }
  for (const auto& [key, slot] : slots) {
    if (only != 0 && key.first != only) continue;
    const std::unique_lock<std::shared_mutex> lock(slot->mutex);
    if (slot->index == nullptr || slot->index->sequence() == slot->saved_sequence) continue;
    slot->index->save(vector_path(key.first, key.second));
    slot->saved_sequence = slot->index->sequence();
  }
}

void Store::Impl::forget_vectors(CollectionId collection) {
  {
    const std::lock_guard<std::mutex> lock(slots_mutex_);
    std::erase_if(slots_, [&](const auto& slot) { return slot.first.first == collection; });
  }
  const std::string prefix = std::to_string(collection) + "-";
  for (const auto& entry : std::filesystem::directory_iterator(directory_ / "vectors")) {
    if (entry.path().filename().string().starts_with(prefix)) {
      std::filesystem::remove(entry.path());
    }
  }
  sync_directory(directory_ / "vectors");
}

std::vector<SearchHit> Store::search_text(const Scope& scope,
                                          std::string_view query,
                                          int64_t limit) const {
  const std::vector<QueryTerm> terms = query_terms(query);
  if (terms.empty()) return {};
  auto db = impl_->read();
  std::vector<SearchHit> hits;
  for (const CollectionId collection : scope.collections) {
    if (!exists(*db, collection)) continue;
    const int64_t wanted = limit + hidden_chunks(*db, collection);
    const std::string expression = match_any(worth_matching(*db, collection, terms));
    const auto readable = readable_condition(*db, collection, scope.reader);
    resolve(*db, match_text(*db, collection, expression, readable, wanted), hits);
  }
  keep_best(hits, limit);
  return hits;
}

std::vector<SearchHit> Store::search_vectors(const Scope& scope,
                                             const std::string& embedder,
                                             std::span<const float> query,
                                             int64_t limit) const {
  std::vector<SearchHit> hits;
  for (const CollectionId collection : scope.collections) {
    auto db = impl_->read();
    if (!exists(*db, collection)) continue;
    const auto slot = impl_->current_vectors(collection, embedder, std::ssize(query));
    const auto readable = readable_condition(*db, collection, scope.reader);
    const auto allowed =
        readable ? std::optional(chunks_of(*db, collection, *readable)) : std::nullopt;
    std::vector<VectorIndex::Hit> found;
    {
      const std::shared_lock<std::shared_mutex> lock(slot->mutex);
      if (slot->index->dim() != std::ssize(query)) {
        throw StoreError("cannot search " + std::to_string(slot->index->dim()) +
                         "-dimensional vectors with one of " + std::to_string(query.size()));
      }
      found = slot->index->search(query, limit + hidden_chunks(*db, collection),
                                  allowed ? &*allowed : nullptr);
    }
    resolve(*db, found, hits);
  }
  keep_best(hits, limit);
  return hits;
}

void Store::save_vectors() {
  impl_->save_vectors();
}

}  // namespace widenet::store
