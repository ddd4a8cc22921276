#include "engine/checkpoint.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <fstream>
#include <functional>

#include "engine/inventory.h"
#include "engine/weights.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/v4_checkpoint.h"

namespace widenet::engine {
namespace {

using test::Storage;
using test::TensorSpec;

std::string message_of(const std::function<void()>& action) {
  try {
    action();
    return "";
  } catch (const ModelError& error) {
    return error.what();
  }
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// A file of this header and so many bytes of data, and why it is refused.
class HeaderTest : public ::testing::Test {
 protected:
  std::string refusal_of_bytes(const std::string& bytes) const {
    const auto file = dir_.path() / "model.safetensors";
    test::write_text(file, bytes);
    return message_of([&] { Checkpoint::open_file(file); });
  }

  std::string refusal(const std::string& header, size_t data_bytes = 16) const {
    const uint64_t size = header.size();
    const std::string length(reinterpret_cast<const char*>(&size), sizeof size);
    return refusal_of_bytes(length + header + std::string(data_bytes, '\0'));
  }

  test::TemporaryDirectory dir_;
};

TEST_F(HeaderTest, ReadsTensorsAndMetadata) {
  EXPECT_EQ(refusal(R"({"__metadata__":{"format":"pt"},
      "a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},
      "b":{"shape":[],"data_offsets":[8,10],"dtype":"BF16"},
      "c":{"dtype":"F32","shape":[0,7],"data_offsets":[10,10]}}  )"),
            "");
  const Checkpoint checkpoint = Checkpoint::open(dir_.path());
  EXPECT_EQ(checkpoint.tensors().size(), 3u);
  EXPECT_EQ(checkpoint.get("a").shape, (std::vector<int64_t>{2, 1}));
  EXPECT_EQ(checkpoint.get("b").dtype, DType::bf16);
  EXPECT_EQ(checkpoint.get("b").n_elements(), 1);
  EXPECT_EQ(checkpoint.get("c").n_elements(), 0);
  EXPECT_EQ(checkpoint.find("d"), nullptr);
  EXPECT_TRUE(contains(message_of([&] { checkpoint.get("d"); }), "tensor \"d\" is missing"));
}

TEST_F(HeaderTest, RefusalsNameTheTensor) {
  const std::string ok = R"("dtype":"F32","shape":[2])";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"({"t":{)" + ok + R"(,"data_offsets":[0,12]}})", "has 12 bytes"},
      {R"({"t":{)" + ok + R"(,"data_offsets":[12,20]}})", "bytes 12 to 20 of 16"},
      {R"({"t":{)" + ok + R"(,"data_offsets":[8,0]}})", "bytes 8 to 0"},
      {R"({"t":{)" + ok + R"(,"data_offsets":[0]}})", "data_offsets"},
      {R"({"t":{)" + ok + R"(,"data_offsets":[0,8,9]}})", "data_offsets"},
      {R"({"t":{)" + ok + R"(}})", "data_offsets"},
      {R"({"t":{"shape":[2],"data_offsets":[0,8]}})", "no dtype"},
      {R"({"t":{"dtype":"F32","data_offsets":[0,8]}})", "no shape"},
      {R"({"t":{"dtype":"Q4","shape":[2],"data_offsets":[0,8]}})", "unknown dtype \"Q4\""},
      {R"({"t":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})", "negative"},
      {R"({"t":{"dtype":"F32","shape":[2.5],"data_offsets":[0,8]}})", "fraction"},
      {R"({"t":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,2],"data_offsets":[0,8]}})", "more than 8"},
      {R"({"t":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}})",
       "has 8 bytes"},
      {R"({"t":{"dtype":"F32","shape":[18446744073709551615,2],"data_offsets":[0,8]}})",
       "has 8 bytes"},
      {R"({"t":{"dtype":"F32","shape":[[2]],"data_offsets":[0,8]}})", "a list"},
      {R"({"t":{"dtype":{"x":1},"shape":[2],"data_offsets":[0,8]}})", "an object"},
      {R"({"t":{"dtype":7,"shape":[2],"data_offsets":[0,8]}})", "a number"},
      {R"({"t":{)" + ok + R"(,"dtype":"F32","data_offsets":[0,8]}})", "two of dtype"},
      {R"({"t":{)" + ok + R"(,"data_offsets":[0,8],"more":1}})", "unknown key \"more\""},
      {R"({"t":{)" + ok + R"(,"data_offsets":[0,8]})", "not JSON"},
      {R"({"s":{)" + ok + R"(,"data_offsets":[0,8]},"t":{)" + ok + R"(,"data_offsets":[4,12]}})",
       "overlaps tensor \"s\""},
      {R"({"t":{)" + ok + R"(,"data_offsets":[0,8]},"t":{)" + ok + R"(,"data_offsets":[8,16]}})",
       "there twice"},
  };
  for (const auto& [header, why] : cases) {
    const std::string message = refusal(header);
    EXPECT_TRUE(contains(message, why)) << header << "\n" << message;
    EXPECT_TRUE(contains(message, "\"t\"")) << header << "\n" << message;
  }
}

