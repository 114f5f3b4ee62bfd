// One call of a native kernel, as kernels.h describes them, in C.
#ifndef VBGE_KERNELTEST_H
#define VBGE_KERNELTEST_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    const void *acc;
    const float *bias, *scales;
    const int32_t *sums;
    float scale;
    int32_t zero;
} kerneltest_epilogue;

// Types are those of kernels.h: 0 for float32, 1 for bfloat16.
typedef struct {
    void *y;
    const void *x, *second;
    int32_t y_type, x_type, second_type, n;
    const float *gain, *bias;
    float eps;
    kerneltest_epilogue product, up;
    float scale;   // quantise: its result
    int32_t zero;  // quantise: its result
} kerneltest_call;

// The name of table i of those that this processor can run, or NULL past the last.
const char *kerneltest_table(int i);
// Calls a kernel by the name of its member in vbge::Kernels; returns -1 if there is none.
int kerneltest_run(int table, const char *kernel, kerneltest_call *call);

#ifdef __cplusplus
}
#endif
#endif
