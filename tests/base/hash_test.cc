// SHA-256 and CRC-32C against published values, and against every split of a message.
#include "base/hash.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace widenet {
namespace {

TEST(Sha256Test, PublishedVectors) {
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256_hex(std::string(1'000'000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256Test, AMessageInPiecesHashesAsInOne) {
  std::string message;
  for (int i = 0; i < 200; ++i) message += static_cast<char>(i);
  for (size_t cut = 0; cut <= message.size(); ++cut) {
    Sha256 hash;
    hash.update(std::string_view(message).substr(0, cut));
    hash.update(std::string_view(message).substr(cut));
    EXPECT_EQ(to_hex(hash.finish()), sha256_hex(message)) << "cut at " << cut;
  }
}

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::vector<std::byte> random_bytes(size_t n_bytes) {
  std::mt19937 random(32);
  std::vector<std::byte> bytes(n_bytes);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

// The catalogue of parametrised CRCs has the first; RFC 3720, B.4, the others.
TEST(Crc32cTest, PublishedValues) {
  for (const auto crc : {crc32c, crc32c_reference}) {
    EXPECT_EQ(crc(bytes_of("123456789"), 0), 0xe3069283u);
    EXPECT_EQ(crc(bytes_of(""), 0), 0u);
    EXPECT_EQ(crc(bytes_of(std::string(32, '\0')), 0), 0x8a9136aau);
    EXPECT_EQ(crc(bytes_of(std::string(32, '\xff')), 0), 0x62a8ab43u);
  }
}

// Lengths around those of the stretches that are summed side by side, aligned and not.
TEST(Crc32cTest, InstructionAndTablesAgree) {
  const std::vector<std::byte> bytes = random_bytes(40'000);
  std::vector<size_t> lengths;
  for (size_t length = 0; length < 200; ++length) lengths.push_back(length);
  for (const size_t stretches : {3 * 256, 6 * 256, 3 * 4096, 3 * 4096 + 3 * 256, 9 * 4096}) {
    for (size_t length = stretches - 9; length < stretches + 10; ++length)
      lengths.push_back(length);
  }
  for (const size_t length : lengths) {
    for (size_t offset = 0; offset < 9; ++offset) {
      const auto piece = std::span(bytes).subspan(offset, length);
      ASSERT_EQ(crc32c(piece), crc32c_reference(piece)) << length << " bytes at " << offset;
    }
  }
}

TEST(Crc32cTest, AMessageInPiecesSumsAsInOne) {
  const std::vector<std::byte> bytes = random_bytes(13'500);
  const auto message = std::span<const std::byte>(bytes);
  for (size_t cut = 0; cut <= message.size(); cut += 37) {
    EXPECT_EQ(crc32c(message.subspan(cut), crc32c(message.first(cut))), crc32c(message)) << cut;
  }
}

TEST(Crc32cTest, EveryFlippedBitChangesIt) {
  std::vector<std::byte> bytes = random_bytes(1'000);
  const uint32_t crc = crc32c(bytes);
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    const auto mask = static_cast<std::byte>(1 << (bit % 8));
    bytes[bit / 8] ^= mask;
    EXPECT_NE(crc32c(bytes), crc) << "bit " << bit;
    bytes[bit / 8] ^= mask;
  }
}

}  // namespace
}  // namespace widenet
