#include <cstdlib>
#include <cstring>

#include "algorithm.h"

using namespace emulated;

namespace emulated {

namespace {

bool fits(const Layout &layout, uint64_t rows, uint64_t cols) {
    return layout.rows == rows && layout.cols == cols && layout.stride >= static_cast<int64_t>(rows);
}

bool activation_of(uint32_t epilogue, Activation *activation) {
    switch (epilogue & ~static_cast<uint32_t>(CUBLASLT_EPILOGUE_BIAS)) {
    case 0:
    case CUBLASLT_EPILOGUE_DEFAULT:
        *activation = Activation::none;
        return true;
    case CUBLASLT_EPILOGUE_GELU:
        *activation = Activation::gelu;
        return true;
    default:
        return false;
    }
}

}  // namespace

Algorithm algorithm_of(const cublasLtMatmulAlgo_t &opaque) {
    Algorithm algorithm;
    memcpy(static_cast<void *>(&algorithm), &opaque, sizeof algorithm);
    return algorithm;
}

Factors factors_of(cublasComputeType_t compute, Format format) {
    if (format != Format::f32) return Factors::as_they_are;
    if (const char *override = getenv("NVIDIA_TF32_OVERRIDE")) {
        if (!strcmp(override, "1")) return Factors::tf32;
        if (compute == CUBLAS_COMPUTE_32F_FAST_TF32) return Factors::as_they_are;
    }
    return compute == CUBLAS_COMPUTE_32F_FAST_TF32 ? Factors::tf32 : Factors::as_they_are;
}

cublasStatus_t describe(const Operation &operation, const Layout &a, const Layout &b, const Layout &c, const Layout &d,
                        Product *product, const char **why) {
    auto refuse = [&](cublasStatus_t status, const char *reason) {
        *why = reason;
        return status;
    };
    Format in, out;
    if (!format_of(a.type, &in) || !format_of(d.type, &out)) {
        return refuse(CUBLAS_STATUS_NOT_SUPPORTED, "types other than float32, bfloat16 and float16 are not emulated");
    }
    if (a.type != b.type || c.type != d.type || (d.type != a.type && d.type != CUDA_R_32F)) {
        return refuse(CUBLAS_STATUS_NOT_SUPPORTED, "no such combination of types");
    }
    switch (operation.compute) {
    case CUBLAS_COMPUTE_32F:
    case CUBLAS_COMPUTE_32F_PEDANTIC:
        break;
    case CUBLAS_COMPUTE_32F_FAST_TF32:
        if (in == Format::f32) break;
        return refuse(CUBLAS_STATUS_NOT_SUPPORTED, "the fast compute types are for float32");
    default:
        return refuse(CUBLAS_STATUS_NOT_SUPPORTED, "the compute type is not emulated");
    }
    if (operation.scale != CUDA_R_32F) return refuse(CUBLAS_STATUS_NOT_SUPPORTED, "the scale type is not float32");
    if (!activation_of(operation.epilogue, &product->activation)) {
        return refuse(CUBLAS_STATUS_NOT_SUPPORTED, "the epilogue is not emulated");
    }
    product->transpose_a = operation.transpose_a == CUBLAS_OP_T;
    product->transpose_b = operation.transpose_b == CUBLAS_OP_T;
    product->m = d.rows;
    product->n = d.cols;
    product->k = product->transpose_a ? a.rows : a.cols;
    if (!product->m || !product->n || !product->k) return refuse(CUBLAS_STATUS_INVALID_VALUE, "an empty matrix");
    bool a_fits = product->transpose_a ? fits(a, product->k, product->m) : fits(a, product->m, product->k);
    bool b_fits = product->transpose_b ? fits(b, product->n, product->k) : fits(b, product->k, product->n);
    if (!a_fits || !b_fits || !fits(c, product->m, product->n) || !fits(d, product->m, product->n)) {
        return refuse(CUBLAS_STATUS_INVALID_VALUE, "the matrices' shapes or strides do not fit together");
    }
    product->a = {nullptr, in, a.rows, a.cols, a.stride};
    product->b = {nullptr, in, b.rows, b.cols, b.stride};
    product->c = {nullptr, out, c.rows, c.cols, c.stride};
    product->d = {nullptr, out, d.rows, d.cols, d.stride};
    product->bias_format = out;
    if (operation.bias_type >= 0 &&
        !format_of(static_cast<cudaDataType_t>(operation.bias_type), &product->bias_format)) {
        return refuse(CUBLAS_STATUS_NOT_SUPPORTED, "no such type of bias");
    }
    return CUBLAS_STATUS_SUCCESS;
}

}  // namespace emulated

