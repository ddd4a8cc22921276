#include "store/vector_index.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string_view>

#include "base/file.h"
#include "tests/support/temporary_directory.h"

namespace widenet::store {
namespace {

VectorIndex make_axes() {
  VectorIndex index(3);
  const std::vector<int64_t> ids = {10, 11, 12};
  const std::vector<float> vectors = {1, 0, 0, 0, 1, 0, 0, 0, 1};
  index.add(ids, vectors);
  index.set_sequence(7);
  return index;
}

// Without the fsync of write_file_atomically: these files are many.
void overwrite(const std::filesystem::path& file, std::string_view bytes) {
  std::ofstream(file, std::ios::binary).write(bytes.data(), std::ssize(bytes));
}

const std::vector<float> kQuery = {0.5f, 0.25f, 1.0f};

TEST(VectorIndexTest, FindsTheLargestInnerProductsInOrder) {
  const auto hits = make_axes().search(kQuery, 2);
  ASSERT_EQ(hits.size(), 2u);
  EXPECT_EQ(hits[0].id, 12);
  EXPECT_EQ(hits[0].score, 1.0f);
  EXPECT_EQ(hits[1].id, 10);
  EXPECT_EQ(hits[1].score, 0.5f);
}

TEST(VectorIndexTest, EqualScoresComeInOrderOfId) {
  VectorIndex index(1);
  const std::vector<int64_t> ids = {5, 3, 4};
  const std::vector<float> vectors = {1, 1, 1};
  index.add(ids, vectors);
  const std::vector<float> query = {2};
  const auto hits = index.search(query, 3);
  EXPECT_EQ(hits[0].id, 3);
  EXPECT_EQ(hits[1].id, 4);
  EXPECT_EQ(hits[2].id, 5);
}

TEST(VectorIndexTest, RemovedVectorsAreNotFound) {
  VectorIndex index = make_axes();
  index.remove_range(11, 2);
  EXPECT_EQ(index.size(), 1);
  EXPECT_EQ(index.search(kQuery, 10).size(), 1u);
}

TEST(VectorIndexTest, AnEmptyIndexFindsNothing) {
  EXPECT_TRUE(VectorIndex(3).search(kQuery, 5).empty());
}

TEST(VectorIndexTest, SavedAndLoadedItIsTheSame) {
  const test::TemporaryDirectory directory;
  const auto file = directory.path() / "a.faiss";
  make_axes().save(file);
  auto loaded = VectorIndex::load(file, 3);
  ASSERT_NE(loaded, nullptr);
  EXPECT_EQ(loaded->sequence(), 7);
  EXPECT_EQ(loaded->search(kQuery, 1)[0].id, 12);
  const std::vector<int64_t> more = {13};
  loaded->add(more, kQuery);  // a loaded index grows like any other
  EXPECT_EQ(loaded->search(kQuery, 1)[0].id, 13);
}

TEST(VectorIndexTest, AnyFlippedByteIsNoticed) {
  const test::TemporaryDirectory directory;
  const auto file = directory.path() / "a.faiss";
  make_axes().save(file);
  const std::string bytes = read_file(file);
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string corrupt = bytes;
    corrupt[i] = static_cast<char>(corrupt[i] ^ 0x10);
    overwrite(file, corrupt);
    EXPECT_EQ(VectorIndex::load(file, 3), nullptr) << "byte " << i;
  }
}

TEST(VectorIndexTest, EveryTruncationIsNoticed) {
  const test::TemporaryDirectory directory;
  const auto file = directory.path() / "a.faiss";
  make_axes().save(file);
  const std::string bytes = read_file(file);
  for (size_t size = 0; size < bytes.size(); ++size) {
    overwrite(file, bytes.substr(0, size));
    EXPECT_EQ(VectorIndex::load(file, 3), nullptr) << size << " bytes";
  }
  EXPECT_EQ(VectorIndex::load(directory.path() / "missing", 3), nullptr);
}

}  // namespace
}  // namespace widenet::store
