#include "engine/embedder.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/file.h"
#include "base/hash.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/tiny_tokenizer.h"

namespace widenet::engine {
namespace {

struct Row {
  TokenId token = 0;
  std::array<int8_t, 2> weight = {};
  float scale = 0;
};

// Two components a token; rows not named are zero.
std::string safetensors(int64_t vocab_size, const std::vector<Row>& rows) {
  const auto n = static_cast<size_t>(vocab_size);
  std::vector<float> scale(n);
  std::vector<int8_t> weight(2 * n);
  for (const Row& row : rows) {
    const auto at = static_cast<size_t>(row.token);
    scale[at] = row.scale;
    weight[2 * at] = row.weight[0];
    weight[2 * at + 1] = row.weight[1];
  }
  const nlohmann::json header = {
      {"embedding.scale", {{"dtype", "F32"}, {"shape", {n}}, {"data_offsets", {0, 4 * n}}}},
      {"embedding.weight", {{"dtype", "I8"}, {"shape", {n, 2}}, {"data_offsets", {4 * n, 6 * n}}}}};
  const std::string text = header.dump();
  const uint64_t size = text.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &size, 8);
  bytes += text;
  bytes.append(reinterpret_cast<const char*>(scale.data()), 4 * n);
  bytes.append(reinterpret_cast<const char*>(weight.data()), 2 * n);
  return bytes;
}

class EmbedderTest : public ::testing::Test {
 protected:
  EmbedderTest() {
    write("tokenizer.json", tokenizer_json_);
    write_config(sha256_hex(tokenizer_json_));
    write("model.safetensors", safetensors(vocab_size_, rows_));
  }
  void write(const char* name, const std::string& text) {
    write_file_atomically(folder_.path() / name, text);
  }
  void write_config(const std::string& tokenizer_sha256) {
    const nlohmann::json config = {{"model_type", "widenet_static_embedding"},
                                   {"vocab_size", vocab_size_},
                                   {"hidden_size", 2},
                                   {"tokenizer_sha256", tokenizer_sha256}};
    write("config.json", config.dump());
  }

  std::string tokenizer_json_ = test::tiny_tokenizer_json().dump();
  int64_t vocab_size_ = Tokenizer::parse(tokenizer_json_, "test").vocab_size();
  // a = (3, 4) * 1, b = (1, 0) * 2, c = (0, -2) / 2
  std::vector<Row> rows_ = {{'a', {3, 4}, 1}, {'b', {1, 0}, 2}, {'c', {0, -2}, 0.5f}};
  test::TemporaryDirectory folder_;
};

TEST_F(EmbedderTest, ATextIsTheNormalisedSumOfItsScaledVectors) {
  const auto embedder = Embedder::load(folder_.path());
  EXPECT_EQ(embedder->dim(), 2);
  const auto vector = embedder->embed(embedder->tokenizer().encode("abcc"));  // (5, 2)
  EXPECT_FLOAT_EQ(vector[0], 5 / std::sqrt(29.0f));
  EXPECT_FLOAT_EQ(vector[1], 2 / std::sqrt(29.0f));
}

TEST_F(EmbedderTest, NoTokensAreAllZeros) {
  EXPECT_EQ(Embedder::load(folder_.path())->embed({}), (std::vector<float>{0, 0}));
}

TEST_F(EmbedderTest, TheFingerprintNamesTheContent) {
  const std::string before = Embedder::load(folder_.path())->fingerprint();
  EXPECT_EQ(Embedder::load(folder_.path())->fingerprint(), before);
  rows_[2].weight = {0, -3};
  write("model.safetensors", safetensors(vocab_size_, rows_));
  EXPECT_NE(Embedder::load(folder_.path())->fingerprint(), before);
}

TEST(ShippedEmbedderTest, AQuestionIsNearerToItsAnswerThanToOtherTexts) {
  const auto embedder =
      Embedder::load(std::filesystem::path(WN_SOURCE_DIR) / "models" / "nano-embed");
  const auto embed = [&](const char* text) {
    return embedder->embed(embedder->tokenizer().encode(text));
  };
  const auto question = embed("how long do customers have to pay an invoice?");
  const auto similarity = [&](const char* text) {
    const auto vector = embed(text);
    return std::inner_product(vector.begin(), vector.end(), question.begin(), 0.0f);
  };
  EXPECT_NEAR(similarity("how long do customers have to pay an invoice?"), 1, 1e-5);
  const float answer = similarity("Payment terms: invoices are due thirty days after receipt.");
  EXPECT_GT(answer, similarity("The soup of the day is served in the canteen from noon."));
  EXPECT_GT(answer, similarity("The river rises in the hills and flows to the north sea."));
}

TEST_F(EmbedderTest, AnotherTokenizerIsRefused) {
  write_config(sha256_hex("another"));
  EXPECT_THROW(Embedder::load(folder_.path()), ModelError);
}

TEST_F(EmbedderTest, AMissingOrMisshapenPartIsRefused) {
  write("model.safetensors", safetensors(vocab_size_ - 1, rows_));
  EXPECT_THROW(Embedder::load(folder_.path()), ModelError);
  std::filesystem::remove(folder_.path() / "model.safetensors");
  EXPECT_THROW(Embedder::load(folder_.path()), ModelError);
  write("config.json", "{");
  EXPECT_THROW(Embedder::load(folder_.path()), ModelError);
}

}  // namespace
}  // namespace widenet::engine
