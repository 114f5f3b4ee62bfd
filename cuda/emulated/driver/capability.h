// What a GPU of a given compute capability is like: limits from the CUDA programming guide's table of compute
// capabilities, sizes and clocks from the data sheet of one card that has it.
#pragma once

#include <cstddef>

namespace emulated {

struct Capability {
    int number;  // ten times the compute capability
    const char *name;
    int multiprocessors;
    int threads_per_multiprocessor, blocks_per_multiprocessor;
    int shared_per_multiprocessor;  // KB
    int shared_opt_in;              // KB a block may have after cuFuncSetAttribute
    int l2;                         // MB
    int clock, memory_clock;        // MHz
    int bus;                        // bits
};

// nullptr if it is not one of those that kernels are compiled for.
const Capability *capability(int number);

constexpr int registers_per_multiprocessor = 65536;  // and per block
constexpr int shared_per_block = 48 << 10;           // bytes, without opting in
constexpr int shared_reserved = 1 << 10;             // bytes of each block that the system takes
constexpr int threads_per_block = 1024;
constexpr int warp_size = 32;

}  // namespace emulated
