// What every SIMD kernel uses: unrolled loops, rounding, exponentials, folding, narrowing.
#pragma once

namespace widenet::kernels {
namespace {

// body(0), ..., body(n - 1), the indices known at compile time.  As loops, g++ 12 unrolls them too
// late to keep in registers the arrays that they index: every sum is then stored in every step.
template <typename Body, int... i>
WN_INLINE void for_each_index(const Body& body, std::integer_sequence<int, i...>) {
  (body(std::integral_constant<int, i>()), ...);
}
template <int n, typename Body>
WN_INLINE void unrolled(const Body& body) {
  for_each_index(body, std::make_integer_sequence<int, n>());
}

constexpr int64_t round_up(int64_t n, int64_t multiple) {
  return (n + multiple - 1) / multiple * multiple;
}
WN_INLINE int64_t at_most(int64_t a, int64_t b) {
  return a < b ? a : b;
}
WN_INLINE int64_t at_least(int64_t a, int64_t b) {
  return a > b ? a : b;
}

WN_INLINE F round_bf16(F v) {
  return round_mantissa<16>(v);
}

WN_INLINE float sum_of_lanes(F v) {
  return _mm_cvtss_f32(sums_of_four(v, v, v, v));
}

// e^x to about 2 ulp (Cephes): reduction by multiples of ln 2, then a polynomial.  0 below -87.3,
// where the result would be subnormal.
WN_INLINE F exponential(F x) {
  const F clamped = min(max(x, splat(-87.3f)), splat(88.7f));
  const F n = nearest_integer(mul(clamped, splat(1.44269504088896341f)));
  F r = fma(n, splat(-0.693359375f), clamped);
  r = fma(n, splat(2.12194440e-4f), r);
  F p = splat(1.9875691500e-4f);
  p = fma(p, r, splat(1.3981999507e-3f));
  p = fma(p, r, splat(8.3334519073e-3f));
  p = fma(p, r, splat(4.1665795894e-2f));
  p = fma(p, r, splat(1.6666665459e-1f));
  p = fma(p, r, splat(5.0000001201e-1f));
  p = fma(mul(p, r), r, add(r, splat(1.0f)));
  const F low = times_power_of_two(p, min(n, splat(127.0f)));  // n = 128: in two steps
  const F value = times_power_of_two(low, sub(n, min(n, splat(127.0f))));
  return where_less(x, splat(-87.3f), zero(), value);
}

WN_INLINE F sigmoid(F x) {
  return div(splat(1.0f), add(splat(1.0f), exponential(sub(zero(), x))));
}

WN_INLINE I bits_of(F v) {
  return (I)v;
}
WN_INLINE F floats(I v) {
  return (F) __builtin_convertvector(v, FloatLanes);
}
// The integers that v holds.
WN_INLINE I integers(F v) {
  return __builtin_convertvector((FloatLanes)v, I);
}

// The first n elements of v.
template <typename Narrow, typename T>
WN_INLINE void store_narrow(Narrow v, int64_t n, T* out) {
  constexpr auto kElements = static_cast<int64_t>(sizeof(Narrow) / sizeof(T));
  if (n >= kElements) {
    std::memcpy(out, &v, sizeof v);
  } else {
    std::memcpy(out, &v, static_cast<size_t>(n) * sizeof(T));
  }
}

}  // namespace
}  // namespace widenet::kernels
