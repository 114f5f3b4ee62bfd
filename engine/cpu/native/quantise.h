// Quantisation of a row of activations to unsigned bytes, as oneDNN's integer products take them.
#pragma once
#include "vectors.h"

namespace vbge {
namespace {

// Adding 1.5 x 2^23 rounds a float below 2^22 to an integer, which is then in its lowest bits.
constexpr float kRound = 12582912.0f;
constexpr int32_t kRoundBits = 0x4b400000;

// A row with a NaN or an infinity has scale NaN: what is computed of it is then NaN as well, as
// in float32, and not something plausible. A row of zeros, or of a range that has no
// reciprocal in float32, has scale 0.
template <typename X> Quantised quantise(uint8_t *y, const X *x, int n) {
    Vector lows[kTurns] = {}, highs[kTurns] = {}, faults[kTurns] = {};
    each_in_turn(n, [&](int i, auto lanes, int turn) {
        const Vector v = load(x + i, lanes);
        lows[turn] = larger(lows[turn], -v);
        highs[turn] = larger(highs[turn], v);
        faults[turn] += v * 0.0f;
    });
    const float low = largest(lows), high = largest(highs), fault = total(faults);
    const float scale = high / 255 + low / 255;
    if (fault != 0 || scale < 1.2e-38f) {
        __builtin_memset(y, 0, unsigned(n));
        return {fault, 0};
    }
    const float inverse = 1 / scale;
    const int32_t zero = int32_t(low * inverse + 0.5f);
    each(n, [&](int i, auto lanes) {
        const Vector rounded = load(x + i, lanes) * inverse + kRound;
        store(y + i, Ints(rounded) - (kRoundBits - zero), lanes);
    });
    return {scale, zero};
}

Quantised quantise(uint8_t *y, In x, int n) {
    Quantised q{};
    typed(x, [&](auto *in) { q = quantise(y, in, n); });
    return q;
}

}  // namespace
}  // namespace vbge
