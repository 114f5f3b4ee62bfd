// cublasLtMatmul: what is checked during the call, and what is executed in the stream.
//
// In the trace (driver/trace.h) a product is
//   "kind":"product","name":"bf16","m":768,"n":50,"k":3072,"bias":true,"residual":false,"loaded":B,"stored":B,"flops":F
// with each operand's bytes counted once.
#include <cstdio>
#include <cstring>
#include <stdexcept>

#include "../driver/library_kernel.h"
#include "algorithm.h"

using namespace emulated;

namespace {

struct Workspace {
    void *at;
    uint64_t bytes;
};

uint64_t address(const void *at) { return reinterpret_cast<uint64_t>(at); }

void require(bool holds, const char *what, const void *at, uint64_t bytes) {
    if (holds) return;
    char text[200];
    snprintf(text, sizeof text, "%s, %llu bytes at %p, is not within one allocation", what,
             static_cast<unsigned long long>(bytes), at);
    throw std::runtime_error(text);
}

bool overlap(const Matrix &x, const Matrix &y) {
    return address(x.at) < address(y.at) + y.bytes() && address(y.at) < address(x.at) + x.bytes();
}

// Whether two matrices share memory in another way than as columns side by side, of one matrix.
bool disturb(const Matrix &x, const Matrix &y) {
    if (!overlap(x, y)) return false;
    if (x.stride != y.stride || x.format != y.format) return true;
    auto size = static_cast<int64_t>(bytes_of(x.format));
    int64_t pitch = x.stride * size;
    int64_t shift = ((static_cast<int64_t>(address(y.at) - address(x.at)) % pitch) + pitch) % pitch;
    return shift < static_cast<int64_t>(x.rows) * size || shift + static_cast<int64_t>(y.rows) * size > pitch;
}

std::string execute(const Product &product, const Workspace &workspace, const LibraryKernel::Holds &holds) {
    auto check = [&](const char *what, const Matrix &matrix) {
        require(holds(address(matrix.at), matrix.bytes()), what, matrix.at, matrix.bytes());
    };
    check("A", product.a);
    check("B", product.b);
    check("D", product.d);
    if (product.beta != 0) check("C", product.c);
    uint64_t bias_bytes = product.bias ? product.m * bytes_of(product.bias_format) : 0;
    if (product.bias) require(holds(address(product.bias), bias_bytes), "the bias", product.bias, bias_bytes);
    if (workspace.bytes) {
        require(holds(address(workspace.at), workspace.bytes), "the workspace", workspace.at, workspace.bytes);
        memset(workspace.at, 0xff, workspace.bytes);  // it is the library's while the product runs
    }
    multiply(product);

    uint64_t size = bytes_of(product.a.format), out = product.m * product.n * bytes_of(product.d.format);
    uint64_t loaded = (product.m + product.n) * product.k * size + bias_bytes + (product.beta != 0 ? out : 0);
    char fields[300];
    snprintf(fields, sizeof fields,
             "\"kind\":\"product\",\"name\":\"%s\",\"m\":%llu,\"n\":%llu,\"k\":%llu,\"bias\":%s,\"residual\":%s,"
             "\"loaded\":%llu,\"stored\":%llu,\"flops\":%llu",
             name_of(product.a.format), static_cast<unsigned long long>(product.m),
             static_cast<unsigned long long>(product.n), static_cast<unsigned long long>(product.k),
             product.bias ? "true" : "false", product.beta != 0 ? "true" : "false",
             static_cast<unsigned long long>(loaded), static_cast<unsigned long long>(out),
             static_cast<unsigned long long>(2 * product.m * product.n * product.k));
    return fields;
}

bool same(const Algorithm &algorithm, const Operation &operation, const Layout &a, const Layout &d) {
    return algorithm.mark == Algorithm::sound && algorithm.compute == static_cast<uint32_t>(operation.compute) &&
           algorithm.transpose_a == operation.transpose_a && algorithm.transpose_b == operation.transpose_b &&
           algorithm.epilogue == operation.epilogue && algorithm.type == a.type && algorithm.type_out == d.type;
}

// Whether all operands are as aligned as the algorithm was chosen for.
bool aligned(const Algorithm &algorithm, const Product &product) {
    auto is = [](const void *at, uint8_t to) { return address(at) % to == 0; };
    return is(product.a.at, algorithm.alignment_a) && is(product.b.at, algorithm.alignment_b) &&
           is(product.d.at, algorithm.alignment_d) && (product.beta == 0 || is(product.c.at, algorithm.alignment_c)) &&
           (!product.bias || is(product.bias, algorithm.alignment_bias));
}

}  // namespace

API cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t operation_handle, const void *alpha, const void *a,
                   cublasLtMatrixLayout_t a_layout, const void *b, cublasLtMatrixLayout_t b_layout, const void *beta,
                   const void *c, cublasLtMatrixLayout_t c_layout, void *d, cublasLtMatrixLayout_t d_layout,
                   const cublasLtMatmulAlgo_t *opaque, void *workspace, size_t workspace_bytes, cudaStream_t stream) {
    Library *library = libraries().find(handle);
    if (!library) return CUBLAS_STATUS_NOT_INITIALIZED;
    CUcontext current = nullptr;
    if (cuCtxGetCurrent(&current) != CUDA_SUCCESS || current != library->context) {
        return misused(CUBLAS_STATUS_INVALID_VALUE, __func__, "the handle is of another context than the current");
    }
    Operation *operation = operations().find(operation_handle);
    Layout *of[] = {layouts().find(a_layout), layouts().find(b_layout), layouts().find(c_layout),
                    layouts().find(d_layout)};
    if (!operation || !of[0] || !of[1] || !of[2] || !of[3] || !alpha || !beta || !a || !b || !d) {
        return misused(CUBLAS_STATUS_INVALID_VALUE, __func__, "a handle is not one, or an operand is missing");
    }
    if (c == d && c_layout != d_layout) {
        return misused(CUBLAS_STATUS_INVALID_VALUE, __func__, "C == D, but Cdesc != Ddesc");
    }
    if (!opaque) return misused(CUBLAS_STATUS_NOT_SUPPORTED, __func__, "without an algorithm it is not emulated");
    Product product{};
    const char *why = "";
    cublasStatus_t status = describe(*operation, *of[0], *of[1], *of[2], *of[3], &product, &why);
    if (status != CUBLAS_STATUS_SUCCESS) return misused(status, __func__, "%s", why);

    product.a.at = const_cast<void *>(a);
    product.b.at = const_cast<void *>(b);
    product.c.at = const_cast<void *>(c);
    product.d.at = d;
    product.alpha = *static_cast<const float *>(alpha);
    product.beta = *static_cast<const float *>(beta);
    product.factors = factors_of(operation->compute, product.a.format);
    if (operation->epilogue & CUBLASLT_EPILOGUE_BIAS) product.bias = operation->bias;

    Algorithm algorithm = algorithm_of(*opaque);
    if (!same(algorithm, *operation, *of[0], *of[3])) {
        return misused(CUBLAS_STATUS_NOT_SUPPORTED, __func__, "the algorithm was chosen for another product");
    }
    if (!aligned(algorithm, product)) {
        return misused(CUBLAS_STATUS_NOT_SUPPORTED, __func__, "an operand is less aligned than the algorithm expects");
    }
    if (algorithm.workspace > workspace_bytes || (algorithm.workspace && address(workspace) % 16)) {
        return misused(CUBLAS_STATUS_INVALID_VALUE, __func__, "the algorithm needs %llu bytes of aligned workspace",
                       static_cast<unsigned long long>(algorithm.workspace));
    }
    if ((operation->epilogue & CUBLASLT_EPILOGUE_BIAS) && !product.bias) {
        return misused(CUBLAS_STATUS_INVALID_VALUE, __func__, "the epilogue needs a bias");
    }
    if (product.beta != 0 && !c) return misused(CUBLAS_STATUS_INVALID_VALUE, __func__, "beta needs C");
    bool in_place = product.c.at == product.d.at && product.c.stride == product.d.stride;
    if (disturb(product.d, product.a) || disturb(product.d, product.b) ||
        (product.beta != 0 && !in_place && disturb(product.d, product.c))) {
        return misused(CUBLAS_STATUS_INVALID_VALUE, __func__, "D overlaps with an operand");
    }
    Workspace scratch{workspace, algorithm.workspace};
    LibraryKernel kernel{__func__, [=](const LibraryKernel::Holds &holds) { return execute(product, scratch, holds); },
                         address(d)};
    return vbge_emulated_launch(reinterpret_cast<CUstream>(stream), kernel) == CUDA_SUCCESS
               ? CUBLAS_STATUS_SUCCESS
               : CUBLAS_STATUS_EXECUTION_FAILED;
}