TEST_F(HeaderTest, WhatIsNoHeaderIsRefused) {
  for (const char* header : {"", "[]", "7", "null", "\"t\"", "{\"t\":7}", "{\"t\":[]}",
                             "{\"__metadata__\":{\"a\":[1]}}", "{} {}", "{\"\xff\":1}"}) {
    EXPECT_NE(refusal(header), "") << header;
  }
  EXPECT_EQ(refusal("{}"), "");
}

TEST_F(HeaderTest, LengthsThatLieAreRefused) {
  EXPECT_TRUE(contains(refusal_of_bytes(""), "0 bytes, too few"));
  EXPECT_TRUE(contains(refusal_of_bytes("1234567"), "7 bytes, too few"));
  EXPECT_TRUE(contains(refusal_of_bytes(std::string(8, '\xff')), "more than any has"));
  EXPECT_TRUE(contains(refusal_of_bytes(std::string("\x40\0\0\0\0\0\0\0{}", 10)), "has only 10"));
}

// Every truncation and every damaged byte of a whole small file gives an error or a checkpoint,
// and reading every byte that the checkpoint names stays inside the file.
TEST_F(HeaderTest, SurvivesEveryTruncationAndEveryFlippedByte) {
  const auto file = dir_.path() / "model.safetensors";
  test::write_zeros(file, {{"x.weight", "F8_E4M3", {3, 5}}, {"y", "BF16", {4}}});
  const std::string whole = read_file(file);
  const auto open_and_sum = [&](const std::string& bytes) {
    test::write_text(file, bytes);
    return message_of([&] {
      const Checkpoint checkpoint = Checkpoint::open_file(file);
      int sum = 0;
      for (const auto& [name, view] : checkpoint.tensors()) {
        for (const std::byte b : view.bytes) sum += std::to_integer<int>(b);
      }
      EXPECT_GE(sum, 0);
    });
  };
  EXPECT_EQ(open_and_sum(whole), "");
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_NE(open_and_sum(whole.substr(0, size)), "") << "cut to " << size;
  }
  for (size_t i = 0; i < whole.size(); ++i) {
    for (const int mask : {0x01, 0x80}) {
      std::string damaged = whole;
      damaged[i] = static_cast<char>(damaged[i] ^ mask);
      open_and_sum(damaged);
    }
  }
}

TEST_F(HeaderTest, MisalignedTensorsAreCopiedToAlignedMemory) {
  const std::string header = R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},
      "b":{"dtype":"F32","shape":[2],"data_offsets":[1,9]}})";
  const uint64_t size = header.size();
  std::string bytes(reinterpret_cast<const char*>(&size), sizeof size);
  bytes += header + "\x07";
  const float values[2] = {1.5f, -2.0f};
  bytes.append(reinterpret_cast<const char*>(values), sizeof values);
  test::write_text(dir_.path() / "model.safetensors", bytes);

  const Checkpoint checkpoint = Checkpoint::open(dir_.path());
  const float* b = checkpoint.get("b", DType::f32, {2}).data<float>();
  EXPECT_EQ(reinterpret_cast<uintptr_t>(b) % sizeof(float), 0u);
  EXPECT_EQ(b[0], 1.5f);
  EXPECT_EQ(b[1], -2.0f);
}

class ShardTest : public ::testing::Test {
 protected:
  void write_index(const std::string& weight_map) const {
    test::write_text(dir_.path() / "model.safetensors.index.json",
                     R"({"metadata":{},"weight_map":)" + weight_map + "}");
  }
  std::string refusal() const {
    return message_of([&] { Checkpoint::open(dir_.path()); });
  }
  test::TemporaryDirectory dir_;
};

TEST_F(ShardTest, ReadsOnlyWhatTheIndexNames) {
  test::write_zeros(dir_.path() / "one.safetensors", {{"a", "U8", {1}}, {"extra", "U8", {1}}});
  test::write_zeros(dir_.path() / "two.safetensors", {{"b", "U8", {2}}, {"a", "U8", {9}}});
  test::write_text(dir_.path() / "three.safetensors", "not a safetensors file");
  write_index(R"({"a":"one.safetensors","b":"two.safetensors"})");
  const Checkpoint checkpoint = Checkpoint::open(dir_.path());
  EXPECT_EQ(checkpoint.tensors().size(), 2u);
  EXPECT_EQ(checkpoint.get("a").n_elements(), 1);
  EXPECT_EQ(checkpoint.files().size(), 2u);
  EXPECT_EQ(checkpoint.total_bytes(), 3);
}

