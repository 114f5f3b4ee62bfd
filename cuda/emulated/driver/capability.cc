#include "capability.h"

namespace emulated {

namespace {

constexpr Capability capabilities[] = {
    {80, "Emulated A100", 108, 2048, 32, 164, 163, 40, 1410, 1593, 5120},
    {86, "Emulated A10", 72, 1536, 16, 100, 99, 6, 1695, 6251, 384},
    {89, "Emulated L4", 58, 1536, 24, 100, 99, 48, 2040, 6251, 192},
    {90, "Emulated H100", 132, 2048, 32, 228, 227, 50, 1980, 2619, 5120},
    {100, "Emulated B200", 148, 2048, 32, 228, 227, 126, 1965, 3996, 8192},
    {120, "Emulated RTX 5090", 170, 1536, 24, 100, 99, 96, 2407, 14001, 512},
};

}  // namespace

const Capability *capability(int number) {
    for (const Capability &c : capabilities) {
        if (c.number == number) return &c;
    }
    return nullptr;
}

}  // namespace emulated
