// The products of attention: a row of one operand for each row of the result, lanes for columns.
#pragma once
#include "vectors.h"

namespace vbge {
namespace {

#if defined(__AVX512F__)
constexpr int kMostVectors = 3;
template <int N> constexpr int kTileRows = N == 3 ? 8 : 12;
#elif defined(__AVX2__)
constexpr int kMostVectors = 2;
template <int N> constexpr int kTileRows = N == 2 ? 6 : 8;
#else
constexpr int kMostVectors = 2;
template <int N> constexpr int kTileRows = N == 2 ? 6 : 8;
#endif

// What is multiplied: rows [*] of words, word k of row i at a[i * row + k * step].
struct Left {
    const float *a;
    int64_t row, step;
};

template <int R> struct Rows {
    static constexpr int count = R;
};

// R rows by N vectors stay in registers while words 0 to depth - 1 of each are multiplied with rows of b; then
// done(i, sums) is told row i's.
template <typename Products, int R, int N, typename F>
VBGE_INLINE void tile(Left left, const float *b, int depth, F done) {
    Vector sum[R][N] = {};
    const float *a = left.a;
    for (int k = 0; k < depth; k++) {
        Vector right[N];
#pragma GCC unroll 4
        for (int j = 0; j < N; j++) right[j] = load(b + j * kLanes);
#pragma GCC unroll 16
        for (int i = 0; i < R; i++)
#pragma GCC unroll 4
            for (int j = 0; j < N; j++) sum[i][j] = Products::multiply_add(sum[i][j], a[i * left.row], right[j]);
        a += left.step;
        b += N * kLanes;
    }
#pragma GCC unroll 16
    for (int i = 0; i < R; i++) done(i, sum[i]);
}

template <int R, typename F> VBGE_INLINE void with_rows(int rows, F f) {
    if (rows == R) f(Rows<R>{});
    else if constexpr (R > 1) with_rows<R - 1>(rows, f);
}

// done(row, sums) for all rows of left times b [depth, N vectors], the rows spread evenly over tiles.
template <typename Products, int N, typename F>
VBGE_INLINE void product(Left left, int rows, const float *b, int depth, F done) {
    constexpr int kMost = kTileRows<N>;
    const int tiles = (rows + kMost - 1) / kMost;
    for (int t = 0, first = 0; t < tiles; t++) {
        const int count = rows / tiles + (t < rows % tiles);
        with_rows<kMost>(count, [&](auto r) {
            tile<Products, decltype(r)::count, N>({left.a + first * left.row, left.row, left.step}, b, depth,
                                                  [&](int i, auto &sums) { done(first + i, sums); });
        });
        first += count;
    }
}

}  // namespace
}  // namespace vbge
