// Floating-point formats and roundings that C++ lacks.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "types.h"

namespace ptx {

enum class Rounding : uint8_t { nearest, zero, down, up };  // .rn (to even), .rz, .rm, .rp

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

float widen_f16(uint16_t h);

inline float widen(Type half, uint16_t h) { return half == Type::bf16 ? widen_bf16(h) : widen_f16(h); }

// To nearest even. NaN becomes the canonical 0x7fff, as cvt.rn.bf16.f32 has it.
inline uint16_t narrow_bf16(float x) {
    uint32_t u = float_bits(x);
    uint32_t rounded = (u + 0x7fff + (u >> 16 & 1)) >> 16;
    return static_cast<uint16_t>((u & 0x7fffffff) > 0x7f800000 ? 0x7fff : rounded);
}

uint16_t narrow_f16(float x);

// x in a 16-bit format (f16 or bf16), rounded once. Beyond the largest number it is infinity or that number, as the
// rounding says.
uint16_t round_half(Type half, double x, Rounding rounding);

// x as a float, rounded once.
float round_float(double x, Rounding rounding);

// a * b + c with the last bit set if the sum is not exact, so that rounding it to a narrower format rounds once. The
// product of 16-bit numbers is exact in double.
double fma_odd(double a, double b, double c);

}  // namespace ptx
