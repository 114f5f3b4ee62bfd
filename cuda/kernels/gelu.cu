// y = x/2 (1 + erf(x / sqrt 2)): op.GELU, the exact form, with the libm's erff (2 ulp) in every storage type.
//
// Layout: x and y [rows, cols] of T, strides in values; y may be x. Where rows follow one another without a gap the
// launcher passes them as one.
// Moves 2 sizeof(T) bytes a value. About 30 instructions a value, of which an H100 has time for 34 while it moves the 4
// bytes of a bf16 value: the one kernel here near its arithmetic's limit.
// Limits: whole 16-byte vectors (gelu_T, 16 values a thread); any width and alignment (gelu_T_any, 4 values a thread).
// Occupancy: 6 blocks of 256 threads a multiprocessor; no spills.
#include "elements.cuh"

namespace {

__device__ inline float gelu_of(float x) {
    constexpr float inverse_root_2 = 0.70710678f;
    return 0.5f * x * (1 + erff(x * inverse_root_2));
}

template <int Width, int Values, typename T>
__device__ void gelu(const T *x, int x_stride, T *y, int y_stride, int chunks, int cols) {
    const auto chunk = Chunk<Width, Values>::of(chunks, cols);
    const T *from = x + chunk.row * x_stride;
    T *to = y + chunk.row * y_stride;
    chunk.each([=](int column, float (&values)[Width]) { load(from + column, values); },
               [=](int column, float (&values)[Width]) {
#pragma unroll
                   for (int i = 0; i < Width; i++) values[i] = gelu_of(values[i]);
                   store(to + column, values);
               });
}

}  // namespace

#define GELU(suffix, T, Width, Values)                                                                                 \
    extern "C" __global__ void __launch_bounds__(element_threads, 6)                                                   \
        gelu_##suffix(const T *x, int x_stride, T *y, int y_stride, int chunks, int cols) {                            \
        gelu<Width, Values>(x, x_stride, y, y_stride, chunks, cols);                                                   \
    }
#define GELU_OF(T) GELU(T, T, per_vector<T>, 16) GELU(T##_any, T, 1, 4)
GELU_OF(f32)
GELU_OF(bf16)
GELU_OF(f16)
