// The kernels of one instruction set, and what they are told. Every table computes the same, from float32 or
// bfloat16 values to either; bfloat16 is rounded to nearest even.
#pragma once
#include <cstdint>

namespace vbge {

enum class Type : int32_t { f32 = 0, bf16 = 1 };

// n values one after another.
struct In {
    const void *data;
    Type type;
};
struct Out {
    void *data;
    Type type;
};

// What turns n accumulators of a product into n values of its result. With integers, an accumulator stands for
// (acc - zero * sums[c]) * scale * scales[c].
struct Epilogue {
    const void *acc;      // float, or int32_t where scales is not null
    const float *bias;    // [n]
    const float *scales;  // [n], of the weight's columns; null: acc is float
    const int32_t *sums;  // [n], of the weight's quantised columns
    float scale;          // of the row of activations
    int32_t zero;
};

// How a row was quantised: value = (q - zero) * scale.
struct Quantised {
    float scale;
    int32_t zero;
};

// One head of one sequence. Strides are in values.
struct Head {
    const void *q, *k, *v;
    int64_t q_stride, k_stride, v_stride;
    Type in;  // of q, k and v
    void *y;
    int64_t y_stride;
    Type out;  // of y
    int queries, keys, width;
    const float *cosines, *sines;  // [place, width], or null
};

struct Kernels {
    const char *name;
    void (*copy)(Out y, In x, int n);  // converts where types differ
    void (*add)(Out y, In a, In b, int n);
    void (*layer_norm)(Out y, In x, int n, const float *gain, const float *bias, float eps);
    void (*gelu)(Out y, In x, int n);
    void (*swiglu)(Out y, In x, int n);  // x has 2n values
    void (*normalise)(Out y, In x, int n);
    // Fills y with n unsigned bytes, asymmetric: the row's least value (or 0) is 0, its largest (or 0) 255.
    Quantised (*quantise)(uint8_t *y, In x, int n);
    // A product's results: plain, with the GELU, the SwiGLU of two products (gate and up), with a residual added.
    void (*finish)(Out y, const Epilogue &e, int n);
    void (*finish_gelu)(Out y, const Epilogue &e, int n);
    void (*finish_swiglu)(Out y, const Epilogue &gate, const Epilogue &up, int n);
    void (*finish_residual)(Out y, const Epilogue &e, In residual, int n);  // y may be residual
    // Does that many rounds of multiply-adds on registers; returns how many multiplications and additions they were.
    int64_t (*multiply_add)(int precision, int64_t rounds);
    float (*sum)(const float *x, int64_t n);
    // scratch has attention_scratch(keys, width) bytes, aligned to 64.
    void (*attention)(const Head &head, void *scratch);
    int64_t (*attention_scratch)(int keys, int width);  // a multiple of 128
};

extern const Kernels kernels_generic;
extern const Kernels kernels_avx2;
extern const Kernels kernels_avx512;
extern const Kernels kernels_avx512bf16;  // products of attention in bfloat16 where its operands are

constexpr int kWidestHead = 256;  // channels of one head

}  // namespace vbge
