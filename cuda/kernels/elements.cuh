// How the kernels that need no more than one column at a time share a matrix among threads: a row is cut into chunks of
// element_threads x values consecutive values, each a block's, and neighbouring threads move neighbouring vectors.
#pragma once

#include "types.cuh"

constexpr int element_threads = 256;

// This thread's values of a chunk, Width of them at a time.
template <int Width, int Values> struct Chunk {
    static_assert(Values % Width == 0, "whole vectors");

    size_t row;
    int first;  // column
    int cols;

    // Blocks take the chunks of one row after another.
    static __device__ Chunk of(int chunks, int cols) {
        const int chunk = blockIdx.x % chunks;
        return Chunk{blockIdx.x / chunks, chunk * element_threads * Values + static_cast<int>(threadIdx.x) * Width,
                     cols};
    }

    // Calls source(column, values), which reads, for all vectors before sink(column, values), which computes and
    // writes.
    template <typename Source, typename Sink> __device__ void each(Source source, Sink sink) const {
        float values[Values / Width][Width];
#pragma unroll
        for (int i = 0; i < Values / Width; i++) {
            // Threads beyond the row read its last vector again, so that no branch stands between the loads.
            source(min(column(i), cols - Width), values[i]);
        }
#pragma unroll
        for (int i = 0; i < Values / Width; i++) {
            if (column(i) < cols) sink(column(i), values[i]);
        }
    }

  private:
    __device__ int column(int i) const { return first + i * element_threads * Width; }
};
