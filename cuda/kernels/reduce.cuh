// Sums over the threads that share a row. Each sum is taken in an order that depends on neither scheduling nor other
// rows: a row's result is the same bits in every batch.
#pragma once

// The sum over the warp, in every lane. All 32 lanes take part.
__device__ inline float warp_sum(float value) {
#pragma unroll
    for (int distance = 16; distance > 0; distance /= 2) value += __shfl_xor_sync(0xffffffffu, value, distance);
    return value;
}

// The sum over a block of Warps full warps, in every thread. A block's next sum needs partial sums of its own: a slow
// warp may still be reading these.
template <int Warps> __device__ inline float block_sum(float value, float (&partial)[Warps]) {
    value = warp_sum(value);
    if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = value;
    __syncthreads();
    float sum = 0;
#pragma unroll
    for (int warp = 0; warp < Warps; warp++) sum += partial[warp];
    return sum;
}
