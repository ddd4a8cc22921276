// The small number formats of the model: BF16, E4M3, E8M0, E2M1, converted bit by bit.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace widenet::kernels {

// --- BF16: the upper half of a float32 ---

inline float bf16_to_float(uint16_t bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

// Round to nearest, ties to even.  Overflow gives infinity; a NaN stays a (quiet) NaN.
inline uint16_t float_to_bf16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>((bits >> 16) | 0x40u);
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

inline float round_to_bf16(float value) {
  return bf16_to_float(float_to_bf16(value));
}

// --- E8M0: a power of two, 2^(byte - 127); 255 is NaN ---

inline float e8m0_to_float(uint8_t byte) {
  if (byte == 0) return std::bit_cast<float>(0x00400000u);  // 2^-127, a subnormal
  if (byte == 255) return std::bit_cast<float>(0x7fc00000u);
  return std::bit_cast<float>(static_cast<uint32_t>(byte) << 23);
}

// The byte of the smallest power of two >= value, for finite value in [2^-126, 2^127].
inline uint8_t e8m0_at_least(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  return static_cast<uint8_t>((bits >> 23) + ((bits & 0x7fffffu) != 0 ? 1u : 0u));
}

// --- E4M3 (the "fn" kind: no infinities, 0x7f and 0xff are NaN): largest value 448 ---

inline constexpr float kE4m3Max = 448.0f;

inline float e4m3_to_float(uint8_t byte) {
  const uint32_t exponent = (byte >> 3) & 15u;
  const uint32_t mantissa = byte & 7u;
  const uint32_t sign = static_cast<uint32_t>(byte & 0x80u) << 24;
  if (exponent == 15 && mantissa == 7) return std::bit_cast<float>(0x7fc00000u | sign);
  if (exponent == 0) {
    const float magnitude = static_cast<float>(mantissa) * 0x1p-9f;
    return (byte & 0x80u) != 0 ? -magnitude : magnitude;
  }
  return std::bit_cast<float>(sign | ((exponent + 120u) << 23) | (mantissa << 20));
}

// Clamped to +-448, then round to nearest, ties to even.  NaN gives NaN.
inline uint8_t float_to_e4m3(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = (bits >> 24) & 0x80u;
  const float magnitude = std::bit_cast<float>(bits & 0x7fffffffu);
  if (std::isnan(value)) return static_cast<uint8_t>(sign | 0x7fu);
  if (magnitude >= kE4m3Max) return static_cast<uint8_t>(sign | 0x7eu);
  if (magnitude < 0x1p-6f) {  // subnormal: a multiple of 2^-9; adding 2^14 rounds at that bit
    const float shifted = magnitude + 0x1p14f;
    return static_cast<uint8_t>(sign | (std::bit_cast<uint32_t>(shifted) & 15u));
  }
  const uint32_t rounded =
      (bits & 0x7fffffffu) + 0x7ffffu + ((bits >> 20) & 1u);  // at the mantissa's third bit
  return static_cast<uint8_t>(sign | ((rounded >> 20) - (120u << 3)));
}

// --- E2M1: sign bit 8, magnitudes 0, 0.5, 1, 1.5, 2, 3, 4, 6 ---

inline constexpr float kE2m1Max = 6.0f;
inline constexpr float kE2m1Magnitudes[8] = {0.0f, 0.5f, 1.0f, 1.5f, 2.0f, 3.0f, 4.0f, 6.0f};
inline constexpr int8_t kE2m1Doubled[16] = {0, 1,  2,  3,  4,  6,  8,  12,
                                            0, -1, -2, -3, -4, -6, -8, -12};

inline float e2m1_to_float(uint8_t nibble) {
  const float magnitude = kE2m1Magnitudes[nibble & 7];
  return (nibble & 8) != 0 ? -magnitude : magnitude;
}

// Clamped to +-6, then round to nearest, ties to the even code.
inline uint8_t float_to_e2m1(float value) {
  const float magnitude = std::fabs(value);
  const unsigned sign = std::signbit(value) ? 8u : 0u;
  unsigned code = 0;
  if (magnitude > 5.0f) {
    code = 7;
  } else if (magnitude >= 3.5f) {
    code = 6;
  } else if (magnitude > 2.5f) {
    code = 5;
  } else if (magnitude >= 1.75f) {
    code = 4;
  } else if (magnitude > 1.25f) {
    code = 3;
  } else if (magnitude >= 0.75f) {
    code = 2;
  } else if (magnitude > 0.25f) {
    code = 1;
  }
  return static_cast<uint8_t>(sign | code);
}

// --- Block scales: the power of two that brings a block's largest magnitude within the format ---

// E4M3: amax is floored at 1e-4.
inline uint8_t fp8_block_scale(float amax) {
  return e8m0_at_least((amax > 1e-4f ? amax : 1e-4f) * (1.0f / kE4m3Max));
}

// E2M1: amax is floored at 6 * 2^-126.
inline uint8_t fp4_block_scale(float amax) {
  constexpr float kFloor = 6.0f * 0x1p-126f;
  return e8m0_at_least((amax > kFloor ? amax : kFloor) * (1.0f / kE2m1Max));
}

}  // namespace widenet::kernels
