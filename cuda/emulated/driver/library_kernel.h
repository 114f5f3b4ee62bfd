// How an emulated library (cublaslt/) launches a kernel that is written in C++ instead of PTX: it is queued, captured,
// counted, broken on demand and traced like any other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include <cuda.h>

namespace emulated {

struct LibraryKernel {
    // Whether all of these bytes are in one device allocation.
    using Holds = std::function<bool(uint64_t address, size_t bytes)>;

    std::string name;  // for messages
    // Executes it and returns the trace's fields. What a kernel would be stopped for it throws as std::runtime_error.
    std::function<std::string(const Holds &)> run;
    uint64_t result;  // an address that it writes to
};

}  // namespace emulated

extern "C" CUresult vbge_emulated_launch(CUstream stream, const emulated::LibraryKernel &kernel);
