// 2^t, which is all of the exponential that a softmax needs: its scores are scaled anyhow.
#pragma once
#include "vectors.h"

namespace vbge {
namespace {

constexpr float kLog2E = 1.44269504088896341f;

// 2^r on [0, 1], the polynomials of least relative error: 1.5e-7 with its rounding, and 7.5e-5.
struct Exact {
    static constexpr float coefficients[] = {0.99999994f,   0.693153083f,  0.240153611f,
                                             0.0558263175f, 0.00898933969f, 0.00187757669f};
};
struct Rough {
    static constexpr float coefficients[] = {0.999925196f, 0.695833564f, 0.226067156f, 0.0780245215f};
};

// t at most 0 or so; far below -126 gives 0 or nearly, NaN stays NaN.
template <typename Polynomial> VBGE_INLINE Vector power_of_two(Vector t) {
#if defined(__AVX512F__)
    // Minus infinity has a fraction of 0 here.
    const Vector r = Vector(_mm512_reduce_ps(__m512(t), _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC));
#else
    const Vector least = Vector{} - 125.0f;
    t = larger(least, t);
    constexpr float kRound = 12582912.0f;  // 1.5 x 2^23: adding it rounds to an integer
    const Vector shifted = (t - 0.5f) + kRound;
    const Vector r = t - (shifted - kRound);
#endif
    constexpr auto &c = Polynomial::coefficients;
    constexpr int kDegree = sizeof(c) / sizeof(float) - 1;
    Vector p = Vector{} + c[kDegree];
#pragma GCC unroll 8
    for (int i = kDegree - 1; i >= 0; i--) p = p * r + c[i];
#if defined(__AVX512F__)
    return Vector(_mm512_scalef_ps(__m512(p), __m512(t)));
#else
    return p * Vector((Ints(shifted) + 127) << 23);
#endif
}

}  // namespace
}  // namespace vbge
