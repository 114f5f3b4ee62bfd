// Layer norm of a row, for the kernels that end in one.
#pragma once

#include "approximate.cuh"
#include "row.cuh"

struct Norm {
    const float *gain, *bias;  // [cols]
    float eps;
};

// A row's statistics and what they make of a value.
struct Normaliser {
    float mean, scale;
    Norm norm;

    // The statistics in two passes over the row, as float32's few digits ask for.
    template <typename Row> static __device__ Normaliser of(const Row &row, int cols, Norm norm) {
        __shared__ PartialSums partial[2];
        const float count = cols;
        const float mean = quotient(row.sum(partial[0], [](int, float value) { return value; }), count);
        const float squares = row.sum(partial[1], [=](int, float value) { return (value - mean) * (value - mean); });
        return Normaliser{mean, rsqrtf(quotient(squares, count) + norm.eps), norm};
    }

    // The results for the values from column on.
    template <int Width> __device__ void apply(int column, const float (&values)[Width],
                                               float (&results)[Width]) const {
        float gain[Width], bias[Width];
        load(norm.gain + column, gain);
        load(norm.bias + column, bias);
#pragma unroll
        for (int i = 0; i < Width; i++) results[i] = (values[i] - mean) * scale * gain[i] + bias[i];
    }
};

// Writes the layer norm of the row that source gives to y.
template <typename Shape, typename T, typename Source>
__device__ inline void write_layer_norm(int cols, Source source, Norm norm, T *y) {
    const typename Shape::template Row<Source> row(cols, source);
    const Normaliser normaliser = Normaliser::of(row, cols, norm);
    row.each([&](int column, const float (&values)[Shape::width]) {
        float results[Shape::width];
        normaliser.apply(column, values, results);
        store(y + column, results);
    });
}
