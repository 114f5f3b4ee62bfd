// What a launch may ask for, from the kernel's cubin and the device's compute capability.
#pragma once

#include <string>

#include <cuda.h>

#include "capability.h"
#include "cubin.h"

namespace emulated {

struct Shape {
    unsigned grid[3], block[3];
    unsigned dynamic_shared;  // bytes
};

// CUDA_SUCCESS, or the code that the real driver returns and why. shared_limit: of the dynamic shared memory.
CUresult check(const Entry &entry, const Capability &device, const Shape &shape, int shared_limit, std::string *why);

// The most threads that a block of this kernel may have.
int max_threads(const Entry &entry);

// How many blocks a multiprocessor holds at once: the least of what threads, blocks, registers and shared memory allow.
int resident_blocks(const Entry &entry, const Capability &device, int threads, size_t dynamic_shared);

}  // namespace emulated
