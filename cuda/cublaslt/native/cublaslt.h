// The C face of cuBLASLt for Go: linear layers and nothing else. cublaslt.cc is compiled against
// CUDA 13's cublasLt.h; the library itself is opened at run time.
//
// Functions that can fail return 0, or a cublasStatus_t, or -1 for a failure of our own, with the
// reason in vbge_cublaslt_error().
#ifndef VBGE_CUBLASLT_H
#define VBGE_CUBLASLT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// The functions of cuBLASLt that are used, by the names that the library exports.
#define VBGE_CUBLASLT_FUNCTIONS(F)                                                                                     \
    F(cublasLtGetVersion)                                                                                              \
    F(cublasLtGetStatusName)                                                                                           \
    F(cublasLtGetStatusString)                                                                                         \
    F(cublasLtCreate)                                                                                                  \
    F(cublasLtDestroy)                                                                                                 \
    F(cublasLtMatmulDescCreate)                                                                                        \
    F(cublasLtMatmulDescDestroy)                                                                                       \
    F(cublasLtMatmulDescSetAttribute)                                                                                  \
    F(cublasLtMatrixLayoutCreate)                                                                                      \
    F(cublasLtMatrixLayoutDestroy)                                                                                     \
    F(cublasLtMatmulPreferenceCreate)                                                                                  \
    F(cublasLtMatmulPreferenceDestroy)                                                                                 \
    F(cublasLtMatmulPreferenceSetAttribute)                                                                            \
    F(cublasLtMatmulAlgoGetHeuristic)                                                                                  \
    F(cublasLtMatmul)

#define VBGE_CUBLASLT_FIELD(name) void *name;
typedef struct {
    VBGE_CUBLASLT_FUNCTIONS(VBGE_CUBLASLT_FIELD)
} vbge_cublaslt;
#undef VBGE_CUBLASLT_FIELD

typedef struct vbge_cublaslt_plan vbge_cublaslt_plan;  // descriptors and an algorithm

// The reason of the calling thread's last failure.
const char *vbge_cublaslt_error(void);

// Opens the library, which then stays open until the program ends, and finds its functions.
int vbge_cublaslt_open(const char *path, vbge_cublaslt *library);
// 130002 for 13.0.2.
size_t vbge_cublaslt_version(const vbge_cublaslt *library);

// A handle belongs to the calling thread's current context.
int vbge_cublaslt_create(const vbge_cublaslt *library, void **handle);
int vbge_cublaslt_destroy(const vbge_cublaslt *library, void *handle);

enum { VBGE_CUBLASLT_F32, VBGE_CUBLASLT_BF16, VBGE_CUBLASLT_F16 };

// y [rows, out] = x [rows, in] w [out, in]^T + bias [out] + residual [rows, out], row-major, strides
// in values. Alignments are powers of two in bytes that every operand's address will have.
typedef struct {
    int64_t rows, out, in;
    int64_t x_stride, weight_stride, residual_stride, y_stride;
    uint64_t workspace;  // bytes that an algorithm may use
    uint32_t x_alignment, weight_alignment, bias_alignment, residual_alignment, y_alignment;
    int type, bias, residual;
} vbge_cublaslt_product;

int vbge_cublaslt_plan_new(const vbge_cublaslt *library, void *handle, const vbge_cublaslt_product *product,
                           vbge_cublaslt_plan **result);
void vbge_cublaslt_plan_free(vbge_cublaslt_plan *plan);
// The bytes that the algorithm does use.
size_t vbge_cublaslt_plan_workspace(const vbge_cublaslt_plan *plan);
// The plans of the process that were made and not freed.
int64_t vbge_cublaslt_live_plans(void);

// Device addresses; bias and residual are 0 where the plan has none.
typedef struct {
    uint64_t x, weight, bias, residual, y, workspace;
    size_t workspace_bytes;
} vbge_cublaslt_operands;

// Queues the product on the stream, a CUstream.
int vbge_cublaslt_run(const vbge_cublaslt *library, void *handle, vbge_cublaslt_plan *plan,
                      const vbge_cublaslt_operands *operands, void *stream);

#ifdef __cplusplus
}
#endif

#endif
