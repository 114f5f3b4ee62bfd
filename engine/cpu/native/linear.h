// A linear layer's parameters, and its bare products on tiles of rows.
#pragma once
#include "context.h"

namespace vbge {

constexpr int kColumnBlock = 64;  // of oneDNN's packed weights, and of what is shared out

// The rows that a product of that many computes: few compiled products serve every tile.
constexpr int product_rows(int rows) { return round_up(rows, VBGE_SPARE_ROWS + 1); }

// Computes accumulators [product_rows(rows), cols] of x and the linear's columns first..first+cols-1: float, or
// int32_t of an int8 layer. x has the layer's own type and product_rows(rows) rows that can be read.
void multiply(vbge_cpu *cpu, Worker &worker, const vbge_linear &linear, const void *x, int64_t x_stride, int rows,
              int first, int cols, void *acc);

}  // namespace vbge

struct vbge_linear {
    vbge_linear(int precision, int out, int in);
    ~vbge_linear();
    vbge_linear(const vbge_linear &) = delete;
    vbge_linear &operator=(const vbge_linear &) = delete;

    dnnl::memory::desc block(int cols) const;  // the packed order of so many columns
    char *at(int first) const;                 // where those from first on begin

    int precision, out, in;
    bool blocked;   // in blocks of kColumnBlock columns; else row by row
    char *weight;   // [in, out], float, bfloat16 or int8_t
    float *bias;    // [out]
    float *scales;  // [out], of int8 alone
    int32_t *sums;  // [out], of the quantised columns, of int8 alone
};
