// float32 as bits, and the 16-bit floating-point formats, which C++ lacks.
#pragma once

#include <cstdint>
#include <cstring>

namespace ptx {

inline uint32_t float_bits(float x) {
    uint32_t u;
    std::memcpy(&u, &x, sizeof u);
    return u;
}

inline float bits_float(uint32_t u) {
    float x;
    std::memcpy(&x, &u, sizeof x);
    return x;
}

// Denormal numbers become zeros of their sign (.ftz).
inline float flush(float x) {
    uint32_t u = float_bits(x);
    return bits_float((u & 0x7f800000) ? u : u & 0x80000000);
}

inline float widen_bf16(uint16_t h) { return bits_float(static_cast<uint32_t>(h) << 16); }

inline float widen_f16(uint16_t h) {
    uint32_t sign = static_cast<uint32_t>(h & 0x8000) << 16, rest = h & 0x7fff;
    if (rest >= 0x7c00) return bits_float(sign | 0x7f800000 | (rest & 0x3ff) << 13);
    if (rest >= 0x400) return bits_float(sign | ((rest << 13) + ((127 - 15) << 23)));
    float magnitude = static_cast<float>(rest) * 0x1p-24f;  // denormal, or zero
    return bits_float(sign | float_bits(magnitude));
}

// To nearest even, as cvt.rn has it. NaN becomes the canonical 0x7fff.
inline uint16_t narrow_bf16(float x) {
    uint32_t u = float_bits(x);
    uint32_t rounded = (u + 0x7fff + (u >> 16 & 1)) >> 16;
    return static_cast<uint16_t>((u & 0x7fffffff) > 0x7f800000 ? 0x7fff : rounded);
}

inline uint16_t narrow_f16(float x) {
    uint32_t u = float_bits(x), sign = u >> 16 & 0x8000, rest = u & 0x7fffffff;
    if (rest > 0x7f800000) return 0x7fff;
    if (rest >= 0x477ff000) return static_cast<uint16_t>(sign | 0x7c00);  // rounds to 65536 or more
    if (rest < 0x38800000) {  // below 2^-14: adding 2^-1 leaves the denormal's bits, rounded, at the bottom
        float shifted = bits_float(rest) + 0.5f;
        return static_cast<uint16_t>(sign | (float_bits(shifted) - float_bits(0.5f)));
    }
    return static_cast<uint16_t>(sign | ((rest + 0xfff + (rest >> 13 & 1) - ((127 - 15) << 23)) >> 13));
}

}  // namespace ptx
