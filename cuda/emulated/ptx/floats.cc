#include "floats.h"

namespace ptx {

namespace {

struct Format {
    int mantissa;      // bits behind the point
    int min_exponent;  // of the smallest normal number
    int max_exponent;
};

constexpr Format f16_format{10, -14, 15}, bf16_format{7, -126, 127}, f32_format{23, -126, 127};

// |x| as an integer of the format: exponent and mantissa beside each other, so that the next integer is the next
// number.
uint32_t round_magnitude(const Format &f, double x, bool away, bool nearest) {
    if (std::isinf(x)) return static_cast<uint32_t>(f.max_exponent - f.min_exponent + 2) << f.mantissa;
    if (x == 0) return 0;
    int exponent = std::max(std::ilogb(x), f.min_exponent);
    double scaled = std::ldexp(x, f.mantissa - exponent);  // exact: in units of the last place
    double whole = std::floor(scaled), rest = scaled - whole;
    auto last = static_cast<uint64_t>(whole);
    if (nearest ? rest > 0.5 || (rest == 0.5 && (last & 1)) : away && rest > 0) last++;
    // A normal number's leading bit raises the exponent by one, and a carry out of the mantissa by one more.
    uint64_t out = (static_cast<uint64_t>(exponent - f.min_exponent) << f.mantissa) + last;
    uint64_t infinity = static_cast<uint64_t>(f.max_exponent - f.min_exponent + 2) << f.mantissa;
    if (out >= infinity) return static_cast<uint32_t>(nearest || away ? infinity : infinity - 1);
    return static_cast<uint32_t>(out);
}

uint32_t round_to(const Format &f, int width, double x, Rounding rounding) {
    bool negative = std::signbit(x);
    bool away = rounding == (negative ? Rounding::down : Rounding::up);
    uint32_t sign = negative ? uint32_t{1} << (width - 1) : 0;
    return sign | round_magnitude(f, std::fabs(x), away, rounding == Rounding::nearest);
}

}  // namespace

float widen_f16(uint16_t h) {
    uint32_t sign = static_cast<uint32_t>(h & 0x8000) << 16, rest = h & 0x7fff;
    if (rest >= 0x7c00) return bits_float(sign | 0x7f800000 | (rest & 0x3ff) << 13);
    if (rest >= 0x400) return bits_float(sign | ((rest << 13) + ((127 - 15) << 23)));
    float magnitude = static_cast<float>(rest) * 0x1p-24f;  // denormal, or zero
    return bits_float(sign | float_bits(magnitude));
}

uint16_t narrow_f16(float x) {
    uint32_t u = float_bits(x), sign = u >> 16 & 0x8000, rest = u & 0x7fffffff;
    if (rest > 0x7f800000) return 0x7fff;
    if (rest >= 0x477ff000) return static_cast<uint16_t>(sign | 0x7c00);  // rounds to 65536 or more
    if (rest < 0x38800000) {  // below 2^-14: adding 2^-1 leaves the denormal's bits, rounded, at the bottom
        float shifted = bits_float(rest) + 0.5f;
        return static_cast<uint16_t>(sign | (float_bits(shifted) - float_bits(0.5f)));
    }
    return static_cast<uint16_t>(sign | ((rest + 0xfff + (rest >> 13 & 1) - ((127 - 15) << 23)) >> 13));
}

uint16_t round_half(Type half, double x, Rounding rounding) {
    if (std::isnan(x)) return 0x7fff;
    return static_cast<uint16_t>(round_to(half == Type::bf16 ? bf16_format : f16_format, 16, x, rounding));
}

float round_float(double x, Rounding rounding) {
    if (std::isnan(x)) return bits_float(0x7fffffff);
    return bits_float(round_to(f32_format, 32, x, rounding));
}

double fma_odd(double a, double b, double c) {
    double product = a * b, sum = product + c;
    double back = sum - product;
    double error = (product - (sum - back)) + (c - back);  // exact (Knuth's two-sum)
    if (error == 0 || !std::isfinite(sum)) return sum;
    uint64_t u;
    std::memcpy(&u, &sum, sizeof u);
    if (!(u & 1)) u += (error > 0) == (sum > 0) ? 1 : -1;
    std::memcpy(&sum, &u, sizeof sum);
    return sum;
}

}  // namespace ptx
