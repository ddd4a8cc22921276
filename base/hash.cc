#include "base/hash.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace widenet {
namespace {

// The first 32 bits of the fractional parts of the cube roots of the first 64 primes.
constexpr std::array<uint32_t, 64> kRound = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

uint32_t load_big_endian(const uint8_t* p) {
  return uint32_t{p[0]} << 24 | uint32_t{p[1]} << 16 | uint32_t{p[2]} << 8 | uint32_t{p[3]};
}

// CRC-32C is the remainder of a polynomial over GF(2), kept with the lowest power in the highest
// bit.  The register here is that remainder; the published value is its complement.
constexpr uint32_t kCastagnoli = 0x82f63b78;

constexpr uint32_t after_zero_byte(uint32_t crc) {
  for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kCastagnoli : 0);
  return crc;
}

using ByteTable = std::array<uint32_t, 256>;

// [i][b]: what byte b leaves in the register when i more bytes have followed.
constexpr std::array<ByteTable, 8> kByteThenZeros = [] {
  std::array<ByteTable, 8> tables = {};
  for (uint32_t b = 0; b < 256; ++b) {
    uint32_t crc = b;
    for (ByteTable& table : tables) table[b] = crc = after_zero_byte(crc);
  }
  return tables;
}();

// What becomes of a register when 2^log2 zero bytes follow.  That is linear, so the register's four
// bytes can be looked up one by one.
class ZeroBytes {
 public:
  constexpr explicit ZeroBytes(int log2) {
    Bits bits = {};
    for (size_t i = 0; i < 32; ++i) bits[i] = after_zero_byte(uint32_t{1} << i);
    for (int doubling = 0; doubling < log2; ++doubling) {
      Bits twice = {};
      for (size_t i = 0; i < 32; ++i) twice[i] = image(bits, bits[i]);
      bits = twice;
    }
    for (uint32_t b = 0; b < 256; ++b) {
      for (size_t byte = 0; byte < 4; ++byte) tables_[byte][b] = image(bits, b << (8 * byte));
    }
  }

  constexpr uint32_t after(uint32_t crc) const {
    return tables_[0][crc & 255] ^ tables_[1][(crc >> 8) & 255] ^ tables_[2][(crc >> 16) & 255] ^
           tables_[3][crc >> 24];
  }

 private:
  using Bits = std::array<uint32_t, 32>;  // of each bit of the register, what becomes of it

  static constexpr uint32_t image(const Bits& bits, uint32_t crc) {
    uint32_t sum = 0;
    for (size_t i = 0; i < 32; ++i) sum ^= ((crc >> i) & 1) != 0 ? bits[i] : 0;
    return sum;
  }

  std::array<ByteTable, 4> tables_ = {};
};

uint64_t load_8_bytes(const std::byte* p) {
  uint64_t word;
  std::memcpy(&word, p, sizeof word);
  return word;
}

#if defined(__x86_64__)
// The instruction takes 8 bytes a cycle but answers after three, so three stretches of
// 2^kStretchLog2 bytes are summed side by side and joined: the register of two stretches is that of
// the first when as many zeros have followed, plus that of the second.
template <int kStretchLog2>
[[gnu::target("sse4.2")]] uint64_t sum_in_threes(std::span<const std::byte>& bytes, uint64_t crc) {
  static constexpr ZeroBytes kZeros(kStretchLog2);
  constexpr size_t kStretch = size_t{1} << kStretchLog2;
  while (bytes.size() >= 3 * kStretch) {
    const std::byte* p = bytes.data();
    uint64_t first = crc, second = 0, third = 0;
    for (size_t i = 0; i < kStretch; i += 8) {
      first = __builtin_ia32_crc32di(first, load_8_bytes(p + i));
      second = __builtin_ia32_crc32di(second, load_8_bytes(p + kStretch + i));
      third = __builtin_ia32_crc32di(third, load_8_bytes(p + 2 * kStretch + i));
    }
    const uint64_t two = kZeros.after(static_cast<uint32_t>(first)) ^ second;
    crc = kZeros.after(static_cast<uint32_t>(two)) ^ third;
    bytes = bytes.subspan(3 * kStretch);
  }
  return crc;
}

[[gnu::target("sse4.2")]] uint32_t crc32c_sse42(std::span<const std::byte> bytes, uint32_t crc) {
  uint64_t sum = ~crc;
  sum = sum_in_threes<12>(bytes, sum);
  sum = sum_in_threes<8>(bytes, sum);
  for (; bytes.size() >= 8; bytes = bytes.subspan(8)) {
    sum = __builtin_ia32_crc32di(sum, load_8_bytes(bytes.data()));
  }
  auto rest = static_cast<uint32_t>(sum);
  for (const std::byte byte : bytes) {
    rest = __builtin_ia32_crc32qi(rest, static_cast<uint8_t>(byte));
  }
  return ~rest;
}
#endif

}  // namespace

