// File format, little-endian:
//
//   0   8  magic "wnvec01\n"
//   8   8  dim
//   16  8  sequence
//   24  8  checksum of all the rest, this field taken as zero
//   32  .  the index as FAISS writes it
#include "store/vector_index.h"

#include <faiss/IndexFlat.h>
#include <faiss/IndexIDMap.h>
#include <faiss/impl/IDSelector.h>
#include <faiss/impl/io.h>
#include <faiss/index_io.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "base/check.h"
#include "base/file.h"

extern "C" void openblas_set_num_threads(int n_threads);

namespace widenet::store {
namespace {

constexpr char kMagic[8] = {'w', 'n', 'v', 'e', 'c', '0', '1', '\n'};

struct Header {
  char magic[8] = {};
  int64_t dim = 0;
  int64_t sequence = 0;
  uint64_t checksum = 0;
};
static_assert(sizeof(Header) == 32);

// Multiply and rotate, eight bytes at a time: catches what a disk or a torn write does to a file at
// a speed that a gigabyte does not notice.  No defence against intent; none is needed.
uint64_t mix(const uint8_t* bytes, size_t size, uint64_t sum) {
  size_t i = 0;
  for (; i + 8 <= size; i += 8) {
    uint64_t word = 0;
    std::memcpy(&word, bytes + i, 8);
    sum = (sum ^ word) * 0xFF51AFD7ED558CCDu;
    sum ^= sum >> 32;
  }
  for (; i < size; ++i) sum = (sum ^ bytes[i]) * 0xFF51AFD7ED558CCDu;
  return sum ^ (sum >> 29);
}

uint64_t checksum_of(Header header, std::span<const std::byte> body) {
  header.checksum = 0;
  const uint64_t seed = mix(reinterpret_cast<const uint8_t*>(&header), sizeof header, body.size());
  return mix(reinterpret_cast<const uint8_t*>(body.data()), body.size(), seed);
}

// One BLAS thread: FAISS itself decides where threads pay.
void use_one_blas_thread() {
  static const bool done = [] {
    openblas_set_num_threads(1);
    return true;
  }();
  static_cast<void>(done);
}

struct SpanReader : faiss::IOReader {
  explicit SpanReader(std::span<const std::byte> bytes) : rest(bytes) {}
  size_t operator()(void* target, size_t size, size_t n_items) override {
    const size_t n = size == 0 ? 0 : std::min(n_items, rest.size() / size);
    std::memcpy(target, rest.data(), n * size);
    rest = rest.subspan(n * size);
    return n;
  }
  std::span<const std::byte> rest;
};

// Of positions in the index below an IndexIDMap, which itself takes no selector.
struct Allowed : faiss::IDSelector {
  Allowed(const faiss::IndexIDMap& of, const ChunkRanges& allowed) : map(of), ranges(allowed) {}
  bool is_member(faiss::Index::idx_t position) const override {
    return ranges.contains(map.id_map[static_cast<size_t>(position)]);
  }
  const faiss::IndexIDMap& map;
  const ChunkRanges& ranges;
};

}  // namespace

void ChunkRanges::add(int64_t first, int64_t count) {
  WN_CHECK(end_.empty() || first >= end_.back());
  if (!end_.empty() && first == end_.back()) {
    end_.back() += count;
    return;
  }
  first_.push_back(first);
  end_.push_back(first + count);
}

bool ChunkRanges::contains(int64_t id) const {
  const auto after = std::upper_bound(first_.begin(), first_.end(), id);
  return after != first_.begin() && id < end_[static_cast<size_t>(after - first_.begin()) - 1];
}

struct VectorIndex::Faiss {
  explicit Faiss(int64_t dim)
      : flat(std::make_unique<faiss::IndexFlatIP>(dim)),
        index(std::make_unique<faiss::IndexIDMap>(flat.get())) {}
  explicit Faiss(std::unique_ptr<faiss::IndexIDMap> loaded) : index(std::move(loaded)) {}

