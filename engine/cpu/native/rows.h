// Kernels of a row of values.
#pragma once
#include "activations.h"

namespace vbge {
namespace {

template <typename Y, typename X> void convert(Y *y, const X *x, int n) {
    each(n, [&](int i, auto lanes) { store(y + i, load(x + i, lanes), lanes); });
}
template <typename T> void convert(T *y, const T *x, int n) { __builtin_memmove(y, x, unsigned(n) * sizeof(T)); }

void copy(Out y, In x, int n) {
    typed(y, x, [&](auto *out, auto *in) { convert(out, in, n); });
}

void add(Out y, In a, In b, int n) {
    typed(y, a, [&](auto *out, auto *left) {
        typed(b, [&](auto *right) {
            each(n, [&](int i, auto lanes) { store(out + i, load(left + i, lanes) + load(right + i, lanes), lanes); });
        });
    });
}

// Two passes over a row that is in the first-level cache: the variance of differences from the mean
// keeps float32's precision where the mean of squares would not.
template <typename Y, typename X>
void layer_norm(Y *y, const X *x, int n, const float *gain, const float *bias, float eps) {
    Vector sums[kTurns] = {};
    each_in_turn(n, [&](int i, auto lanes, int turn) { sums[turn] += load(x + i, lanes); });
    const float mean = total(sums) / float(n);
    Vector squares[kTurns] = {};
    each_in_turn(n, [&](int i, auto lanes, int turn) {
        const Vector d = keep(load(x + i, lanes) - mean, lanes);
        squares[turn] += d * d;
    });
    const float scale = 1.0f / __builtin_sqrtf(total(squares) / float(n) + eps);
    each(n, [&](int i, auto lanes) {
        const Vector d = (load(x + i, lanes) - mean) * scale;
        store(y + i, d * load(gain + i, lanes) + load(bias + i, lanes), lanes);
    });
}

void layer_norm(Out y, In x, int n, const float *gain, const float *bias, float eps) {
    typed(y, x, [&](auto *out, auto *in) { layer_norm(out, in, n, gain, bias, eps); });
}

void gelu(Out y, In x, int n) {
    typed(y, x, [&](auto *out, auto *in) {
        each(n, [&](int i, auto lanes) { store(out + i, gelu(load(in + i, lanes)), lanes); });
    });
}

void swiglu(Out y, In x, int n) {
    typed(y, x, [&](auto *out, auto *in) {
        each(n, [&](int i, auto lanes) { store(out + i, silu(load(in + i, lanes)) * load(in + n + i, lanes), lanes); });
    });
}

// In double precision throughout: clients compare lengths with 1.
template <typename Y, typename X> void normalise(Y *y, const X *x, int n) {
    constexpr int kSums = 8;
    double squares[kSums] = {};
    float values[kLanes];
    each(n, [&](int i, auto lanes) {
        store(values, load(x + i, lanes));
        for (int l = 0; l < kLanes; l++) squares[l % kSums] += double(values[l]) * double(values[l]);
    });
    double sum = 0;
    for (double s : squares) sum += s;
    const double length = __builtin_sqrt(sum);
    const double scale = 1.0 / (length < 1e-12 ? 1e-12 : length);
    each(n, [&](int i, auto lanes) {
        store(values, load(x + i, lanes));
        for (float &v : values) v = float(v * scale);
        store(y + i, load(values), lanes);
    });
}

void normalise(Out y, In x, int n) {
    typed(y, x, [&](auto *out, auto *in) { normalise(out, in, n); });
}

}  // namespace
}  // namespace vbge
