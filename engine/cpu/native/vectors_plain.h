// What vectors.h asks of an instruction set, of which nothing is known but that it has vectors of
// four floats.
#pragma once

namespace vbge {
namespace {

typedef uint16_t Halves __attribute__((vector_size(kLanes * sizeof(uint16_t)), aligned(2), may_alias));
typedef uint8_t Bytes __attribute__((vector_size(kLanes), aligned(1)));

VBGE_INLINE Vector load(const float *x, Whole) { return *reinterpret_cast<const Vector *>(x); }
VBGE_INLINE Vector load(const Bfloat16 *x, Whole) {
    return Vector(__builtin_convertvector(*reinterpret_cast<const Halves *>(x), Ints) << 16);
}
VBGE_INLINE Ints load(const int32_t *x, Whole) { return *reinterpret_cast<const Ints *>(x); }

VBGE_INLINE void store(float *y, Vector v, Whole) { *reinterpret_cast<Vector *>(y) = v; }
VBGE_INLINE void store(Bfloat16 *y, Vector v, Whole) {
    *reinterpret_cast<Halves *>(y) = __builtin_convertvector(upper_half(v), Halves);
}
// Integers beyond 0..255 give the nearest end.
VBGE_INLINE void store(uint8_t *y, Ints v, Whole) {
    v = v < 0 ? Ints{} : v;
    v = v > 255 ? Ints{} + 255 : v;
    *reinterpret_cast<Bytes *>(y) = __builtin_convertvector(v, Bytes);
}

// a > b ? a : b, so b if one is NaN; smaller likewise.
VBGE_INLINE Vector larger(Vector a, Vector b) { return a > b ? a : b; }
VBGE_INLINE Vector smaller(Vector a, Vector b) { return a < b ? a : b; }

VBGE_INLINE float total(Vector v) { return (v[0] + v[2]) + (v[1] + v[3]); }
VBGE_INLINE float largest(Vector v) {
    const float even = v[0] > v[2] ? v[0] : v[2], odd = v[1] > v[3] ? v[1] : v[3];
    return even > odd ? even : odd;
}

VBGE_INLINE Vector reciprocal(Vector x) { return 1.0f / x; }

}  // namespace
}  // namespace vbge

#include "vectors_part.h"
