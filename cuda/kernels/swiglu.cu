// y = silu(left half of x's row) x right half, silu(t) = t / (1 + e^-t): op.SwiGLU; and the same followed by layer norm
// over the result's row (swiglu_norm_T_*), which is never stored without it.
//
// Layout: x [rows, 2 cols] and y [rows, cols] of T, strides in values; gain and bias float32 [cols]. y shares nothing
// with x.
// Moves 3 cols sizeof(T) bytes a row (12 KB for 2048 of bf16), with the norm or without; gain and bias come from L1.
// Limits: whole 16-byte vectors in either half (swiglu_T, 8 values a thread; swiglu_norm_T_256 to 2048, see row.cuh);
// any width and alignment (swiglu_T_any, 4 values a thread; swiglu_norm_T_any, which computes the row three times).
// Occupancy: 4 blocks of 256 threads a multiprocessor for norms of 768 columns, 3 for 1024, else 6; no spills.
#include "approximate.cuh"
#include "elements.cuh"
#include "layer_norm.cuh"

namespace {

// The results for Width columns of the halves gate and up. e^-t overflows to infinity below -88, where the quotient is
// 0 as it should be.
template <int Width, typename T>
__device__ inline void gated(const T *gate, const T *up, float (&values)[Width]) {
    constexpr float log2_e = 1.44269504f;
    float factors[Width];
    load(gate, values);
    load(up, factors);
#pragma unroll
    for (int i = 0; i < Width; i++) values[i] *= reciprocal_fast(1 + exp2_fast(-log2_e * values[i])) * factors[i];
}

template <int Width, int Values, typename T>
__device__ void swiglu(const T *x, int x_stride, T *y, int y_stride, int chunks, int cols) {
    const auto chunk = Chunk<Width, Values>::of(chunks, cols);
    const T *gate = x + chunk.row * x_stride;
    T *to = y + chunk.row * y_stride;
    chunk.each([=](int column, float (&values)[Width]) { gated(gate + column, gate + cols + column, values); },
               [=](int column, const float (&values)[Width]) { store(to + column, values); });
}

template <typename Shape, typename T>
__device__ void swiglu_norm(const T *x, int x_stride, Norm norm, T *y, int y_stride, int rows, int cols) {
    const int row = row_index<Shape>();
    if (row >= rows) return;
    const T *gate = x + static_cast<size_t>(row) * x_stride;
    const auto source = [=](int column, float (&values)[Shape::width]) {
        gated(gate + column, gate + cols + column, values);
    };
    write_layer_norm<Shape>(cols, source, norm, y + static_cast<size_t>(row) * y_stride);
}

}  // namespace

#define SWIGLU(suffix, T, Width, Values)                                                                               \
    extern "C" __global__ void __launch_bounds__(element_threads, 6)                                                   \
        swiglu_##suffix(const T *x, int x_stride, T *y, int y_stride, int chunks, int cols) {                          \
        swiglu<Width, Values>(x, x_stride, y, y_stride, chunks, cols);                                                 \
    }
#define SWIGLU_NORM(suffix, T, Shape, blocks)                                                                          \
    extern "C" __global__ void __launch_bounds__(row_threads, blocks)                                                  \
        swiglu_norm_##suffix(const T *x, int x_stride, const float *gain, const float *bias, float eps, T *y,          \
                             int y_stride, int rows, int cols) {                                                       \
        swiglu_norm<Shape>(x, x_stride, Norm{gain, bias, eps}, y, y_stride, rows, cols);                               \
    }
#define SWIGLU_OF(T)                                                                                                   \
    SWIGLU(T, T, per_vector<T>, 8)                                                                                     \
    SWIGLU(T##_any, T, 1, 4)                                                                                           \
    FOR_EVERY_ROW(SWIGLU_NORM, T)
SWIGLU_OF(f32)
SWIGLU_OF(bf16)
SWIGLU_OF(f16)
