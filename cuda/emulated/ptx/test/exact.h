// Rounding by search: a second way to find the number of a format that an exact value rounds to. Exact values are
// __float128, which holds sums and products of the tests' numbers.
#pragma once

#include <cmath>
#include <cstdint>

#include "check.h"

namespace ptx::test {

enum class Way { nearest, zero, down, up };

struct Format {
    int width, mantissa;  // bits
    double (*value)(uint64_t bits);
};

inline double value_f32(uint64_t u) { return f32(u); }
inline double value_bf16(uint64_t u) { return f32(u << 16); }
inline double value_f16(uint64_t u) {
    int exponent = static_cast<int>(u >> 10 & 31), fraction = static_cast<int>(u & 1023);
    double magnitude = exponent == 31  ? (fraction ? NAN : INFINITY)
                       : exponent == 0 ? std::ldexp(fraction, -24)
                                       : std::ldexp(1024 + fraction, exponent - 25);
    return u & 0x8000 ? -magnitude : magnitude;
}

constexpr Format format_f32{32, 23, value_f32}, format_bf16{16, 7, value_bf16}, format_f16{16, 10, value_f16};

// The bits of the number that exact, which is not NaN, rounds to.
inline uint64_t round_exactly(const Format &f, __float128 exact, bool negative_zero, Way way) {
    const uint64_t sign = uint64_t{1} << (f.width - 1);
    const bool negative = exact < 0 || (exact == 0 && negative_zero);
    const __float128 magnitude = negative ? -exact : exact;
    const uint64_t infinity = ((uint64_t{1} << (f.width - 1 - f.mantissa)) - 1) << f.mantissa;
    uint64_t low = 0, high = infinity;  // the largest number not above the magnitude, by bisection over all numbers
    while (high - low > 1) {
        uint64_t middle = (low + high) / 2;
        (static_cast<__float128>(f.value(middle)) <= magnitude ? low : high) = middle;
    }
    if (std::isinf(static_cast<double>(magnitude)) && magnitude > static_cast<__float128>(1e308))
        return (negative ? sign : 0) | infinity;
    const __float128 below = f.value(low);
    uint64_t out = low;
    if (way == Way::nearest) {
        // The number behind the largest counts as if the format went on.
        __float128 above = high == infinity ? below + (below - static_cast<__float128>(f.value(low - 1)))
                                            : static_cast<__float128>(f.value(high));
        __float128 to_low = magnitude - below, to_high = above - magnitude;
        if (to_high < to_low || (to_high == to_low && (low & 1))) out = high;
    } else if (magnitude > below && way == (negative ? Way::down : Way::up)) {
        out = high;
    }
    return (negative ? sign : 0) | out;
}

}  // namespace ptx::test
