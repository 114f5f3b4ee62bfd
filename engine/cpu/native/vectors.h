// Vectors of 16 floats in GCC's and Clang's portable form, and the exponential on them. Everything
// is in an anonymous namespace: each instruction set has its own copy.
#pragma once
#include "kernels.h"

namespace vbge {
namespace {

typedef float Vector __attribute__((vector_size(kLanes * sizeof(float)), aligned(4)));
typedef int32_t Ints __attribute__((vector_size(kLanes * sizeof(int32_t)), aligned(4)));

// Calls f(first, count) for n values in vectors; count is kLanes but for a shorter end.
template <typename F> inline __attribute__((always_inline)) void each(int n, F f) {
    int i = 0;
    for (; i + kLanes <= n; i += kLanes) f(i, kLanes);
    if (i < n) f(i, n - i);
}

inline __attribute__((always_inline)) Vector load(const float *x, int count = kLanes) {
    if (count == kLanes) return *reinterpret_cast<const Vector *>(x);
    Vector v = {};
    for (int i = 0; i < count; i++) v[i] = x[i];
    return v;
}

inline __attribute__((always_inline)) void store(float *y, Vector v, int count = kLanes) {
    if (count == kLanes) {
        *reinterpret_cast<Vector *>(y) = v;
        return;
    }
    for (int i = 0; i < count; i++) y[i] = v[i];
}

inline __attribute__((always_inline)) Vector masked(Vector v, int count) {
    for (int i = count; i < kLanes; i++) v[i] = 0;
    return v;
}

inline float total(Vector v) {
    float sum[kLanes];
    store(sum, v);
    for (int width = kLanes / 2; width > 0; width /= 2)
        for (int i = 0; i < width; i++) sum[i] += sum[i + width];
    return sum[0];
}

inline float largest(Vector v) {
    float most = v[0];
    for (int i = 1; i < kLanes; i++) most = v[i] > most ? v[i] : most;
    return most;
}

// e^x to about one unit in the last place: x = n ln 2 + r, |r| <= ln 2 / 2, Cephes' polynomial for
// e^r, and 2^n by the exponent's bits. Arguments beyond float32's range give the nearest end.
inline __attribute__((always_inline)) Vector exponential(Vector x) {
    const Vector low = Vector{} - 87.0f, high = Vector{} + 88.0f;
    x = x < low ? low : x;
    x = x > high ? high : x;
    constexpr float kRound = 12582912.0f;  // 1.5 x 2^23: adding it rounds to an integer
    const Vector shifted = x * 1.44269504088896341f + kRound;
    const Vector n = shifted - kRound;
    const Vector r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
    Vector p = r * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.0f;
    const Ints exponent = (__builtin_convertvector(n, Ints) + 127) << 23;
    return p * Vector(exponent);
}

}  // namespace
}  // namespace vbge
