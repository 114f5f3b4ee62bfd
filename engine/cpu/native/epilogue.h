// What becomes of a product's accumulators.
#pragma once
#include "activations.h"

namespace vbge {
namespace {

struct Floats {
    const float *acc, *bias;
    template <typename L> VBGE_INLINE Vector at(int i, L lanes) const {
        return load(acc + i, lanes) + load(bias + i, lanes);
    }
};

struct Integers {
    const int32_t *acc, *sums;
    const float *scales, *bias;
    float scale;
    int32_t zero;
    template <typename L> VBGE_INLINE Vector at(int i, L lanes) const {
        const Ints product = load(acc + i, lanes) - zero * load(sums + i, lanes);
        return floats(product) * (scale * load(scales + i, lanes)) + load(bias + i, lanes);
    }
};

Floats floats_of(const Epilogue &e) { return {static_cast<const float *>(e.acc), e.bias}; }
Integers integers_of(const Epilogue &e) {
    return {static_cast<const int32_t *>(e.acc), e.sums, e.scales, e.bias, e.scale, e.zero};
}

// Calls f with the product's values by place.
template <typename F> VBGE_INLINE void typed(const Epilogue &e, F f) {
    if (e.scales != nullptr) f(integers_of(e));
    else f(floats_of(e));
}

void finish(Out y, const Epilogue &e, int n) {
    typed(y, [&](auto *out) {
        typed(e,
              [&](auto product) { each(n, [&](int i, auto lanes) { store(out + i, product.at(i, lanes), lanes); }); });
    });
}

// Calls f(first, values, lanes) with a product's values in vectors, for f that are long.
template <typename F> VBGE_INLINE void each_value(const Floats &product, int n, F f) {
    each(n, [&](int i, auto lanes) { f(i, product.at(i, lanes), lanes); });
}

// Integers become floats in a loop of their own, which spares a fifth of GELU's time (Zen 5): one
// loop of it all is longer than what the processor looks ahead.
template <typename F> VBGE_INLINE void each_value(const Integers &product, int n, F f) {
    constexpr int kBlock = 512;
    alignas(64) float block[kBlock];
    for (int first = 0; first < n; first += kBlock) {
        const int count = n - first < kBlock ? n - first : kBlock;
        each(count, [&](int i, auto lanes) { store(block + i, product.at(first + i, lanes), lanes); });
        each(count, [&](int i, auto lanes) { f(first + i, load(block + i, lanes), lanes); });
    }
}

void finish_gelu(Out y, const Epilogue &e, int n) {
    typed(y, [&](auto *out) {
        typed(e, [&](auto product) {
            each_value(product, n, [&](int i, Vector x, auto lanes) { store(out + i, gelu(x), lanes); });
        });
    });
}

template <typename Y, typename P> VBGE_INLINE void gated(Y *y, P gate, P up, int n) {
    each_value(gate, n, [&](int i, Vector x, auto lanes) { store(y + i, silu(x) * up.at(i, lanes), lanes); });
}

void finish_swiglu(Out y, const Epilogue &gate, const Epilogue &up, int n) {
    typed(y, [&](auto *out) {
        if (gate.scales != nullptr) gated(out, integers_of(gate), integers_of(up), n);
        else gated(out, floats_of(gate), floats_of(up), n);
    });
}

void finish_residual(Out y, const Epilogue &e, In residual, int n) {
    typed(y, residual, [&](auto *out, auto *before) {
        typed(e, [&](auto product) {
            each(n, [&](int i, auto lanes) { store(out + i, product.at(i, lanes) + load(before + i, lanes), lanes); });
        });
    });
}

}  // namespace
}  // namespace vbge