TEST_F(ShardTest, TensorThatIsNotInItsShardIsNamed) {
  test::write_zeros(dir_.path() / "one.safetensors", {{"a", "U8", {1}}});
  write_index(R"({"a":"one.safetensors","b":"one.safetensors"})");
  EXPECT_TRUE(contains(refusal(), "tensor \"b\" is not in it"));
}

TEST_F(ShardTest, IndexCannotReachOtherFolders) {
  for (const char* name : {"../secret", "/etc/passwd", "a\\\\b", "..", ".", "", "a\\u0000b"}) {
    write_index(R"({"a":")" + std::string(name) + R"("})");
    EXPECT_TRUE(contains(refusal(), "not a plain file name")) << name << ": " << refusal();
  }
}

TEST_F(ShardTest, BadIndexOrMissingFilesAreErrors) {
  EXPECT_TRUE(contains(refusal(), "neither model.safetensors nor"));
  for (const char* map : {"7", "{}", "{\"a\":7}", "{", "null", "[\"a\"]"}) {
    write_index(map);
    EXPECT_NE(refusal(), "") << map;
  }
  write_index(R"({"a":"gone.safetensors"})");
  EXPECT_TRUE(contains(refusal(), "gone.safetensors"));
}

class InventoryTest : public ::testing::Test {
 protected:
  std::string refusal(const std::vector<TensorSpec>& tensors) const {
    test::write_zeros(dir_.path() / "model.safetensors", tensors);
    const Checkpoint checkpoint = Checkpoint::open(dir_.path());
    return message_of([&] { validate_inventory(config_, checkpoint); });
  }

  ModelConfig config_ = parse_model_config(test::toy_config_json(), "config.json");
  test::TemporaryDirectory dir_;
};

TEST_F(InventoryTest, EveryStorageIsAccepted) {
  for (const Storage storage : {Storage::published, Storage::bf16, Storage::base}) {
    EXPECT_EQ(refusal(test::v4_tensors(config_, storage)), "");
  }
}

TEST_F(InventoryTest, RandomCheckpointIsWholeAndFollowsItsSeed) {
  const Checkpoint one = random_checkpoint(config_, 1);
  validate_inventory(config_, one);
  const Checkpoint again = random_checkpoint(config_, 1);
  const Checkpoint other = random_checkpoint(config_, 2);
  bool differs = false;
  for (const auto& [name, tensor] : one.tensors()) {
    EXPECT_TRUE(std::ranges::equal(tensor.bytes, again.get(name).bytes)) << name;
    differs = differs || !std::ranges::equal(tensor.bytes, other.get(name).bytes);
  }
  EXPECT_TRUE(differs);
}

TEST_F(InventoryTest, EveryMissingTensorIsNamed) {
  const std::vector<TensorSpec> all = test::v4_tensors(config_, Storage::published);
  for (size_t i = 0; i < all.size(); ++i) {
    std::vector<TensorSpec> tensors = all;
    tensors.erase(tensors.begin() + static_cast<ptrdiff_t>(i));
    EXPECT_TRUE(contains(refusal(tensors), "\"" + all[i].name + "\" is missing")) << all[i].name;
  }
}

TEST_F(InventoryTest, EveryMissingTensorOfADsparkHeadIsNamed) {
  config_ = parse_model_config(test::toy_dspark_config_json(), "config.json");
  const std::vector<TensorSpec> all = test::v4_tensors(config_, Storage::published);
  EXPECT_EQ(refusal(all), "");
  for (size_t i = 0; i < all.size(); ++i) {
    if (!all[i].name.starts_with("mtp.")) continue;
    std::vector<TensorSpec> tensors = all;
    tensors.erase(tensors.begin() + static_cast<ptrdiff_t>(i));
    EXPECT_TRUE(contains(refusal(tensors), "\"" + all[i].name + "\" is missing")) << all[i].name;
  }
}

TEST_F(InventoryTest, EveryWrongShapeOrTypeIsNamed) {
  const std::vector<TensorSpec> all = test::v4_tensors(config_, Storage::published);
  for (size_t i = 0; i < all.size(); ++i) {
    std::vector<TensorSpec> tensors = all;
    tensors[i].shape[0] += 1;
    EXPECT_TRUE(contains(refusal(tensors), "\"" + all[i].name + "\" is ")) << all[i].name;
    tensors[i] = all[i];
    tensors[i].dtype = "F64";
    tensors[i].shape.push_back(1);
    EXPECT_TRUE(contains(refusal(tensors), "\"" + all[i].name + "\" is ")) << all[i].name;
  }
}

