// y = x as float32: what op.Pass.Output asks for, from the storage type T.
//
// Layout: x [rows, cols] of T, stride in values; y [rows, cols] of float32, densely.
// Moves sizeof(T) + 4 bytes a value.
// Limits: whole 16-byte vectors (export_T, 16 values a thread); any width and alignment (export_T_any, 4 values).
// Occupancy: 6 blocks of 256 threads a multiprocessor; no spills.
#include "elements.cuh"

namespace {

template <int Width, int Values, typename T>
__device__ void export_values(const T *x, int x_stride, float *y, int chunks, int cols) {
    const auto chunk = Chunk<Width, Values>::of(chunks, cols);
    const T *from = x + chunk.row * x_stride;
    float *to = y + chunk.row * cols;
    chunk.each([=](int column, float (&values)[Width]) { load(from + column, values); },
               [=](int column, const float (&values)[Width]) { store(to + column, values); });
}

}  // namespace

#define EXPORT(suffix, T, Width, Values)                                                                               \
    extern "C" __global__ void __launch_bounds__(element_threads, 6)                                                   \
        export_##suffix(const T *x, int x_stride, float *y, int chunks, int cols) {                                    \
        export_values<Width, Values>(x, x_stride, y, chunks, cols);                                                    \
    }
#define EXPORT_OF(T) EXPORT(T, T, per_vector<T>, 16) EXPORT(T##_any, T, 1, 4)
EXPORT_OF(f32)
EXPORT_OF(bf16)
EXPORT_OF(f16)
