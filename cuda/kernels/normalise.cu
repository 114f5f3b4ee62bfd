// y = x / max(|x|, 1e-12) over each row, |x| its Euclidean length: op.Normalise (normalise_T, and normalise_T_f32 whose
// result is float32); and layer norm followed by that (layer_norm_normalise_T, float32 result): the end of a pass.
//
// Layout: x [rows, cols] of T, y [rows, cols] of T or float32, strides in values; gain and bias float32 [cols].
// y may be x where both have the type T.
// Moves cols (sizeof(T) + sizeof(result)) bytes a row: 4.5 KB for 768 of bf16 to float32, a row for each input.
// Shapes (row.cuh): up to 1024 columns of whole 16-byte vectors; any other row is read twice (four times normed).
// Limits: the squares of a row have a float32 sum; beyond that (values of 10^19) it becomes 0, or NaN with infinity.
// Occupancy: 4 blocks of 256 threads a multiprocessor; no spills.
#include "layer_norm.cuh"

namespace {

// What to multiply a row by whose squares have this sum. NaN stays NaN.
__device__ inline float inverse_length(float squares) {
    constexpr float least = 1e-12f;
    return squares <= least * least ? 1 / least : rsqrtf(squares);
}

template <typename Shape, typename T, typename Result>
__device__ void normalise(const T *x, int x_stride, Result *y, int y_stride, int rows, int cols) {
    constexpr int width = Shape::width;
    const int index = row_index<Shape>();
    if (index >= rows) return;
    const T *from = x + static_cast<size_t>(index) * x_stride;
    Result *to = y + static_cast<size_t>(index) * y_stride;

    const auto source = [=](int column, float (&values)[width]) { load(from + column, values); };
    const typename Shape::template Row<decltype(source)> row(cols, source);
    __shared__ PartialSums partial;
    const float scale = inverse_length(row.sum(partial, [](int, float value) { return value * value; }));
    row.each([&](int column, const float (&values)[width]) {
        float results[width];
#pragma unroll
        for (int i = 0; i < width; i++) results[i] = values[i] * scale;
        store(to + column, results);
    });
}

template <typename Shape, typename T>
__device__ void layer_norm_normalise(const T *x, int x_stride, Norm norm, float *y, int y_stride, int rows, int cols) {
    constexpr int width = Shape::width;
    const int index = row_index<Shape>();
    if (index >= rows) return;
    const T *from = x + static_cast<size_t>(index) * x_stride;
    float *to = y + static_cast<size_t>(index) * y_stride;

    const auto source = [=](int column, float (&values)[width]) { load(from + column, values); };
    const typename Shape::template Row<decltype(source)> row(cols, source);
    const Normaliser normaliser = Normaliser::of(row, cols, norm);
    __shared__ PartialSums partial;
    const float scale = inverse_length(row.sum(partial, [&](int column, float value) {
        const float values[1] = {value};
        float result[1];
        normaliser.apply(column, values, result);
        return result[0] * result[0];
    }));
    row.each([&](int column, const float (&values)[width]) {
        float results[width];
        normaliser.apply(column, values, results);
#pragma unroll
        for (int i = 0; i < width; i++) results[i] *= scale;
        store(to + column, results);
    });
}

}  // namespace

#define NORMALISE(suffix, T, Result, Shape)                                                                            \
    extern "C" __global__ void __launch_bounds__(row_threads, 4)                                                       \
        normalise_##suffix(const T *x, int x_stride, Result *y, int y_stride, int rows, int cols) {                    \
        normalise<Shape>(x, x_stride, y, y_stride, rows, cols);                                                        \
    }
#define LAYER_NORM_NORMALISE(suffix, T, Shape)                                                                         \
    extern "C" __global__ void __launch_bounds__(row_threads, 4)                                                       \
        layer_norm_normalise_##suffix(const T *x, int x_stride, const float *gain, const float *bias, float eps,       \
                                      float *y, int y_stride, int rows, int cols) {                                    \
        layer_norm_normalise<Shape>(x, x_stride, Norm{gain, bias, eps}, y, y_stride, rows, cols);                      \
    }
#define NORMALISE_OF(T)                                                                                                \
    NORMALISE(T##_1024, T, T, Row1024<T>)                                                                              \
    NORMALISE(T##_any, T, T, Streamed)                                                                                 \
    NORMALISE(T##_f32_1024, T, f32, Row1024<T>)                                                                        \
    NORMALISE(T##_f32_any, T, f32, Streamed)                                                                           \
    LAYER_NORM_NORMALISE(T##_1024, T, Row1024<T>)                                                                      \
    LAYER_NORM_NORMALISE(T##_any, T, Streamed)
NORMALISE_OF(f32)
NORMALISE_OF(bf16)
NORMALISE_OF(f16)
