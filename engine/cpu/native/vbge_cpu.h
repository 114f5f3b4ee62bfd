// The C face of the CPU engine's native side: parameters, memory, and the operations of package op, whose comments
// define them. Matrices are row-major. All functions of one context run on the thread that made it, which is the
// first of the context's threads.
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

// pin binds each thread to a processor of its own.
int vbge_cpu_new(int threads, int pin, vbge_cpu **result);
void vbge_cpu_free(vbge_cpu *cpu);
// "avx512bf16", "avx512", "avx2" or "generic": the instructions of the kernels in use.
const char *vbge_cpu_kernels(void);
// "3.2.0": oneDNN's version at run time.
const char *vbge_cpu_onednn(void);

// Memory aligned to a huge page where it is large enough for one, else to a cache line; counted.
void *vbge_cpu_allocate(size_t bytes);
void vbge_cpu_release(void *memory);
int64_t vbge_cpu_live_bytes(void);

// What a product multiplies.
enum { VBGE_FLOAT32, VBGE_BFLOAT16, VBGE_INT8 };
// Whether this processor has instructions for it.
int vbge_cpu_supports(int precision);

// Measures the operations a second that all threads' multiply-adds of a precision can do, and the bytes a second that
// they can read from memory.
int vbge_cpu_peak(vbge_cpu *cpu, int precision, double *operations, double *bytes);

// Packs weight [out, in] and bias [out] or NULL; both are copied.
int vbge_linear_new(vbge_cpu *cpu, int precision, int out, int in, const float *weight, const float *bias,
                    vbge_linear **result);
void vbge_linear_free(vbge_linear *linear);

// Rows of activations.
enum { VBGE_F32, VBGE_BF16 };
typedef struct {
    char *base;      // NULL: rows of one tile alone, in the scratch of the thread that computes it
    int64_t at;      // byte of the first value
    int64_t stride;  // values from one row to the next
    int32_t type;
} vbge_matrix;

// One row-wise operation of a chain: row r of y is computed from row r of x alone.
enum {
    VBGE_LINEAR,
    VBGE_LINEAR_GELU,
    VBGE_LINEAR_SWIGLU,
    VBGE_LINEAR_RESIDUAL,
    VBGE_LAYER_NORM,
    VBGE_GELU,
    VBGE_SWIGLU,
    VBGE_ADD_ROWS,
    VBGE_EMBEDDING,
    VBGE_NORMALISE
};
typedef struct {
    int32_t operation;
    int32_t cols;  // of y
    vbge_matrix x, y, residual;
    vbge_linear *linear;
    const float *gain, *bias;                     // of a layer norm
    const float *table, *token_type, *positions;  // of embeddings; table alone of added rows
    const int32_t *at, *position_at;              // rows of table and positions
    float eps;
    // Where to add the nanoseconds that threads spend on it, in all and on products alone; NULL for nowhere.
    int64_t *spent;
} vbge_step;

// Rows behind the last that any x of a product must have room for: a product's rows are rounded up, so that few compiled
// ones serve every batch.
enum { VBGE_SPARE_ROWS = 3 };
// Computes steps one after another on tiles of so many rows; a single product is shared out by blocks of columns too.
// Each thread has local_bytes of scratch for local rows.
int vbge_chain(vbge_cpu *cpu, const vbge_step *steps, int count, int rows, int tile, int blocks, size_t local_bytes);

typedef struct {
    vbge_matrix q, k, v, y;
    const int32_t *queries, *keys;  // cumulative lengths, sequences + 1 of each
    const float *cosines, *sines;   // [longest sequence, width], or NULL
    int32_t sequences, heads, width, longest_keys;
    int64_t *spent;
} vbge_attention_args;

int vbge_attention(vbge_cpu *cpu, const vbge_attention_args *args);

void vbge_patches(vbge_cpu *cpu, float *y, const uint8_t *pixels, int pictures, int side, int patch,
                  const float *levels, int64_t *spent);
// Copies rows of x, in their order, to rows of y.
void vbge_copy_rows(vbge_cpu *cpu, vbge_matrix y, vbge_matrix x, int rows, int cols, int64_t *spent);

#ifdef __cplusplus
}
#endif
#endif
