// FAISS, wrapped once: an exact inner-product index over chunk ids that knows how current it is.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

namespace widenet::store {

// Sets of ids, as ranges.  Added in ascending order.
class ChunkRanges {
 public:
  void add(int64_t first, int64_t count);
  bool contains(int64_t id) const;

 private:
  std::vector<int64_t> first_, end_;  // apart from each other
};

// Derived data.  Searches may run together; adding, removing and saving need it alone.
class VectorIndex {
 public:
  struct Hit {
    int64_t id = 0;
    float score = 0;  // inner product
  };

  explicit VectorIndex(int64_t dim);
  ~VectorIndex();
  VectorIndex(VectorIndex&&) noexcept;
  VectorIndex& operator=(VectorIndex&&) noexcept;

  // The saved index, or null if the file is missing, torn, corrupt or of another dimension.
  static std::unique_ptr<VectorIndex> load(const std::filesystem::path& file, int64_t dim);
  // Replaces the file; all of it or nothing.  Throws FileError.
  void save(const std::filesystem::path& file) const;

  int64_t dim() const { return dim_; }
  int64_t size() const;
  bool is_same(const VectorIndex& other) const;  // the same vectors, come as far

  // How far into the store's list of changes it has come.
  int64_t sequence() const { return sequence_; }
  void set_sequence(int64_t sequence) { sequence_ = sequence; }

  void add(std::span<const int64_t> ids, std::span<const float> vectors);  // [ids.size(), dim]
  void remove_range(int64_t first_id, int64_t count);

  // The `limit` best (of those allowed, if said), best first; equal scores by id.
  std::vector<Hit> search(std::span<const float> query,
                          int64_t limit,
                          const ChunkRanges* allowed = nullptr) const;

 private:
  struct Faiss;

  int64_t dim_ = 0;
  int64_t sequence_ = 0;
  std::unique_ptr<Faiss> faiss_;
};

}  // namespace widenet::store
