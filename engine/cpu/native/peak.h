// The most that the instruction set's multiply-adds and loads can do.
#pragma once
#include "vectors.h"

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace vbge {
namespace {

constexpr int kChains = 12;  // independent sums: more than a multiply-add's latency times its rate

// Does rounds of multiply-adds on registers and returns how many multiplications and additions of numbers they were.
template <typename V, typename F> int64_t repeat(int64_t rounds, int64_t numbers, V zero, F add) {
    V sums[kChains];
    for (auto &s : sums) s = zero;
    for (int64_t r = 0; r < rounds; r++)
        for (auto &s : sums) s = add(s);
    for (auto &s : sums) __asm__ volatile("" : : "m"(s));  // as if they were used
    return rounds * kChains * numbers * 2;
}

int64_t multiply_add(int precision, int64_t rounds) {
#if defined(__AVX512BF16__) && defined(__AVX512VNNI__)
    __m512i one = _mm512_set1_epi8(1);
    if (precision == 1)
        return repeat(rounds, 32, _mm512_setzero_ps(), [&](__m512 s) {
            __asm__("" : "+v"(one));
            return _mm512_dpbf16_ps(s, __m512bh(one), __m512bh(one));
        });
    if (precision == 2)
        return repeat(rounds, 64, _mm512_setzero_si512(), [&](__m512i s) {
            __asm__("" : "+v"(one));
            return _mm512_dpbusd_epi32(s, one, one);
        });
#else
    (void)precision;  // as float32: without the instructions there is no such engine, or no faster one is known
#endif
    Vector factor = Vector{} + 1e-9f;
    return repeat(rounds, kLanes, Vector{}, [&](Vector s) {
        __asm__("" : "+x"(factor));
        return s + factor * factor;
    });
}

float sum(const float *x, int64_t n) {
    Vector sums[8] = {};
    for (int64_t i = 0; i + 8 * kLanes <= n; i += 8 * kLanes)
        for (int j = 0; j < 8; j++) sums[j] += load(x + i + j * kLanes);
    for (int j = 1; j < 8; j++) sums[0] += sums[j];
    return total(sums[0]);
}

}  // namespace
}  // namespace vbge
