// Kernels that differ in what they need, for the limits that the emulated driver reads from cubins.

extern "C" __global__ void __launch_bounds__(256) bounded(float *y, const float *x) { y[threadIdx.x] = x[threadIdx.x]; }

extern "C" __global__ void sharing(float *y, const float *x) {
    __shared__ float tile[333];
    tile[threadIdx.x % 333] = x[threadIdx.x];
    __syncthreads();
    y[threadIdx.x] = tile[332 - threadIdx.x % 333];
}

// All of its values are alive at once.
extern "C" __global__ void hungry(float *y, const float *x) {
    float values[96];
#pragma unroll
    for (int i = 0; i < 96; i++) values[i] = x[(threadIdx.x + i) % 1024];
    float sum = 0;
#pragma unroll
    for (int i = 0; i < 96; i++) {
        sum = sum * values[i] + values[95 - i];
#pragma unroll
        for (int j = 0; j < 4; j++) values[(i * 7 + j * 13) % 96] += sum;
    }
    y[threadIdx.x] = sum;
}
