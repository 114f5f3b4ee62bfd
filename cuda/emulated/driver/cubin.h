// What a cubin says of its kernels. A cubin is an ELF file; the sections' contents are not published, the numbers are
// those that cuobjdump -elf names.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace emulated {

struct Entry {
    struct Parameter {
        int offset, size;
    };
    std::string name;
    int registers = 0;      // of each thread
    int static_shared = 0;  // bytes
    int local = 0;          // bytes of each thread's stack
    int max_threads = 0;    // __launch_bounds__; 0 if not given
    std::vector<Parameter> parameters;
};

// Throws std::runtime_error on what is not a cubin.
std::vector<Entry> entries(std::string_view cubin, int architecture);

}  // namespace emulated
