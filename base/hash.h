// SHA-256 (FIPS 180-4), the name of every content-addressed thing, and CRC-32C against bit rot.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace widenet {

// Incremental; one object hashes one message.  Not thread-safe.
class Sha256 {
 public:
  using Digest = std::array<uint8_t, 32>;

  Sha256& update(std::span<const std::byte> bytes);
  Sha256& update(std::string_view text);

  // The digest of all that was given.  Call once.
  Digest finish();

 private:
  void compress(const uint8_t* block);

  std::array<uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<uint8_t, 64> block_ = {};
  size_t block_bytes_ = 0;
  uint64_t total_bytes_ = 0;
};

// 64 lower-case hexadecimal digits.
std::string sha256_hex(std::string_view text);
std::string to_hex(std::span<const uint8_t> bytes);

// CRC-32C (Castagnoli; RFC 3720): finds accidents, not forgers.  `crc` is that of the bytes before
// these, so that a message may come in pieces.  About as fast as memory where the CPU has the
// instruction (SSE4.2), else as the reference.
uint32_t crc32c(std::span<const std::byte> bytes, uint32_t crc = 0);

// The same by tables alone, on any CPU: the definition of correct.
uint32_t crc32c_reference(std::span<const std::byte> bytes, uint32_t crc = 0);

}  // namespace widenet
