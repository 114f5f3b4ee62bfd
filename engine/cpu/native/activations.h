// GELU and SiLU of vectors. Polynomials are summed in pairs (Estrin), not term by term: what limits
// these functions is how long a chain of operations takes, not how many there are.
#pragma once
#include "vectors.h"

namespace vbge {
namespace {

// Adding 1.5 x 2^23 + 127 to a float from -126 to 127 rounds it to an integer n and leaves n + 127 in
// the lowest bits: moved to the exponent's place these are 2^n.
constexpr float kRoundToPower = 12582912.0f + 127;
constexpr float kRoundToHalfPower = 12582912.0f + 126;  // for 2^(n - 1)

VBGE_INLINE Vector power_of_two(Vector rounded) { return Vector(Ints(rounded) << 23); }

// e^x to about one unit in the last place for -87 <= x <= 88: x = n ln 2 + r, |r| <= ln 2 / 2, Cephes'
// polynomial for e^r, and 2^n.
VBGE_INLINE Vector exponential(Vector x) {
    const Vector rounded = x * 1.44269504088896341f + kRoundToPower;
    const Vector n = rounded - kRoundToPower;
    const Vector r = (x - n * 0.693359375f) - n * -2.12194440e-4f, r2 = r * r;
    Vector p = r * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * r2 + (r * 8.3334519073e-3f + 4.1665795894e-2f);
    p = p * r2 + (r * 1.6666665459e-1f + 5.0000001201e-1f);
    p = p * r2 + r + 1.0f;
    return p * power_of_two(rounded);
}

// x / (1 + e^-x). Below -88 it is as good as 0, and taken as at -88.
VBGE_INLINE Vector silu(Vector x) {
    x = larger(Vector{} - 88.0f, x);
    return x * reciprocal(1.0f + exponential(-smaller(Vector{} + 87.0f, x)));
}

// The exact GELU: x times the normal distribution's part below x. With t = |x| and Q(t) the part above
// t it is max(x, 0) - t Q(t), whose second term is never above 0.17 and soon nothing: Q(t) is
// 2^(p(t) - 1) with a p of degree 8, p(0) = 0, to 1e-8 of that term. Coefficients are those of the
// least largest error of t Q(t) for t up to 6, and of 2^f for |f| <= 1/2. Past t = 9.5 the term is
// below 1e-25. Off by 5e-8 at most, besides half a unit in the result's last place (TestGELUIsExact).
VBGE_INLINE Vector gelu(Vector x) {
    const Vector t = smaller(Vector{} + 9.5f, magnitude(x)), t2 = t * t, t4 = t2 * t2;
    Vector p = t * 2.8056942402398655e-05f - 0.0001314732333667915f;
    p = p * t2 + (t * -0.00027207570459328605f + 0.007245421185347099f) + t4 * -1.902065750255746e-06f;
    p = p * t4 + ((t * -0.05262761079024375f - 0.4591621431387881f) * t2 + t * -1.1511110455283462f);
    const Vector rounded = p + kRoundToHalfPower;
    const Vector f = p - (rounded - kRoundToHalfPower), f2 = f * f;
    Vector e = f * 0.0013264727165863688f + 0.009671512641884705f;
    e = e * f2 + (f * 0.05550733743356498f + 0.2402224208532637f);
    e = e * f2 + (f * 0.6931469775990904f + 1.0f);
    return larger(Vector{}, x) - e * (t * power_of_two(rounded));
}

}  // namespace
}  // namespace vbge
