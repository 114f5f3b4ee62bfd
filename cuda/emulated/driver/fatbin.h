// The container that nvcc --fatbin writes: one cubin for each architecture, and PTX.
//
// The format is not published; offsets are those of CUDA 13.0's fatbinary as cuobjdump shows them.
#pragma once

#include <string_view>
#include <vector>

namespace emulated {

struct Image {
    enum Kind { ptx = 1, cubin = 2 };
    Kind kind;
    int architecture;  // ten times the compute capability
    bool compressed;
    std::string_view bytes;
};

bool is_fatbin(const void *at);

// Throws std::runtime_error. The images point into the fatbin.
std::vector<Image> images(const void *fatbin);

// The cubin that the driver would pick for a capability: same major, the highest minor that is not above; nullptr if
// there is none.
const Image *cubin_for(const std::vector<Image> &images, int capability);

// The PTX of the highest architecture that is not above the capability.
const Image *ptx_for(const std::vector<Image> &images, int capability);

}  // namespace emulated
