// Kernels for the tests of package cuda, which compile this file.

// y[i] = x[i] + a for i below n.
extern "C" __global__ void __launch_bounds__(128) add(float *y, const float *x, float a, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = x[i] + a;
}

// y[i] = x[blocks of blockDim.x values, each reversed], through dynamic shared memory of which only the last values are
// used.
extern "C" __global__ void __launch_bounds__(128) reverse(float *y, const float *x, int unused) {
    extern __shared__ float tile[];
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    tile[unused + threadIdx.x] = x[i];
    __syncthreads();
    y[i] = tile[unused + blockDim.x - 1 - threadIdx.x];
}

// The block's number in all three directions, to see that a grid's do not get mixed up.
extern "C" __global__ void blocks(int *y) {
    y[(blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x] =
        blockIdx.x + 100 * blockIdx.y + 10000 * blockIdx.z;
}