TEST_F(InventoryTest, ATiedHeadIsNoTensorOfItsOwn) {
  ModelConfig tied = config_;
  tied.ties_head = true;
  const std::vector<TensorSpec> tensors = test::v4_tensors(tied, Storage::published);
  EXPECT_TRUE(
      contains(refusal(tensors), "\"head.weight\" is missing"));  // of config_, which has one
  const Checkpoint checkpoint = Checkpoint::open(dir_.path());
  validate_inventory(tied, checkpoint);
  const ModelWeights weights = resolve_weights(tied, checkpoint);
  EXPECT_EQ(weights.head.data, weights.embedding.data);
}

TEST_F(InventoryTest, TensorsThatTheConfigDoesNotCallForAreIgnored) {
  std::vector<TensorSpec> tensors = test::v4_tensors(config_, Storage::published);
  tensors.push_back({"layers.9.more", "F32", {3}});
  EXPECT_EQ(refusal(tensors), "");
}

TEST_F(InventoryTest, HashTableThatNamesNoExpertIsRefused) {
  const auto file = dir_.path() / "model.safetensors";
  test::write_zeros(file, test::v4_tensors(config_, Storage::published));
  size_t offset = 0;
  {
    const Checkpoint checkpoint = Checkpoint::open_file(file);
    const auto& table = checkpoint.get("layers.0.ffn.gate.tid2eid");
    const MappedFile mapped = MappedFile::open(file);
    offset = read_file(file).size() - static_cast<size_t>(checkpoint.total_bytes());
    for (const TensorSpec& tensor : test::v4_tensors(config_, Storage::published)) {
      if (tensor.name == "layers.0.ffn.gate.tid2eid") break;
      offset += static_cast<size_t>(tensor.n_bytes());
    }
    ASSERT_EQ(table.n_elements(), 100);
  }
  std::fstream out(file, std::ios::in | std::ios::out | std::ios::binary);
  const int64_t expert = 4;  // of 4
  out.seekp(static_cast<std::streamoff>(offset + 7 * sizeof expert));
  out.write(reinterpret_cast<const char*>(&expert), sizeof expert);
  out.close();
  const Checkpoint checkpoint = Checkpoint::open_file(file);
  const std::string message = message_of([&] { validate_inventory(config_, checkpoint); });
  EXPECT_TRUE(contains(message, "tid2eid\" sends token 3 to expert 4 of 4")) << message;
}

int64_t kib_of(const char* field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind(field, 0) == 0) return std::stoll(line.substr(std::strlen(field) + 1));
  }
  return -1;
}

// Of the process, because what else the machine does is no property of ours.
double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// V4-Flash-0731 drafts with DSpark: 3 stages instead of the MTP block.
TEST(FlashInventoryTest, TensorsOf0731AddUpToThePublishedTotals) {
  const ModelConfig config = parse_model_config(test::flash_0731_config_json(), "config.json");
  int64_t n_bytes = 0;
  const std::vector<TensorSpec> tensors = test::v4_tensors(config, Storage::published);
  for (const TensorSpec& tensor : tensors) n_bytes += tensor.n_bytes();
  EXPECT_EQ(tensors.size(), 72317u);
  EXPECT_EQ(n_bytes, 166878536440);

  test::TemporaryDirectory dir;
  test::write_zeros_sharded(dir.path(), tensors, 48);
  validate_inventory(config, Checkpoint::open(dir.path()));
}

// The published V4-Flash: names, types, shapes and totals, in 46 sparse shards of zeros.
TEST(FlashInventoryTest, OpensAndValidatesInSecondsAndLittleMemory) {
  const ModelConfig config = parse_model_config(test::flash_config_json(), "config.json");
  const std::vector<TensorSpec> tensors = test::v4_tensors(config, Storage::published);
  test::TemporaryDirectory dir;
  test::write_zeros_sharded(dir.path(), tensors, 46);

  const double start = cpu_seconds();
  const Checkpoint checkpoint = Checkpoint::open(dir.path());
  validate_inventory(config, checkpoint);
  const double seconds = cpu_seconds() - start;

  EXPECT_EQ(checkpoint.tensors().size(), 69187u);
  EXPECT_EQ(checkpoint.total_bytes(), 159609485896);
  const int64_t peak_kib = kib_of("VmHWM:");
  std::printf(
      "V4-Flash: %zu tensors, %lld bytes, opened and validated in %.2f CPU seconds, %.0f MB "
      "resident "
      "at most\n",
      checkpoint.tensors().size(), static_cast<long long>(checkpoint.total_bytes()), seconds,
      static_cast<double>(peak_kib) / 1e3);
  EXPECT_LT(seconds, 5);
  EXPECT_GT(peak_kib, 0);
  EXPECT_LT(peak_kib, 1000000);
}

}  // namespace
}  // namespace widenet::engine
