// What the opaque handles of cublasLt.h point to.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <set>

#include <cublasLt.h>
#include <cuda.h>

#include "numbers.h"

namespace emulated {

struct Library {
    CUcontext context;  // that was current when it was created
};

struct Operation {
    cublasComputeType_t compute = CUBLAS_COMPUTE_32F;
    cudaDataType_t scale = CUDA_R_32F;
    int32_t transpose_a = CUBLAS_OP_N, transpose_b = CUBLAS_OP_N;
    uint32_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
    const void *bias = nullptr;
    int32_t bias_type = -1;  // D's
};

struct Layout {
    cudaDataType_t type;
    uint64_t rows, cols;
    int64_t stride;  // of columns, in values
};

struct Preference {
    uint64_t workspace = 0;
    uint32_t reductions = CUBLASLT_REDUCTION_SCHEME_MASK;
    uint32_t alignment_a = 256, alignment_b = 256, alignment_c = 256, alignment_d = 256;
    uint64_t implementations = ~uint64_t(0);
};

// The live handles of one kind: a stale one is recognised instead of followed.
template <typename T> class Handles {
  public:
    T *add(T value) {
        std::lock_guard<std::mutex> lock(lock_);
        return *live_.insert(new T(value)).first;
    }

    bool remove(const void *handle) {
        std::lock_guard<std::mutex> lock(lock_);
        auto found = live_.find(static_cast<T *>(const_cast<void *>(handle)));
        if (found == live_.end()) return false;
        delete *found;
        live_.erase(found);
        return true;
    }

    // nullptr if the handle is not one of these.
    T *find(const void *handle) {
        std::lock_guard<std::mutex> lock(lock_);
        auto found = live_.find(static_cast<T *>(const_cast<void *>(handle)));
        return found == live_.end() ? nullptr : *found;
    }

  private:
    std::mutex lock_;
    std::set<T *> live_;
};

Handles<Library> &libraries();
Handles<Operation> &operations();
Handles<Layout> &layouts();
Handles<Preference> &preferences();

// false if products of this type are not emulated.
bool format_of(cudaDataType_t type, Format *format);

// Says on stderr what the caller did wrong, and returns the status.
cublasStatus_t misused(cublasStatus_t status, const char *call, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

}  // namespace emulated

// The prototypes are cublasLt.h's: the compiler refuses a definition that differs.
#define API extern "C" __attribute__((visibility("default"))) cublasStatus_t CUBLASWINAPI
