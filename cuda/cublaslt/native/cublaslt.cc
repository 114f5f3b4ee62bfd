#include "cublaslt.h"

#include <atomic>
#include <cublasLt.h>
#include <dlfcn.h>
#include <memory>
#include <stdio.h>

// The type of every function comes from the header: a call that does not fit does not compile.
#define CALL(library, function) (reinterpret_cast<decltype(&function)>((library)->function))

namespace {

thread_local char last_error[1024];
std::atomic<int64_t> live_plans{0};

int fail(const vbge_cublaslt *library, const char *call, cublasStatus_t status) {
    snprintf(last_error, sizeof last_error, "%s: %s (%s, status %d)", call,
             CALL(library, cublasLtGetStatusString)(status), CALL(library, cublasLtGetStatusName)(status), status);
    return status;
}

// Calls a function of cuBLASLt, and makes the calling function return if it fails.
#define TRY(library, function, ...)                                                                                    \
    do {                                                                                                               \
        cublasStatus_t try_status = CALL(library, function)(__VA_ARGS__);                                              \
        if (try_status != CUBLAS_STATUS_SUCCESS) return fail(library, #function, try_status);                          \
    } while (0)

cudaDataType_t data_type(int type) {
    switch (type) {
    case VBGE_CUBLASLT_BF16:
        return CUDA_R_16BF;
    case VBGE_CUBLASLT_F16:
        return CUDA_R_16F;
    default:
        return CUDA_R_32F;
    }
}

struct Preference {
    const vbge_cublaslt *library;
    cublasLtMatmulPreference_t handle = nullptr;
    explicit Preference(const vbge_cublaslt *l) : library(l) {}
    Preference(const Preference &) = delete;
    Preference &operator=(const Preference &) = delete;
    ~Preference() {
        if (handle) CALL(library, cublasLtMatmulPreferenceDestroy)(handle);
    }
    template <typename T> int set(cublasLtMatmulPreferenceAttributes_t attribute, T value) {
        TRY(library, cublasLtMatmulPreferenceSetAttribute, handle, attribute, &value, sizeof value);
        return 0;
    }
};

}  // namespace

// cuBLASLt thinks in columns: a row-major matrix [rows, cols] is a column-major one of cols rows.
// Y^T [out, rows] = W [out, in] X^T: A is W, stored transposed, B is X and C and D are the residual and Y.
// In place C and D must have one descriptor ("C == D and Cdesc == Ddesc" in cuBLAS' documentation), so the residual
// has one of its own only where its stride is not Y's.
struct vbge_cublaslt_plan {
    vbge_cublaslt library;  // a copy: the caller's may be in Go's memory, which C must not hold on to
    vbge_cublaslt_product product;
    cublasLtMatmulDesc_t operation = nullptr;
    cublasLtMatrixLayout_t weight = nullptr, x = nullptr, residual = nullptr, y = nullptr;
    cublasLtMatmulAlgo_t algorithm = {};
    size_t workspace = 0;

    vbge_cublaslt_plan(const vbge_cublaslt *l, const vbge_cublaslt_product &p) : library(*l), product(p) {
        live_plans++;
    }
    vbge_cublaslt_plan(const vbge_cublaslt_plan &) = delete;
    vbge_cublaslt_plan &operator=(const vbge_cublaslt_plan &) = delete;
    ~vbge_cublaslt_plan() {
        for (cublasLtMatrixLayout_t layout : {weight, x, residual, y})
            if (layout) CALL(&library, cublasLtMatrixLayoutDestroy)(layout);
        if (operation) CALL(&library, cublasLtMatmulDescDestroy)(operation);
        live_plans--;
    }

    template <typename T> int set(cublasLtMatmulDescAttributes_t attribute, T value) {
        TRY(&library, cublasLtMatmulDescSetAttribute, operation, attribute, &value, sizeof value);
        return 0;
    }
    // C: the residual, or Y where beta is 0, which is then not read.
    cublasLtMatrixLayout_t c() const { return residual ? residual : y; }
    int describe();
    int choose(void *handle);
};

int vbge_cublaslt_plan::describe() {
    const cudaDataType_t type = data_type(product.type);
    // Sums are float32 for every type. CUBLAS_COMPUTE_32F is "float - default" in cublas_api.h; what may
    // round float32 factors to TF32 are the CUBLAS_COMPUTE_32F_FAST_* beside it.
    TRY(&library, cublasLtMatmulDescCreate, &operation, CUBLAS_COMPUTE_32F, CUDA_R_32F);
    if (int status = set(CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_T)) return status;
    if (int status = set(CUBLASLT_MATMUL_DESC_TRANSB, CUBLAS_OP_N)) return status;
    if (product.bias) {
        // Only ever the bias, which runs along D's rows, Y's columns: the GELU of cuBLASLt is not the erf form.
        if (int status = set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS)) return status;
        if (int status = set(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, static_cast<int32_t>(type))) return status;
        // The heuristic does not follow the pointer but reads its alignment.
        if (int status = set(CUBLASLT_MATMUL_DESC_BIAS_POINTER,
                             reinterpret_cast<const void *>(static_cast<uintptr_t>(product.bias_alignment))))
            return status;
    }
    const auto rows = static_cast<uint64_t>(product.rows), out = static_cast<uint64_t>(product.out),
               in = static_cast<uint64_t>(product.in);
    TRY(&library, cublasLtMatrixLayoutCreate, &weight, type, in, out, product.weight_stride);
    TRY(&library, cublasLtMatrixLayoutCreate, &x, type, in, rows, product.x_stride);
    TRY(&library, cublasLtMatrixLayoutCreate, &y, type, out, rows, product.y_stride);
    if (product.residual && product.residual_stride != product.y_stride)
        TRY(&library, cublasLtMatrixLayoutCreate, &residual, type, out, rows, product.residual_stride);
    return 0;
}

