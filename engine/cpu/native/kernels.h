// The kernels oneDNN has none for, one row or one head at a time. kernels.cc is compiled once for
// each instruction set, each time into a table of its own; dispatch.cc picks the best table.
#pragma once
#include <cstdint>

namespace vbge {

// One head of one sequence.
struct Head {
    const float *q, *k, *v;
    int64_t q_stride, k_stride, v_stride;
    float *y;
    int64_t y_stride;
    int queries, keys, width;
    const float *cosines, *sines;  // [place, width], or null
};

struct Kernels {
    const char *name;
    void (*layer_norm)(float *y, const float *x, int n, const float *gain, const float *bias, float eps);
    void (*gelu)(float *y, const float *x, int n);
    void (*swiglu)(float *y, const float *x, int n);  // x has 2n values
    void (*add)(float *y, const float *a, const float *b, int n);
    void (*normalise)(float *y, const float *x, int n);
    // scratch has attention_scratch(keys, width) values, aligned to 64 bytes.
    void (*attention)(const Head &head, float *scratch);
};

extern const Kernels kernels_generic;
extern const Kernels kernels_avx2;
extern const Kernels kernels_avx512;

constexpr int kLanes = 16;        // values of the vectors that kernels are written in
constexpr int kQueryBlock = 8;    // queries that a head's attention takes at a time
constexpr int kWidestHead = 256;  // channels of one head

static constexpr int round_up(int n, int step) { return (n + step - 1) / step * step; }

// A multiple of 128, so that several stand in a row.
static constexpr int64_t attention_scratch(int keys, int width) {
    const int64_t whole_keys = round_up(keys, 2 * kLanes), whole_width = round_up(width, kLanes);
    return whole_keys * whole_width * 2 + kQueryBlock * (whole_keys + whole_width);
}

}  // namespace vbge
