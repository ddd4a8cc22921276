// What the store's tests share: a data directory of their own, and documents made from sentences.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/utf8.h"
#include "store/store.h"
#include "tests/support/temporary_directory.h"

namespace widenet::store {

constexpr int64_t kTestDim = 8;

// A unit vector that depends on the text alone.
inline std::vector<float> test_embedding(const std::string& text) {
  std::vector<float> vector(kTestDim);
  float length = 0;
  for (size_t i = 0; i < vector.size(); ++i) {
    vector[i] = static_cast<float>(std::hash<std::string>{}(text + std::to_string(i)) % 1000) - 500;
    length += vector[i] * vector[i];
  }
  for (float& value : vector) value /= std::sqrt(length);
  return vector;
}

// One chunk a sentence; its tokens are its bytes.
inline ProcessedDocument make_processed(const std::vector<std::string>& sentences) {
  ProcessedDocument made{.format = "txt", .tokenizer = "bytes", .embedder = "test"};
  for (const std::string& sentence : sentences) {
    const int64_t start = count_chars(made.text);
    made.text += sentence;
    made.chunks.push_back({.start_char = start,
                           .end_char = count_chars(made.text),
                           .page = 1,
                           .tokens = {sentence.begin(), sentence.end()},
                           .embedding = test_embedding(sentence)});
    for (int32_t& token : made.chunks.back().tokens) token &= 0xFF;
  }
  made.pages.push_back({.number = 1,
                        .start_char = 0,
                        .end_char = count_chars(made.text),
                        .width = 595,
                        .height = 842,
                        .words = {{.start_char = 0, .end_char = 3, .right = 20, .bottom = 10}}});
  return made;
}

class StoreFixture : public ::testing::Test {
 protected:
  StoreFixture() { reopen(); }

  void reopen() {
    store_.reset();
    store_ = Store::open(directory_.path());
  }

  Added add(CollectionId collection, const std::string& key, const std::string& bytes) {
    return store_->add_document({.collection = collection,
                                 .key = key,
                                 .title = "",
                                 .format = "txt",
                                 .sha256 = store_->put_original(bytes),
                                 .file = {},
                                 .job = {}});
  }

  // The same bytes again, for others.
  void set_readers(DocumentId id, const std::vector<std::string>& readers) {
    const auto document = *store_->document(id);
    store_->add_document({.collection = document.collection,
                          .key = document.key,
                          .sha256 = document.sha256,
                          .readers = readers});
  }

  // Added and processed: one chunk for each sentence.
  DocumentId ingest(CollectionId collection,
                    const std::string& key,
                    const std::vector<std::string>& sentences) {
    std::string bytes;
    for (const std::string& sentence : sentences) bytes += sentence;
    const Added added = add(collection, key, bytes);
    EXPECT_TRUE(store_->begin_processing(added.id));
    const std::vector<ProcessedDocument> parts = {make_processed(sentences)};
    EXPECT_EQ(store_->complete_document(added.id, parts), std::vector<DocumentId>{added.id});
    return added.id;
  }

  std::vector<std::string> found_texts(const std::vector<SearchHit>& hits) {
    std::vector<std::string> texts;
    for (const SearchHit& hit : hits) {
      const auto text = store_->text(hit.chunk.document);
      texts.emplace_back(slice_chars(*text, hit.chunk.start_char, hit.chunk.end_char));
    }
    return texts;
  }

  std::vector<std::string> search(CollectionId collection, const std::string& query) {
    return found_texts(store_->search_text({.collections = {collection}}, query, 10));
  }

  std::vector<std::string> search_like(CollectionId collection, const std::string& text) {
    return found_texts(
        store_->search_vectors({.collections = {collection}}, "test", test_embedding(text), 1));
  }

  test::TemporaryDirectory directory_;
  std::unique_ptr<Store> store_;
};

}  // namespace widenet::store