void Sha256::compress(const uint8_t* block) {
  std::array<uint32_t, 64> w;
  for (size_t i = 0; i < 16; ++i) w[i] = load_big_endian(block + 4 * i);
  for (size_t i = 16; i < 64; ++i) {
    const uint32_t s0 = std::rotr(w[i - 15], 7) ^ std::rotr(w[i - 15], 18) ^ (w[i - 15] >> 3);
    const uint32_t s1 = std::rotr(w[i - 2], 17) ^ std::rotr(w[i - 2], 19) ^ (w[i - 2] >> 10);
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  auto [a, b, c, d, e, f, g, h] = state_;
  for (size_t i = 0; i < 64; ++i) {
    const uint32_t sum1 = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
    const uint32_t t1 = h + sum1 + ((e & f) ^ (~e & g)) + kRound[i] + w[i];
    const uint32_t sum0 = std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22);
    const uint32_t t2 = sum0 + ((a & b) ^ (a & c) ^ (b & c));
    h = g, g = f, f = e, e = d + t1;
    d = c, c = b, b = a, a = t1 + t2;
  }
  const std::array<uint32_t, 8> added = {a, b, c, d, e, f, g, h};
  for (size_t i = 0; i < 8; ++i) state_[i] += added[i];
}

Sha256& Sha256::update(std::span<const std::byte> bytes) {
  const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
  size_t remaining = bytes.size();
  total_bytes_ += remaining;
  while (remaining > 0) {
    if (block_bytes_ == 0 && remaining >= block_.size()) {
      compress(data);
      data += block_.size(), remaining -= block_.size();
      continue;
    }
    const size_t count = std::min(remaining, block_.size() - block_bytes_);
    std::memcpy(block_.data() + block_bytes_, data, count);
    data += count, remaining -= count, block_bytes_ += count;
    if (block_bytes_ == block_.size()) compress(block_.data()), block_bytes_ = 0;
  }
  return *this;
}

Sha256& Sha256::update(std::string_view text) {
  return update(std::as_bytes(std::span(text.data(), text.size())));
}

Sha256::Digest Sha256::finish() {
  const uint64_t total_bits = total_bytes_ * 8;
  std::array<uint8_t, 72> padding = {0x80};
  // One 0x80, zeros up to 56 modulo 64, then the length in bits.
  const size_t zeros_end = (block_bytes_ < 56 ? 56 : 120) - block_bytes_;
  for (size_t i = 0; i < 8; ++i) {
    padding[zeros_end + i] = static_cast<uint8_t>(total_bits >> (56 - 8 * i));
  }
  update(std::as_bytes(std::span(padding).first(zeros_end + 8)));
  Digest digest;
  for (size_t i = 0; i < digest.size(); ++i) {
    digest[i] = static_cast<uint8_t>(state_[i / 4] >> (24 - 8 * (i % 4)));
  }
  return digest;
}

uint32_t crc32c_reference(std::span<const std::byte> bytes, uint32_t crc) {
  crc = ~crc;
  for (; bytes.size() >= 8; bytes = bytes.subspan(8)) {
    const uint64_t word = load_8_bytes(bytes.data()) ^ crc;
    crc = 0;
    for (size_t i = 0; i < 8; ++i) crc ^= kByteThenZeros[7 - i][(word >> (8 * i)) & 255];
  }
  for (const std::byte byte : bytes) {
    crc = (crc >> 8) ^ kByteThenZeros[0][(crc ^ static_cast<uint32_t>(byte)) & 255];
  }
  return ~crc;
}

uint32_t crc32c(std::span<const std::byte> bytes, uint32_t crc) {
#if defined(__x86_64__)
  static const bool has_instruction = __builtin_cpu_supports("sse4.2") != 0;
  if (has_instruction) return crc32c_sse42(bytes, crc);
#endif
  return crc32c_reference(bytes, crc);
}

std::string to_hex(std::span<const uint8_t> bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(2 * bytes.size());
  for (const uint8_t byte : bytes) hex += kDigits[byte >> 4], hex += kDigits[byte & 15];
  return hex;
}

std::string sha256_hex(std::string_view text) {
  return to_hex(Sha256().update(text).finish());
}

}  // namespace widenet
