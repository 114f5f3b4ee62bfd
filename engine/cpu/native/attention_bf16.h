// Attention's products in bfloat16, summed in float32: a word is a pair of channels of a query or key, or a pair of
// keys of a value or probability, the first in its lower half.
#pragma once
#include "power_of_two.h"
#include "rotary.h"

#if defined(__AVX512BF16__)
namespace vbge {
namespace {

struct BFloat16Products {
    static constexpr int kPerWord = 2;

    static VBGE_INLINE Vector multiply_add(Vector sum, float left, Vector right) {
        return Vector(_mm512_dpbf16_ps(__m512(sum), __m512bh(_mm512_set1_ps(left)), __m512bh(right)));
    }

    // Words w, w + 1, ... of a query or key.
    template <typename T> static VBGE_INLINE Vector words(const Row<T> &row, int w) {
        return Vector(
            _mm512_cvtne2ps_pbh(__m512(row.channels(2 * w + kLanes)), __m512(row.channels(2 * w))));
    }

    // Values of two keys, [width] pairs.
    template <typename T> static void pack_values(float *y, const Head &h, int word) {
        const T *v = static_cast<const T *>(h.v) + 2 * word * h.v_stride;
        const Row<T> first{v, nullptr, nullptr, h.width};
        const Row<T> second{v + h.v_stride, nullptr, nullptr, 2 * word + 1 < h.keys ? h.width : 0};
        for (int c = 0; c < h.width; c += kLanes) store(y + c, pairs(first.channels(c), second.channels(c)));
    }

    // Scores [keys, N vectors] become 2^((score - most) * scale) in pairs of keys, [keys / 2, N vectors]; what they
    // sum to, rounded, is returned in sums.
    template <int N>
    static VBGE_INLINE void exponentials(float *scores, int keys, const Vector (&most)[N],
                                                                   float scale, Vector (&sums)[N]) {
        const __m512bh ones = __m512bh(_mm512_set1_epi32(0x3f803f80));
        for (int word = 0; 2 * word < keys; word++)
#pragma GCC unroll 4
            for (int j = 0; j < N; j++) {
                const float *s = scores + (int64_t(2 * word) * N + j) * kLanes;
                const Vector first = power_of_two<Rough>((load(s) - most[j]) * scale);
                Vector second = {};
                if (2 * word + 1 < keys) second = power_of_two<Rough>((load(s + N * kLanes) - most[j]) * scale);
                const Vector both = pairs(first, second);
                store(scores + (int64_t(word) * N + j) * kLanes, both);
                sums[j] = Vector(_mm512_dpbf16_ps(__m512(sums[j]), __m512bh(both), ones));
            }
    }

  private:
    static VBGE_INLINE Vector pairs(Vector first, Vector second) {
        const __m512i halves = __m512i(_mm512_cvtne2ps_pbh(__m512(second), __m512(first)));
        return Vector(_mm512_permutexvar_epi16(interleaved(), halves));
    }

    static VBGE_INLINE __m512i interleaved() {
        typedef uint16_t Halves __attribute__((vector_size(64)));
        Halves at;
        for (int l = 0; l < kLanes; l++) at[2 * l] = uint16_t(l), at[2 * l + 1] = uint16_t(l + kLanes);
        return __m512i(at);
    }
};

}  // namespace
}  // namespace vbge
#endif
