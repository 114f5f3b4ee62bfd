// The arithmetic of cublasLtMatmul: D = epilogue(alpha op(A) op(B) + beta C), column-major.
//
// Products are summed in float32 and rounded once, at the end. Each value of D is summed in one order whatever the
// shapes are, so that a row of a batch does not depend on the others.
#pragma once

#include <cstdint>

#include "numbers.h"

namespace emulated {

// Column-major; column j begins at value j * stride.
struct Matrix {
    void *at = nullptr;
    Format format = Format::f32;
    uint64_t rows = 0, cols = 0;
    int64_t stride = 0;

    // From the first to the last value.
    uint64_t bytes() const { return ((cols - 1) * static_cast<uint64_t>(stride) + rows) * bytes_of(format); }
};

// What factors are rounded to before they are multiplied; float32 ones only.
enum class Factors { as_they_are, tf32 };

enum class Activation { none, gelu };  // gelu: the tanh form

struct Product {
    uint64_t m, n, k;  // D is [m, n], op(A) [m, k]
    bool transpose_a = false, transpose_b = false;
    Matrix a, b, c, d;
    float alpha = 1, beta = 0;
    Factors factors = Factors::as_they_are;
    const void *bias = nullptr;  // one for each row of D
    Format bias_format = Format::f32;
    Activation activation = Activation::none;
};

void multiply(const Product &product);

}  // namespace emulated
