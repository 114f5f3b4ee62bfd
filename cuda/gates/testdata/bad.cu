// Kernels of which each fails one gate, and one that fails none: gates_test.py compiles them.

// 64 values are live at once, 40 registers are allowed.
extern "C" __global__ void __launch_bounds__(256, 6) spills(float *x, int n) {
    float a[64];
#pragma unroll
    for (int i = 0; i < 64; i++) a[i] = x[i * n + threadIdx.x];
    for (int k = 0; k < n; k++) {
#pragma unroll
        for (int i = 0; i < 64; i++) a[i] = a[i] * a[(i + 1) & 63] + x[k];
    }
#pragma unroll
    for (int i = 0; i < 64; i++) x[i * n + threadIdx.x] = a[i];
}

// An index that the compiler does not know needs an address: the array is in local memory.
extern "C" __global__ void __launch_bounds__(256, 1) indexes(float *x, int n) {
    float a[64];
    for (int i = 0; i < 64; i++) a[i] = x[i];
    a[n & 63] = 1;
    x[threadIdx.x] = a[(n + 1) & 63] + a[threadIdx.x & 63];
}

// 8 blocks of 40 KiB need 320 KiB, more than any device has.
extern "C" __global__ void __launch_bounds__(128, 8) crowds(float *x, int n) {
    __shared__ float tile[10240];
    for (int i = threadIdx.x; i < 10240; i += 128) tile[i] = x[i];
    __syncthreads();
    x[threadIdx.x] = tile[n + threadIdx.x];
}

// Columns of 32 floats are in one bank.
extern "C" __global__ void __launch_bounds__(128, 4) collides(float *x) {
    __shared__ float tile[32][32];
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    for (int i = warp; i < 32; i += 4) tile[i][lane] = x[i * 32 + lane];
    __syncthreads();
    for (int i = warp; i < 32; i += 4) x[i * 32 + lane] = tile[lane][i];
}

extern "C" __global__ void __launch_bounds__(128) states_nothing(float *x) { x[threadIdx.x] = 1; }

extern "C" __global__ void __launch_bounds__(128, 8) good(float *x) { x[threadIdx.x] = 1; }
