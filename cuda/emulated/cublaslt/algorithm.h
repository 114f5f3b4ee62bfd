// What the heuristic chooses for a product, and what the choice relies on.
#pragma once

#include "handles.h"
#include "product.h"

namespace emulated {

// In the opaque bytes of cublasLtMatmulAlgo_t.
struct Algorithm {
    static constexpr uint32_t sound = 0x6f6d6c74;

    uint32_t mark = 0;  // sound, if the heuristic has written it
    uint32_t compute = 0;
    int32_t transpose_a = 0, transpose_b = 0;
    uint16_t type = 0, type_out = 0;
    uint32_t epilogue = 0;
    uint8_t alignment_a = 0, alignment_b = 0, alignment_c = 0, alignment_d = 0, alignment_bias = 0;  // bytes
    uint32_t flags = 0;  // CUBLASLT_NUMERICAL_IMPL_FLAGS_*
    uint64_t workspace = 0;
};
static_assert(sizeof(Algorithm) <= sizeof(cublasLtMatmulAlgo_t), "it has to fit in its bytes");

Algorithm algorithm_of(const cublasLtMatmulAlgo_t &opaque);

// Fills in all of a product but addresses and factors. false, and why, if the layouts do not fit together or the
// combination of types is none that cublasLtMatmul's documentation lists.
cublasStatus_t describe(const Operation &operation, const Layout &a, const Layout &b, const Layout &c, const Layout &d,
                        Product *product, const char **why);

// How factors are rounded, by compute type, and by NVIDIA_TF32_OVERRIDE as the real library has it.
Factors factors_of(cublasComputeType_t compute, Format format);

}  // namespace emulated
