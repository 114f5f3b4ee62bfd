#include "handles.h"

#include <cstdarg>
#include <cstdio>
#include <cstring>

using namespace emulated;

namespace emulated {

namespace {
// Never destroyed: threads may call until the process ends.
template <typename T> Handles<T> &all() {
    static auto *handles = new Handles<T>;
    return *handles;
}
}  // namespace

Handles<Library> &libraries() { return all<Library>(); }
Handles<Operation> &operations() { return all<Operation>(); }
Handles<Layout> &layouts() { return all<Layout>(); }
Handles<Preference> &preferences() { return all<Preference>(); }

bool format_of(cudaDataType_t type, Format *format) {
    switch (type) {
    case CUDA_R_32F:
        *format = Format::f32;
        return true;
    case CUDA_R_16BF:
        *format = Format::bf16;
        return true;
    case CUDA_R_16F:
        *format = Format::f16;
        return true;
    default:
        return false;
    }
}

cublasStatus_t misused(cublasStatus_t status, const char *call, const char *format, ...) {
    char text[1000];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fprintf(stderr, "emulated cublasLt: %s: %s\n", call, text);
    return status;
}

}  // namespace emulated

namespace {

// Copies an attribute's value if its size is right.
template <typename T> cublasStatus_t set(T &to, const void *value, size_t bytes, const char *call) {
    if (!value || bytes != sizeof to) {
        return misused(CUBLAS_STATUS_INVALID_VALUE, call, "an attribute of %zu bytes given as %zu", sizeof to, bytes);
    }
    memcpy(&to, value, sizeof to);
    return CUBLAS_STATUS_SUCCESS;
}

template <typename T> cublasStatus_t destroy(Handles<T> &handles, const void *handle, const char *call) {
    if (handles.remove(handle)) return CUBLAS_STATUS_SUCCESS;
    return misused(CUBLAS_STATUS_INVALID_VALUE, call, "no such handle, or destroyed before");
}

}  // namespace

API cublasLtCreate(cublasLtHandle_t *handle) {
    CUcontext context = nullptr;
    if (cuCtxGetCurrent(&context) != CUDA_SUCCESS || !context) return CUBLAS_STATUS_NOT_INITIALIZED;
    *handle = reinterpret_cast<cublasLtHandle_t>(libraries().add({context}));
    return CUBLAS_STATUS_SUCCESS;
}

API cublasLtDestroy(cublasLtHandle_t handle) { return destroy(libraries(), handle, __func__); }

API cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *handle, cublasComputeType_t compute, cudaDataType_t scale) {
    Operation operation;
    operation.compute = compute;
    operation.scale = scale;
    *handle = reinterpret_cast<cublasLtMatmulDesc_t>(operations().add(operation));
    return CUBLAS_STATUS_SUCCESS;
}

API cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t handle) { return destroy(operations(), handle, __func__); }

API cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t handle, cublasLtMatmulDescAttributes_t attribute,
                                   const void *value, size_t bytes) {
    Operation *operation = operations().find(handle);
    if (!operation) return misused(CUBLAS_STATUS_INVALID_VALUE, __func__, "no such handle");
    switch (attribute) {
    case CUBLASLT_MATMUL_DESC_TRANSA:
        return set(operation->transpose_a, value, bytes, __func__);
    case CUBLASLT_MATMUL_DESC_TRANSB:
        return set(operation->transpose_b, value, bytes, __func__);
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
        return set(operation->epilogue, value, bytes, __func__);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
        return set(operation->bias, value, bytes, __func__);
    case CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE:
        return set(operation->bias_type, value, bytes, __func__);
    default:
        return misused(CUBLAS_STATUS_NOT_SUPPORTED, __func__, "attribute %d is not emulated", attribute);
    }
}

API cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t *handle, cudaDataType type, uint64_t rows, uint64_t cols,
                               int64_t stride) {
    *handle = reinterpret_cast<cublasLtMatrixLayout_t>(layouts().add({type, rows, cols, stride}));
    return CUBLAS_STATUS_SUCCESS;
}

API cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t handle) { return destroy(layouts(), handle, __func__); }

API cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *handle) {
    *handle = reinterpret_cast<cublasLtMatmulPreference_t>(preferences().add({}));
    return CUBLAS_STATUS_SUCCESS;
}

API cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t handle) {
    return destroy(preferences(), handle, __func__);
}

API cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t handle,
                                         cublasLtMatmulPreferenceAttributes_t attribute, const void *value,
                                         size_t bytes) {
    Preference *preference = preferences().find(handle);
    if (!preference) return misused(CUBLAS_STATUS_INVALID_VALUE, __func__, "no such handle");
    switch (attribute) {
    case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES:
        return set(preference->workspace, value, bytes, __func__);
    case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK:
        return set(preference->reductions, value, bytes, __func__);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES:
        return set(preference->alignment_a, value, bytes, __func__);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES:
        return set(preference->alignment_b, value, bytes, __func__);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES:
        return set(preference->alignment_c, value, bytes, __func__);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES:
        return set(preference->alignment_d, value, bytes, __func__);
    case CUBLASLT_MATMUL_PREF_IMPL_MASK:
        return set(preference->implementations, value, bytes, __func__);
    default:
        return misused(CUBLAS_STATUS_NOT_SUPPORTED, __func__, "attribute %d is not emulated", attribute);
    }
}

extern "C" __attribute__((visibility("default"))) size_t CUBLASWINAPI cublasLtGetVersion(void) {
    return CUBLAS_VERSION;
}

namespace {

struct Text {
    cublasStatus_t status;
    const char *name, *text;
};
constexpr Text texts[] = {
    {CUBLAS_STATUS_SUCCESS, "CUBLAS_STATUS_SUCCESS", "success"},
    {CUBLAS_STATUS_NOT_INITIALIZED, "CUBLAS_STATUS_NOT_INITIALIZED", "the library was not initialized"},
    {CUBLAS_STATUS_INVALID_VALUE, "CUBLAS_STATUS_INVALID_VALUE", "an unsupported value or parameter was passed"},
    {CUBLAS_STATUS_EXECUTION_FAILED, "CUBLAS_STATUS_EXECUTION_FAILED", "the GPU program failed to execute"},
    {CUBLAS_STATUS_NOT_SUPPORTED, "CUBLAS_STATUS_NOT_SUPPORTED", "the functionality requested is not supported"},
};

const Text *find(cublasStatus_t status) {
    for (const Text &text : texts) {
        if (text.status == status) return &text;
    }
    return nullptr;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) const char *CUBLASWINAPI
cublasLtGetStatusName(cublasStatus_t status) {
    const Text *found = find(status);
    return found ? found->name : "CUBLAS_STATUS_UNKNOWN";
}

extern "C" __attribute__((visibility("default"))) const char *CUBLASWINAPI
cublasLtGetStatusString(cublasStatus_t status) {
    const Text *found = find(status);
    return found ? found->text : "unknown status";
}
