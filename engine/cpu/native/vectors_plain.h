// What vectors.h asks of any other instruction set, of which only vectors of four floats are taken for
// granted; with SSE2's instructions where GCC would take each lane by itself.
#pragma once
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace vbge {
namespace {

typedef uint16_t Halves __attribute__((vector_size(kLanes * sizeof(uint16_t)), aligned(2), may_alias));
typedef uint8_t Bytes __attribute__((vector_size(kLanes), aligned(1)));

VBGE_INLINE Vector load(const float *x, Whole) { return *reinterpret_cast<const Vector *>(x); }
VBGE_INLINE Ints load(const int32_t *x, Whole) { return *reinterpret_cast<const Ints *>(x); }
VBGE_INLINE void store(float *y, Vector v, Whole) { *reinterpret_cast<Vector *>(y) = v; }

// Of larger and smaller, a > b ? a : b and a < b ? a : b: b if one is NaN. Integers beyond 0..255 are
// stored as the nearest byte.
#if defined(__SSE2__)
VBGE_INLINE Vector load(const Bfloat16 *x, Whole) {
    return Vector(_mm_unpacklo_epi16(_mm_setzero_si128(), _mm_loadl_epi64((const __m128i *)x)));
}
VBGE_INLINE void store(Bfloat16 *y, Vector v, Whole) {
    const __m128i halves = __m128i(upper_half(v));
    _mm_storel_epi64((__m128i *)y, _mm_packs_epi32(halves, halves));
}
VBGE_INLINE void store(uint8_t *y, Ints v, Whole) {
    const __m128i words = _mm_packs_epi32(__m128i(v), __m128i(v));
    const int32_t bytes = _mm_cvtsi128_si32(_mm_packus_epi16(words, words));
    __builtin_memcpy(y, &bytes, sizeof bytes);
}
VBGE_INLINE Vector larger(Vector a, Vector b) { return _mm_max_ps(a, b); }
VBGE_INLINE Vector smaller(Vector a, Vector b) { return _mm_min_ps(a, b); }
#else
VBGE_INLINE Vector load(const Bfloat16 *x, Whole) {
    return Vector(__builtin_convertvector(*reinterpret_cast<const Halves *>(x), Ints) << 16);
}
VBGE_INLINE void store(Bfloat16 *y, Vector v, Whole) {
    *reinterpret_cast<Halves *>(y) = __builtin_convertvector(upper_half(v), Halves);
}
VBGE_INLINE void store(uint8_t *y, Ints v, Whole) {
    v = v < 0 ? Ints{} : v;
    v = v > 255 ? Ints{} + 255 : v;
    *reinterpret_cast<Bytes *>(y) = __builtin_convertvector(v, Bytes);
}
VBGE_INLINE Vector larger(Vector a, Vector b) { return a > b ? a : b; }
VBGE_INLINE Vector smaller(Vector a, Vector b) { return a < b ? a : b; }
#endif

VBGE_INLINE float total(Vector v) { return (v[0] + v[2]) + (v[1] + v[3]); }
VBGE_INLINE float largest(Vector v) {
    const float even = v[0] > v[2] ? v[0] : v[2], odd = v[1] > v[3] ? v[1] : v[3];
    return even > odd ? even : odd;
}

VBGE_INLINE Vector reciprocal(Vector x) { return 1.0f / x; }

}  // namespace
}  // namespace vbge

#include "vectors_part.h"
