// What vectors.h asks of AVX2 and FMA.
#pragma once
#include <immintrin.h>

namespace vbge {
namespace {

VBGE_INLINE __m128i low(Ints v) { return _mm256_castsi256_si128(__m256i(v)); }
VBGE_INLINE __m128i high(Ints v) { return _mm256_extracti128_si256(__m256i(v), 1); }

VBGE_INLINE Vector load(const float *x, Whole) { return _mm256_loadu_ps(x); }
VBGE_INLINE Vector load(const Bfloat16 *x, Whole) {
    return Vector(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)x)), 16));
}
VBGE_INLINE Ints load(const int32_t *x, Whole) { return Ints(_mm256_loadu_si256((const __m256i *)x)); }

VBGE_INLINE void store(float *y, Vector v, Whole) { _mm256_storeu_ps(y, v); }
VBGE_INLINE void store(Bfloat16 *y, Vector v, Whole) {
    const Ints halves = upper_half(v);
    _mm_storeu_si128((__m128i *)y, _mm_packs_epi32(low(halves), high(halves)));
}
// Integers beyond 0..255 give the nearest end.
VBGE_INLINE void store(uint8_t *y, Ints v, Whole) {
    const __m128i words = _mm_packs_epi32(low(v), high(v));
    _mm_storel_epi64((__m128i *)y, _mm_packus_epi16(words, words));
}

// a > b ? a : b, so b if one is NaN; smaller likewise.
VBGE_INLINE Vector larger(Vector a, Vector b) { return _mm256_max_ps(a, b); }
VBGE_INLINE Vector smaller(Vector a, Vector b) { return _mm256_min_ps(a, b); }

VBGE_INLINE float total(Vector v) {
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return two[0] + two[1];
}
VBGE_INLINE float largest(Vector v) {
    const __m128 four = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return two[0] > two[1] ? two[0] : two[1];
}

VBGE_INLINE Vector reciprocal(Vector x) { return 1.0f / x; }

}  // namespace
}  // namespace vbge

#include "vectors_part.h"
