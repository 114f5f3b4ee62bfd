// The C face of the CPU engine's native side: parameters, memory, and one function an operation of
// package op, whose comments define them. Matrices are row-major float32. All functions of one
// context run on the thread that made it: OpenMP keeps a thread pool for each calling thread.
//
// Functions that can fail return 0, or -1 with the reason in vbge_cpu_error().
#ifndef VBGE_CPU_H
#define VBGE_CPU_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct vbge_cpu vbge_cpu;        // threads, oneDNN's engine and its compiled products
typedef struct vbge_linear vbge_linear;  // a weight in oneDNN's own order, and its bias

// The reason of the calling thread's last failure.
const char *vbge_cpu_error(void);

int vbge_cpu_new(int threads, vbge_cpu **result);
void vbge_cpu_free(vbge_cpu *cpu);
// "avx512", "avx2" or "generic": the instructions of the kernels in use.
const char *vbge_cpu_kernels(void);
// "3.2.0": oneDNN's version at run time.
const char *vbge_cpu_onednn(void);

// Memory aligned to a huge page where it is large enough for one, else to a cache line; counted.
void *vbge_cpu_allocate(size_t bytes);
void vbge_cpu_release(void *memory);
int64_t vbge_cpu_live_bytes(void);

// Packs weight [out, in] and bias [out] or NULL; both are copied.
int vbge_linear_new(vbge_cpu *cpu, int out, int in, const float *weight, const float *bias, vbge_linear **result);
void vbge_linear_free(vbge_linear *linear);
// The rows that vbge_linear_run computes for a request of that many: x and y must have room for
// them. Rounding up lets few compiled products serve every batch.
int vbge_linear_rows(int rows);

enum { VBGE_GELU = 1, VBGE_ACCUMULATE = 2 };
// y [rows, out] = x W^T + b, then GELU, or added to what y holds, as flags say. Rows of x begin
// x_stride values apart. Rows from `rows` to vbge_linear_rows(rows) of x are zeroed and of y spoilt.
int vbge_linear_run(vbge_cpu *cpu, vbge_linear *linear, float *x, int64_t x_stride, float *y, int rows, int flags);

typedef struct {
    const float *q, *k, *v;  // first value of each; rows begin *_stride values apart
    int64_t q_stride, k_stride, v_stride;
    float *y;                       // [query rows, heads * width]
    const int32_t *queries, *keys;  // cumulative lengths, sequences + 1 of each
    const float *cosines, *sines;   // [longest sequence, width], or NULL
    int sequences, heads, width, longest_keys;
    float *scratch;  // vbge_attention_scratch(threads, longest_keys, width) values
} vbge_attention_args;

size_t vbge_attention_scratch(int threads, int longest_keys, int width);
void vbge_attention(vbge_cpu *cpu, const vbge_attention_args *args);

void vbge_patches(vbge_cpu *cpu, float *y, const uint8_t *pixels, int pictures, int side, int patch,
                  const float *levels);
void vbge_gelu(vbge_cpu *cpu, float *y, const float *x, int64_t x_stride, int rows, int cols);
void vbge_layer_norm(vbge_cpu *cpu, float *y, const float *x, int64_t x_stride, int rows, int cols, const float *gain,
                     const float *bias, float eps);
void vbge_swiglu(vbge_cpu *cpu, float *y, const float *x, int64_t x_stride, int rows, int cols);
void vbge_embedding(vbge_cpu *cpu, float *y, int rows, int cols, const float *word, const float *token_type,
                    const float *position, const int32_t *ids, const int32_t *positions);
void vbge_add_rows(vbge_cpu *cpu, float *y, const float *x, int64_t x_stride, int rows, int cols, const float *table,
                   const int32_t *at);
// Copies rows of x, in their order, to rows of y.
void vbge_copy_rows(vbge_cpu *cpu, float *y, const float *x, int64_t x_stride, int rows, int cols);
void vbge_normalise(vbge_cpu *cpu, float *y, const float *x, int64_t x_stride, int rows, int cols);

#ifdef __cplusplus
}
#endif
#endif
