// Row kernels, written over vectors of 16 floats that the compiler maps to the instruction set it
// compiles for. VBGE_KERNELS names the table. Nothing of the standard library's inline code may be
// used here: the linker could pick the copy that was compiled for another processor.
#include "kernels.h"

#include "attention.h"
#include "vectors.h"

namespace vbge {
namespace {

// Two passes over a row that is in the first-level cache: the variance of differences from the mean
// keeps float32's precision where the mean of squares would not.
void layer_norm(float *y, const float *x, int n, const float *gain, const float *bias, float eps) {
    Vector sum = {};
    each(n, [&](int i, int count) { sum += load(x + i, count); });
    const float mean = total(sum) / float(n);
    Vector squares = {};
    each(n, [&](int i, int count) {
        const Vector d = masked(load(x + i, count) - mean, count);
        squares += d * d;
    });
    const float scale = 1.0f / __builtin_sqrtf(total(squares) / float(n) + eps);
    each(n, [&](int i, int count) {
        store(y + i, (load(x + i, count) - mean) * scale * load(gain + i, count) + load(bias + i, count), count);
    });
}

void gelu(float *y, const float *x, int n) {
    for (int i = 0; i < n; i++) y[i] = 0.5f * x[i] * (1.0f + __builtin_erff(x[i] * 0.70710678118654752f));
}

void swiglu(float *y, const float *x, int n) {
    each(n, [&](int i, int count) {
        const Vector gate = load(x + i, count);
        store(y + i, gate / (1.0f + exponential(-gate)) * load(x + n + i, count), count);
    });
}

void add(float *y, const float *a, const float *b, int n) {
    each(n, [&](int i, int count) { store(y + i, load(a + i, count) + load(b + i, count), count); });
}

void normalise(float *y, const float *x, int n) {
    double squares = 0;
    for (int i = 0; i < n; i++) squares += double(x[i]) * double(x[i]);
    const double length = __builtin_sqrt(squares);
    const double scale = 1.0 / (length > 1e-12 ? length : 1e-12);
    for (int i = 0; i < n; i++) y[i] = float(x[i] * scale);
}

}  // namespace

const Kernels VBGE_KERNELS = {VBGE_KERNELS_NAME, layer_norm, gelu, swiglu, add, normalise, attention};

}  // namespace vbge
