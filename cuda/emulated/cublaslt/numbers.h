// The number formats of products, and roundings to them (to nearest, ties to even).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace emulated {

enum class Format { f32, bf16, f16 };

inline size_t bytes_of(Format f) { return f == Format::f32 ? 4 : 2; }
inline const char *name_of(Format f) { return f == Format::f32 ? "f32" : f == Format::bf16 ? "bf16" : "f16"; }

inline uint32_t bits(float x) {
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

inline float from_bits(uint32_t u) {
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

inline float widen_bf16(uint16_t h) { return from_bits(static_cast<uint32_t>(h) << 16); }

inline float widen_f16(uint16_t h) {
    float magnitude = from_bits((h & 0x7fffu) << 13) * 0x1p112f;  // exact, of subnormal numbers too
    uint32_t special = magnitude >= 65536.0f ? 0x7f800000u : 0;   // infinity and NaN
    return from_bits(bits(magnitude) | special | (h & 0x8000u) << 16);
}

inline uint16_t narrow_bf16(float x) {
    uint32_t u = bits(x);
    if ((u & 0x7fffffff) > 0x7f800000) return 0x7fff;
    return static_cast<uint16_t>((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

inline uint16_t narrow_f16(float x) {
    uint32_t u = bits(x), sign = u >> 16 & 0x8000, magnitude = u & 0x7fffffff;
    uint32_t half;
    if (magnitude > 0x7f800000) half = 0x7fff;                                               // NaN
    else if (magnitude >= 0x47800000) half = 0x7c00;                                         // 65536 and more
    else if (magnitude < 0x38800000) half = bits(from_bits(magnitude) + 0.5f) - bits(0.5f);  // subnormal
    else half = (magnitude - 0x38000000 + 0xfff + (magnitude >> 13 & 1)) >> 13;
    return static_cast<uint16_t>(sign | half);
}

// float32 with 10 bits of mantissa, what tensor cores make of factors in TF32.
inline float round_tf32(float x) {
    uint32_t u = bits(x);
    if ((u & 0x7f800000) == 0x7f800000) return x;
    return from_bits((u + 0xfff + (u >> 13 & 1)) & ~0x1fffu);
}

inline float load(Format f, const void *at, size_t i) {
    uint16_t half;
    float x;
    switch (f) {
    case Format::f32:
        memcpy(&x, static_cast<const char *>(at) + 4 * i, 4);
        return x;
    case Format::bf16:
        memcpy(&half, static_cast<const char *>(at) + 2 * i, 2);
        return widen_bf16(half);
    case Format::f16:
        memcpy(&half, static_cast<const char *>(at) + 2 * i, 2);
        return widen_f16(half);
    }
    return 0;
}

inline void store(Format f, void *at, size_t i, float x) {
    if (f == Format::f32) {
        memcpy(static_cast<char *>(at) + 4 * i, &x, 4);
        return;
    }
    uint16_t half = f == Format::bf16 ? narrow_bf16(x) : narrow_f16(x);
    memcpy(static_cast<char *>(at) + 2 * i, &half, 2);
}

}  // namespace emulated
