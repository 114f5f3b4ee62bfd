// How the kernels that need a whole row at once, for its mean or its length, share it among threads. A row is given by
// a source: a function that reads (or computes) the values at a column. Two shapes of rows, with the same members:
//
//   HeldRow      whole vectors of 16 bytes, each value read once and kept in a register: a warp a row up to 1024
//                columns, a block a row beyond
//   StreamedRow  any width and alignment: a warp a row, value by value, which asks the source again in every pass
//
// Both are blocks of row_threads threads, and row_index() is the row a thread works on; beyond the last row a warp (or
// block) has nothing to do and leaves.
#pragma once

#include "reduce.cuh"
#include "types.cuh"

constexpr int row_threads = 256;
constexpr int row_warps = row_threads / 32;

// Of one sum over a block's threads; warps need none.
using PartialSums = float[row_warps];

template <typename T, int Threads, int Bound, typename Source> class HeldRow {
  public:
    static constexpr int width = per_vector<T>;

    // cols is a multiple of width, from width to Bound.
    __device__ HeldRow(int cols, Source source) : cols_(cols) {
#pragma unroll
        for (int i = 0; i < accesses; i++) {
            // Threads beyond the row read its last vector again, so that no branch stands between the loads.
            source(min(column(i), cols - width), values_[i]);
        }
    }

    // The sum of f(column, value) over the row.
    template <typename F> __device__ float sum(PartialSums &partial, F f) const {
        float mine = 0;
        each([&](int first, const float (&values)[width]) {
#pragma unroll
            for (int i = 0; i < width; i++) mine += f(first + i, values[i]);
        });
        if constexpr (Threads == 32) return warp_sum(mine);
        else return block_sum(mine, partial);
    }

    // Calls f(first column, values) for every vector of the row.
    template <typename F> __device__ void each(F f) const {
#pragma unroll
        for (int i = 0; i < accesses; i++) {
            if (column(i) < cols_) f(column(i), values_[i]);
        }
    }

  private:
    static_assert(Threads == 32 || Threads == row_threads, "a warp or a block for each row");
    static constexpr int accesses = Bound / (Threads * width);
    static_assert(accesses * Threads * width == Bound, "every thread holds as many vectors");

    static __device__ int column(int access) { return (access * Threads + threadIdx.x % Threads) * width; }

    float values_[accesses][width];
    int cols_;
};

template <typename Source> class StreamedRow {
  public:
    static constexpr int width = 1;

    __device__ StreamedRow(int cols, Source source) : source_(source), cols_(cols) {}

    template <typename F> __device__ float sum(PartialSums &, F f) const {
        float mine = 0;
        each([&](int column, const float (&value)[1]) { mine += f(column, value[0]); });
        return warp_sum(mine);
    }

    template <typename F> __device__ void each(F f) const {
        for (int column = threadIdx.x % 32; column < cols_; column += 32) {
            float value[1];
            source_(column, value);
            f(column, value);
        }
    }

  private:
    Source source_;
    int cols_;
};

// The shapes that kernels are compiled for: threads that share a row, values moved at once, and the type of the row.
template <typename T, int Threads, int Bound> struct Held {
    static constexpr int threads = Threads;
    static constexpr int width = per_vector<T>;
    template <typename Source> using Row = HeldRow<T, Threads, Bound, Source>;
};

struct Streamed {
    static constexpr int threads = 32;
    static constexpr int width = 1;
    template <typename Source> using Row = StreamedRow<Source>;
};

template <typename Shape> __device__ inline int row_index() {
    return blockIdx.x * (row_threads / Shape::threads) + threadIdx.x / Shape::threads;
}

template <typename T> using Row256 = Held<T, 32, 256>;
template <typename T> using Row768 = Held<T, 32, 768>;
template <typename T> using Row1024 = Held<T, 32, 1024>;
template <typename T> using Row2048 = Held<T, row_threads, 2048>;

// Calls entry(suffix, T, Shape, blocks) for every shape of rows of T. blocks is how many blocks of row_threads a
// multiprocessor is to hold: 3 leave each thread 80 registers, 4 leave 64, 6 leave 40.
#define FOR_EVERY_ROW(entry, T)                                                                                        \
    entry(T##_256, T, Row256<T>, 6) entry(T##_768, T, Row768<T>, 4) entry(T##_1024, T, Row1024<T>, 3)                  \
        entry(T##_2048, T, Row2048<T>, 6) entry(T##_any, T, Streamed, 6)