int vbge_cublaslt_plan::choose(void *handle) {
    Preference preference(&library);
    TRY(&library, cublasLtMatmulPreferenceCreate, &preference.handle);
    if (int status = preference.set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, product.workspace)) return status;
    // Parts of a sum that is split are added in float32: the other schemes add them in the output's type.
    if (int status = preference.set(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
                                    static_cast<uint32_t>(CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE)))
        return status;
    const uint32_t c_alignment = product.residual ? product.residual_alignment : product.y_alignment;
    if (int status = preference.set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, product.weight_alignment))
        return status;
    if (int status = preference.set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, product.x_alignment)) return status;
    if (int status = preference.set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, c_alignment)) return status;
    if (int status = preference.set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, product.y_alignment)) return status;
    // NVIDIA_TF32_OVERRIDE=1 in the environment asks for TF32 all the same: the mask leaves no such algorithm.
    const uint64_t narrower = CUBLASLT_NUMERICAL_IMPL_FLAGS_INPUT_TF32 | CUBLASLT_NUMERICAL_IMPL_FLAGS_INPUT_16F |
                              CUBLASLT_NUMERICAL_IMPL_FLAGS_INPUT_16BF;
    if (product.type == VBGE_CUBLASLT_F32)
        if (int status = preference.set(CUBLASLT_MATMUL_PREF_IMPL_MASK, ~narrower)) return status;

    cublasLtMatmulHeuristicResult_t best = {};
    int found = 0;
    TRY(&library, cublasLtMatmulAlgoGetHeuristic, static_cast<cublasLtHandle_t>(handle), operation, weight, x, c(), y,
        preference.handle, 1, &best, &found);
    if (found < 1) return fail(&library, "cublasLtMatmulAlgoGetHeuristic", CUBLAS_STATUS_NOT_SUPPORTED);
    if (best.state != CUBLAS_STATUS_SUCCESS) return fail(&library, "cublasLtMatmulAlgoGetHeuristic", best.state);
    if (best.workspaceSize > product.workspace) {
        snprintf(last_error, sizeof last_error,
                 "cublasLtMatmulAlgoGetHeuristic chose an algorithm of %zu bytes of workspace", best.workspaceSize);
        return -1;
    }
    algorithm = best.algo;
    workspace = best.workspaceSize;
    return 0;
}

extern "C" {

const char *vbge_cublaslt_error(void) { return last_error; }

int vbge_cublaslt_open(const char *path, vbge_cublaslt *library) {
    void *opened = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!opened) {
        const char *reason = dlerror();
        snprintf(last_error, sizeof last_error, "%s", reason ? reason : "dlopen failed");
        return -1;
    }
#define FIND(name)                                                                                                     \
    if (!(library->name = dlsym(opened, #name))) {                                                                     \
        snprintf(last_error, sizeof last_error, "%s has no %s: it is not cuBLASLt 13", path, #name);                   \
        dlclose(opened);                                                                                               \
        return -1;                                                                                                     \
    }
    VBGE_CUBLASLT_FUNCTIONS(FIND)
#undef FIND
    return 0;
}

size_t vbge_cublaslt_version(const vbge_cublaslt *library) { return CALL(library, cublasLtGetVersion)(); }

int vbge_cublaslt_create(const vbge_cublaslt *library, void **handle) {
    TRY(library, cublasLtCreate, reinterpret_cast<cublasLtHandle_t *>(handle));
    return 0;
}

int vbge_cublaslt_destroy(const vbge_cublaslt *library, void *handle) {
    TRY(library, cublasLtDestroy, static_cast<cublasLtHandle_t>(handle));
    return 0;
}

int vbge_cublaslt_plan_new(const vbge_cublaslt *library, void *handle, const vbge_cublaslt_product *product,
                           vbge_cublaslt_plan **result) {
    auto plan = std::make_unique<vbge_cublaslt_plan>(library, *product);
    if (int status = plan->describe()) return status;
    if (int status = plan->choose(handle)) return status;
    *result = plan.release();
    return 0;
}

void vbge_cublaslt_plan_free(vbge_cublaslt_plan *plan) { delete plan; }

size_t vbge_cublaslt_plan_workspace(const vbge_cublaslt_plan *plan) { return plan->workspace; }

int64_t vbge_cublaslt_live_plans(void) { return live_plans; }

int vbge_cublaslt_run(const vbge_cublaslt *library, void *handle, vbge_cublaslt_plan *plan,
                      const vbge_cublaslt_operands *operands, void *stream) {
    const auto at = [](uint64_t address) { return reinterpret_cast<void *>(static_cast<uintptr_t>(address)); };
    if (plan->product.bias)
        if (int status = plan->set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, static_cast<const void *>(at(operands->bias))))
            return status;
    const float alpha = 1, beta = plan->product.residual ? 1 : 0;
    const uint64_t c = plan->product.residual ? operands->residual : operands->y;
    TRY(library, cublasLtMatmul, static_cast<cublasLtHandle_t>(handle), plan->operation, &alpha, at(operands->weight),
        plan->weight, at(operands->x), plan->x, &beta, at(c), plan->c(), at(operands->y), plan->y, &plan->algorithm,
        at(operands->workspace), operands->workspace_bytes, static_cast<cudaStream_t>(stream));
    return 0;
}

}  // extern "C"
