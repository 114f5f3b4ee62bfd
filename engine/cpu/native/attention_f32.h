// Attention's products in float32: a word is a value.
#pragma once
#include "power_of_two.h"
#include "rotary.h"

namespace vbge {
namespace {

struct Float32Products {
    static constexpr int kPerWord = 1;

    static VBGE_INLINE Vector multiply_add(Vector sum, float left, Vector right) {
        return sum + left * right;
    }

    // Words w, w + 1, ... of a query or key.
    template <typename T> static VBGE_INLINE Vector words(const Row<T> &row, int w) {
        return row.channels(w);
    }

    // Values of one key, [width].
    template <typename T> static void pack_values(float *y, const Head &h, int word) {
        const Row<T> row{static_cast<const T *>(h.v) + word * h.v_stride, nullptr, nullptr, h.width};
        for (int c = 0; c < h.width; c += kLanes) store(y + c, row.channels(c));
    }

    // Scores [keys, N vectors] become 2^((score - most) * scale); what they sum to is returned in sums.
    template <int N>
    static VBGE_INLINE void exponentials(float *scores, int keys, const Vector (&most)[N],
                                                                   float scale, Vector (&sums)[N]) {
        for (int key = 0; key < keys; key++)
#pragma GCC unroll 4
            for (int j = 0; j < N; j++) {
                float *s = scores + (int64_t(key) * N + j) * kLanes;
                const Vector e = power_of_two<Exact>((load(s) - most[j]) * scale);
                store(s, e);
                sums[j] += e;
            }
    }
};

}  // namespace
}  // namespace vbge