  std::unique_ptr<faiss::IndexFlatIP> flat;  // a loaded index owns its own
  std::unique_ptr<faiss::IndexIDMap> index;
};

VectorIndex::VectorIndex(int64_t dim) : dim_(dim), faiss_(std::make_unique<Faiss>(dim)) {
  WN_CHECK(dim > 0);
  use_one_blas_thread();
}

VectorIndex::~VectorIndex() = default;
VectorIndex::VectorIndex(VectorIndex&&) noexcept = default;
VectorIndex& VectorIndex::operator=(VectorIndex&&) noexcept = default;

std::unique_ptr<VectorIndex> VectorIndex::load(const std::filesystem::path& file, int64_t dim) try {
  const MappedFile mapped = MappedFile::open(file);
  Header header;
  if (mapped.bytes().size() < sizeof header) return nullptr;
  std::memcpy(&header, mapped.bytes().data(), sizeof header);
  const auto body = mapped.bytes().subspan(sizeof header);
  if (std::memcmp(header.magic, kMagic, sizeof kMagic) != 0 || header.dim != dim ||
      header.checksum != checksum_of(header, body)) {
    return nullptr;
  }
  SpanReader reader(body);
  std::unique_ptr<faiss::Index> read(faiss::read_index(&reader));
  auto* map = dynamic_cast<faiss::IndexIDMap*>(read.get());
  if (map == nullptr || map->d != dim) return nullptr;
  read.release();
  auto index = std::make_unique<VectorIndex>(dim);
  index->faiss_ = std::make_unique<Faiss>(std::unique_ptr<faiss::IndexIDMap>(map));
  index->sequence_ = header.sequence;
  return index;
} catch (
    const std::exception&) {  // no such file, or bytes that FAISS refuses: rebuilt from the store
  return nullptr;
}

void VectorIndex::save(const std::filesystem::path& file) const {
  faiss::VectorIOWriter writer;
  writer.data.resize(sizeof(Header));
  faiss::write_index(faiss_->index.get(), &writer);
  Header header{.dim = dim_, .sequence = sequence_};
  std::memcpy(header.magic, kMagic, sizeof kMagic);
  header.checksum =
      checksum_of(header, std::as_bytes(std::span(writer.data).subspan(sizeof header)));
  std::memcpy(writer.data.data(), &header, sizeof header);
  write_file_atomically(file,
                        {reinterpret_cast<const char*>(writer.data.data()), writer.data.size()});
}

bool VectorIndex::is_same(const VectorIndex& other) const {
  const auto bytes_of = [](const VectorIndex& index) {
    faiss::VectorIOWriter writer;
    faiss::write_index(index.faiss_->index.get(), &writer);
    return writer.data;
  };
  return dim_ == other.dim_ && sequence_ == other.sequence_ && bytes_of(*this) == bytes_of(other);
}

int64_t VectorIndex::size() const {
  return faiss_->index->ntotal;
}

void VectorIndex::add(std::span<const int64_t> ids, std::span<const float> vectors) {
  WN_CHECK(static_cast<int64_t>(vectors.size()) == static_cast<int64_t>(ids.size()) * dim_);
  if (ids.empty()) return;
  faiss_->index->add_with_ids(static_cast<int64_t>(ids.size()), vectors.data(), ids.data());
}

void VectorIndex::remove_range(int64_t first_id, int64_t count) {
  if (size() == 0) return;
  const faiss::IDSelectorRange range(first_id, first_id + count);
  faiss_->index->remove_ids(range);
}

std::vector<VectorIndex::Hit> VectorIndex::search(std::span<const float> query,
                                                  int64_t limit,
                                                  const ChunkRanges* allowed) const {
  WN_CHECK(static_cast<int64_t>(query.size()) == dim_);
  const int64_t n = std::min(limit, size());
  if (n <= 0) return {};
  std::vector<float> scores(static_cast<size_t>(n));
  std::vector<faiss::Index::idx_t> ids(static_cast<size_t>(n));
  const faiss::IndexIDMap& map = *faiss_->index;
  if (allowed == nullptr) {
    map.search(1, query.data(), n, scores.data(), ids.data());
  } else {
    Allowed selector(map, *allowed);
    faiss::SearchParameters parameters;
    parameters.sel = &selector;
    map.index->search(1, query.data(), n, scores.data(), ids.data(), &parameters);
    for (auto& id : ids) id = id < 0 ? id : map.id_map[static_cast<size_t>(id)];
  }
  std::vector<Hit> hits;
  hits.reserve(static_cast<size_t>(n));
  for (size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] >= 0) hits.push_back({ids[i], scores[i]});
  }
  std::sort(hits.begin(), hits.end(), [](const Hit& a, const Hit& b) {
    return a.score != b.score ? a.score > b.score : a.id < b.id;
  });
  return hits;
}

}  // namespace widenet::store
