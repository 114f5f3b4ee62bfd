// Kernels that nvcc compiles to PTX for compiled_test.cc, which knows what they have to compute.

// y[i] = the i-th function of x, for 13 functions of each of n values.
extern "C" __global__ void functions(const float *x, float *y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    float v = x[i], *to = y + 13 * i;
    to[0] = erff(v);
    to[1] = expf(v);
    to[2] = tanhf(v);
    to[3] = logf(fabsf(v));
    to[4] = rsqrtf(fabsf(v));
    to[5] = sqrtf(fabsf(v));
    to[6] = v / 3.7f;
    to[7] = __expf(v);
    to[8] = powf(fabsf(v), 1.5f);
    to[9] = floorf(v) + rintf(v) * 2 + truncf(v) * 4;
    to[10] = 0.5f * v * (1 + erff(v * 0.70710678f));
    to[11] = fmaxf(v, 0.5f) - fminf(v, -0.5f);
    to[12] = __fdividef(1, 1 + __expf(-v));
}

// The sum of each block's values, by shuffles and shared memory. Without the barrier it races.
template <bool barrier> __device__ void block_sum(const float *x, float *y, int n) {
    __shared__ float partial[32];
    float sum = 0;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) sum += x[i];
    for (int o = 16; o; o >>= 1) sum += __shfl_xor_sync(0xffffffffu, sum, o);
    if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = sum;
    if (barrier) __syncthreads();
    if (threadIdx.x < 32) {
        sum = threadIdx.x < blockDim.x / 32 ? partial[threadIdx.x] : 0;
        for (int o = 16; o; o >>= 1) sum += __shfl_down_sync(0xffffffffu, sum, o);
        if (threadIdx.x == 0) y[blockIdx.x] = sum;
    }
}
extern "C" __global__ void sum_with_barrier(const float *x, float *y, int n) { block_sum<true>(x, y, n); }
extern "C" __global__ void sum_without_barrier(const float *x, float *y, int n) { block_sum<false>(x, y, n); }

// Integers: division, a switch, 64 bits, loops that differ from lane to lane.
extern "C" __global__ void integers(const int *x, long long *y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    int v = x[i];
    long long out = v / 7 + v % 13 + (unsigned)v / 10u + (long long)v * v % 1000003 + __popc(v) + __clz(v) + (v >> 3);
    switch (v & 7) {
    case 0:
        out += 100;
        break;
    case 1:
        out -= x[0];
        break;
    case 2:
        out *= 3;
        break;
    case 3:
        out ^= 0x5555;
        break;
    case 5:
        out = -out;
        break;
    }
    unsigned steps = 0, collatz = (unsigned)(v < 0 ? -v : v) % 1000 + 1;
    while (collatz != 1) {
        collatz = collatz & 1 ? 3 * collatz + 1 : collatz / 2;
        steps++;
    }
    y[i] = out * 1000 + steps;
}
