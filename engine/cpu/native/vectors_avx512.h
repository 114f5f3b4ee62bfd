// What vectors.h asks of AVX-512 (F, BW, DQ, VL): ends are masked. With AVX512_BF16, which rounds by
// itself, subnormal numbers become 0 in bfloat16.
#pragma once
#include <immintrin.h>

// GCC 12 takes the operands that its own intrinsics leave undefined for mistakes (its bug 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"

namespace vbge {
namespace {

struct Part {
    explicit VBGE_INLINE Part(int count) : mask(__mmask16((1u << count) - 1)) {}
    __mmask16 mask;
};

VBGE_INLINE Vector widened(__m256i halves) { return Vector(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16)); }

VBGE_INLINE __m256i narrowed(Vector v) {
#if defined(__AVX512BF16__)
    return __m256i(_mm512_cvtneps_pbh(v));
#else
    return _mm512_cvtepi32_epi16(__m512i(upper_half(v)));
#endif
}

// Bytes of integers, the nearest end for those beyond 0..255.
VBGE_INLINE __m128i bytes(Ints v) {
    return _mm512_cvtusepi32_epi8(_mm512_max_epi32(__m512i(v), _mm512_setzero_si512()));
}

VBGE_INLINE Vector load(const float *x, Whole) { return _mm512_loadu_ps(x); }
VBGE_INLINE Vector load(const float *x, Part p) { return _mm512_maskz_loadu_ps(p.mask, x); }
VBGE_INLINE Vector load(const Bfloat16 *x, Whole) { return widened(_mm256_loadu_si256((const __m256i *)x)); }
VBGE_INLINE Vector load(const Bfloat16 *x, Part p) { return widened(_mm256_maskz_loadu_epi16(p.mask, x)); }
VBGE_INLINE Ints load(const int32_t *x, Whole) { return Ints(_mm512_loadu_si512(x)); }
VBGE_INLINE Ints load(const int32_t *x, Part p) { return Ints(_mm512_maskz_loadu_epi32(p.mask, x)); }

VBGE_INLINE void store(float *y, Vector v, Whole) { _mm512_storeu_ps(y, v); }
VBGE_INLINE void store(float *y, Vector v, Part p) { _mm512_mask_storeu_ps(y, p.mask, v); }
VBGE_INLINE void store(Bfloat16 *y, Vector v, Whole) { _mm256_storeu_si256((__m256i *)y, narrowed(v)); }
VBGE_INLINE void store(Bfloat16 *y, Vector v, Part p) { _mm256_mask_storeu_epi16(y, p.mask, narrowed(v)); }
VBGE_INLINE void store(uint8_t *y, Ints v, Whole) { _mm_storeu_si128((__m128i *)y, bytes(v)); }
VBGE_INLINE void store(uint8_t *y, Ints v, Part p) { _mm_mask_storeu_epi8(y, p.mask, bytes(v)); }

VBGE_INLINE Vector keep(Vector v, Whole) { return v; }
VBGE_INLINE Vector keep(Vector v, Part p) { return _mm512_maskz_mov_ps(p.mask, v); }

// a > b ? a : b, so b if one is NaN; smaller likewise.
VBGE_INLINE Vector larger(Vector a, Vector b) { return _mm512_max_ps(a, b); }
VBGE_INLINE Vector smaller(Vector a, Vector b) { return _mm512_min_ps(a, b); }

VBGE_INLINE float total(Vector v) { return _mm512_reduce_add_ps(v); }
VBGE_INLINE float largest(Vector v) { return _mm512_reduce_max_ps(v); }

// 1 / x to about one unit in the last place: a division takes the time of many products.
VBGE_INLINE Vector reciprocal(Vector x) {
    const Vector y = _mm512_rcp14_ps(x);
    return y + y * (1.0f - x * y);
}

}  // namespace
}  // namespace vbge
