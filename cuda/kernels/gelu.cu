// y = x/2 (1 + erf(x / sqrt 2)): op.GELU, the exact form.
//
// Layout: x and y [rows, cols] of T, strides in values; y may be x. Where rows follow one another without a gap the
// launcher passes them as one.
// Moves 2 sizeof(T) bytes a value. About 19 instructions a value for 16 bits and 32 for f32, where an H100 has time
// for 34 while it moves 4 bytes: of all these kernels the one nearest to the arithmetic's limit.
// Limits: whole 16-byte vectors (gelu_T, 16 values a thread); any width and alignment (gelu_T_any, 4 values a thread).
// Occupancy: 6 blocks of 256 threads a multiprocessor; no spills.
#include "approximate.cuh"
#include "elements.cuh"

namespace {

// For storage types of 16 bits, whose 4 bytes a value leave no time for erff: with erfc by Abramowitz and
// Stegun 7.1.26, off by at most 1.5e-7. The result is max(x, 0) - |x| erfc(|x| / sqrt 2) / 2.
template <typename T> __device__ inline float gelu_of(float x) {
    constexpr float root_half = 0.70710678f, log2_e = 1.44269504f;
    const float t = reciprocal_fast(fmaf(fabsf(x), 0.3275911f * root_half, 1));
    float half_erfc = fmaf(t, 0.5f * 1.061405429f, 0.5f * -1.453152027f);
    half_erfc = fmaf(t, half_erfc, 0.5f * 1.421413741f);
    half_erfc = fmaf(t, half_erfc, 0.5f * -0.284496736f);
    half_erfc = fmaf(t, half_erfc, 0.5f * 0.254829592f);
    half_erfc *= t * exp2_fast(-0.5f * log2_e * x * x);
    return fmaf(-fabsf(x), half_erfc, fmaxf(x, 0));
}
template <> __device__ inline float gelu_of<f32>(float x) { return 0.5f * x * (1 + erff(x * 0.70710678f)); }

template <int Width, int Values, typename T>
__device__ void gelu(const T *x, int x_stride, T *y, int y_stride, int chunks, int cols) {
    const auto chunk = Chunk<Width, Values>::of(chunks, cols);
    const T *from = x + chunk.row * x_stride;
    T *to = y + chunk.row * y_stride;
    chunk.each([=](int column, float (&values)[Width]) { load(from + column, values); },
               [=](int column, float (&values)[Width]) {
#pragma unroll
                   for (int i = 0; i < Width; i++) values[i] = gelu_of<T>(values[i]);
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