namespace {

// The widest access, of 16 bytes at most, that this alignment of the first column and this stride allow.
uint8_t widest(uint64_t alignment, const Matrix &matrix) {
    uint64_t stride = static_cast<uint64_t>(matrix.stride) * bytes_of(matrix.format), width = 16;
    while (width > 1 && (alignment % width || stride % width)) width /= 2;
    return static_cast<uint8_t>(width);
}

uint32_t flags_of(Factors factors, Format format) {
    uint64_t factor = CUBLASLT_NUMERICAL_IMPL_FLAGS_INPUT_32F;
    if (factors == Factors::tf32) factor = CUBLASLT_NUMERICAL_IMPL_FLAGS_INPUT_TF32;
    if (format == Format::f16) factor = CUBLASLT_NUMERICAL_IMPL_FLAGS_INPUT_16F;
    if (format == Format::bf16) factor = CUBLASLT_NUMERICAL_IMPL_FLAGS_INPUT_16BF;
    uint64_t unit = factor == CUBLASLT_NUMERICAL_IMPL_FLAGS_INPUT_32F ? CUBLASLT_NUMERICAL_IMPL_FLAGS_FMA
                                                                      : CUBLASLT_NUMERICAL_IMPL_FLAGS_HMMA;
    return static_cast<uint32_t>(unit | factor | CUBLASLT_NUMERICAL_IMPL_FLAGS_ACCUMULATOR_32F);
}

// Long sums of small results are split among multiprocessors, which the real library needs workspace for.
uint64_t workspace_of(const Product &product, const Preference &preference) {
    uint64_t wanted = product.m * product.n * sizeof(float);
    bool split = product.k >= 1024 && (preference.reductions & CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE);
    return split && wanted <= preference.workspace ? wanted : 0;
}

// Whether every value of a matrix of this alignment is at an address that its size divides.
bool naturally_aligned(uint8_t alignment, Format format) { return alignment >= bytes_of(format); }

}  // namespace

API cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t operation_handle,
                                   cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c,
                                   cublasLtMatrixLayout_t d, cublasLtMatmulPreference_t preference_handle, int wanted,
                                   cublasLtMatmulHeuristicResult_t results[], int *found) {
    if (!libraries().find(handle)) return CUBLAS_STATUS_NOT_INITIALIZED;
    Operation *operation = operations().find(operation_handle);
    Preference *preference = preferences().find(preference_handle);
    Layout *of[] = {layouts().find(a), layouts().find(b), layouts().find(c), layouts().find(d)};
    if (!operation || !preference || !of[0] || !of[1] || !of[2] || !of[3] || !results || !found || wanted < 1) {
        return misused(CUBLAS_STATUS_INVALID_VALUE, __func__, "a handle is not one, or no results are wanted");
    }
    *found = 0;
    Product product{};
    const char *why = "";
    cublasStatus_t status = describe(*operation, *of[0], *of[1], *of[2], *of[3], &product, &why);
    if (status != CUBLAS_STATUS_SUCCESS) return misused(status, __func__, "%s", why);

    Factors factors = factors_of(operation->compute, product.a.format);
    Algorithm chosen;
    chosen.mark = Algorithm::sound;
    chosen.compute = operation->compute;
    chosen.transpose_a = operation->transpose_a;
    chosen.transpose_b = operation->transpose_b;
    chosen.type = static_cast<uint16_t>(of[0]->type);
    chosen.type_out = static_cast<uint16_t>(of[3]->type);
    chosen.epilogue = operation->epilogue;
    chosen.alignment_a = widest(preference->alignment_a, product.a);
    chosen.alignment_b = widest(preference->alignment_b, product.b);
    chosen.alignment_c = widest(preference->alignment_c, product.c);
    chosen.alignment_d = widest(preference->alignment_d, product.d);
    chosen.alignment_bias = 1;
    while (chosen.alignment_bias < 16 &&
           reinterpret_cast<uint64_t>(operation->bias) % (chosen.alignment_bias * 2) == 0) {
        chosen.alignment_bias = static_cast<uint8_t>(chosen.alignment_bias * 2);
    }
    chosen.flags = flags_of(factors, product.a.format);
    chosen.workspace = workspace_of(product, *preference);

    bool aligned = naturally_aligned(chosen.alignment_a, product.a.format) &&
                   naturally_aligned(chosen.alignment_b, product.b.format) &&
                   naturally_aligned(chosen.alignment_c, product.c.format) &&
                   naturally_aligned(chosen.alignment_d, product.d.format);
    if (!aligned || (chosen.flags & ~preference->implementations)) return CUBLAS_STATUS_NOT_SUPPORTED;
    results[0] = {};
    memcpy(&results[0].algo, &chosen, sizeof chosen);
    results[0].workspaceSize = chosen.workspace;
    results[0].state = CUBLAS_STATUS_SUCCESS;
    results[0].wavesCount = 1;
    *found = 1;
    return CUBLAS_STATUS_SUCCESS;
}

API cublasLtMatmulAlgoCapGetAttribute(const cublasLtMatmulAlgo_t *algorithm,
                                      cublasLtMatmulAlgoCapAttributes_t attribute, void *value, size_t bytes,
                                      size_t *written) {
    Algorithm chosen = algorithm_of(*algorithm);
    if (chosen.mark != Algorithm::sound) return misused(CUBLAS_STATUS_INVALID_VALUE, __func__, "not an algorithm");
    if (attribute != CUBLASLT_ALGO_CAP_NUMERICAL_IMPL_FLAGS) {
        return misused(CUBLAS_STATUS_NOT_SUPPORTED, __func__, "attribute %d is not emulated", attribute);
    }
    uint64_t flags = chosen.flags;
    if (bytes != sizeof flags) return CUBLAS_STATUS_INVALID_VALUE;
    memcpy(value, &flags, sizeof flags);
    if (written) *written = sizeof flags;
    return CUBLAS_STATUS_SUCCESS;
}
