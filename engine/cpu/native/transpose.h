// A square of kLanes vectors, transposed in registers.
#pragma once
#include "vectors.h"

namespace vbge {
namespace {

// Swaps the places [i][l + kSide] and [i + kSide][l] of every square of 2 x kSide.
template <int kSide> VBGE_INLINE void swap_sides(Vector (&rows)[kLanes]) {
    Ints low, high;
    for (int l = 0; l < kLanes; l++) {
        low[l] = l & kSide ? kLanes + l - kSide : l;
        high[l] = l & kSide ? kLanes + l : l + kSide;
    }
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; i++) {
        if (i & kSide) continue;
        const Vector a = rows[i], b = rows[i + kSide];
        rows[i] = __builtin_shuffle(a, b, low);
        rows[i + kSide] = __builtin_shuffle(a, b, high);
    }
    if constexpr (kSide > 1) swap_sides<kSide / 2>(rows);
}

VBGE_INLINE void transpose(Vector (&rows)[kLanes]) { swap_sides<kLanes / 2>(rows); }

}  // namespace
}  // namespace vbge
