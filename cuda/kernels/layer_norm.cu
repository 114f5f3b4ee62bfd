// y = (x - mean) / sqrt(variance + eps) x gain + bias over each row, with the biased variance: op.LayerNorm.
//
// Layout: x and y [rows, cols] of T, strides in values; gain and bias float32 [cols]. y may be x.
// Moves 2 cols sizeof(T) bytes a row (3 KB for 768 of bf16); gain and bias, 8 cols bytes, come from L1.
// Shapes (row.cuh): a warp a row up to 1024 columns, a block a row up to 2048, in whole 16-byte vectors; any other row
// is read three times, value by value.
// Occupancy: 4 blocks of 256 threads a multiprocessor for 768 columns, 3 for 1024, else 6; no spills.
#include "layer_norm.cuh"

namespace {

template <typename Shape, typename T>
__device__ void layer_norm(const T *x, int x_stride, Norm norm, T *y, int y_stride, int rows, int cols) {
    const int row = row_index<Shape>();
    if (row >= rows) return;
    const T *from = x + static_cast<size_t>(row) * x_stride;
    const auto source = [=](int column, float (&values)[Shape::width]) { load(from + column, values); };
    write_layer_norm<Shape>(cols, source, norm, y + static_cast<size_t>(row) * y_stride);
}

}  // namespace

#define LAYER_NORM(suffix, T, Shape, blocks)                                                                           \
    extern "C" __global__ void __launch_bounds__(row_threads, blocks)                                                  \
        layer_norm_##suffix(const T *x, int x_stride, const float *gain, const float *bias, float eps, T *y,           \
                            int y_stride, int rows, int cols) {                                                        \
        layer_norm<Shape>(x, x_stride, Norm{gain, bias, eps}, y, y_stride, rows, cols);                                \
    }
FOR_EVERY_ROW(LAYER_NORM, f32)
FOR_EVERY_ROW(LAYER_NORM, bf16)
FOR_EVERY_ROW(LAYER_NORM, f16)
