// Global memory as a launch sees it: the process's own, but only where the driver says there is an allocation.
#pragma once

#include <cstdint>

#include "program.h"
#include "ptx.h"

namespace ptx {

class Warp;

// One for each thread of a launch: it remembers the allocations found last. They cannot change during a launch.
class GlobalMemory {
  public:
    explicit GlobalMemory(const Machine &machine) : machine_(machine) {}

    // The memory at [address, address + bytes). Throws Error unless all of it is within one allocation and the address
    // a multiple of align.
    unsigned char *at(const Warp &warp, const Instruction &in, uint64_t address, uint64_t bytes, uint32_t align);

    // Whether [from, to) is within one allocation.
    bool contains(uint64_t from, uint64_t to);

  private:
    struct Range {
        uint64_t from = 0, to = 0;
    };
    bool find(uint64_t address, Range *range) const;

    const Machine &machine_;
    Range recent_[4];
    unsigned turn_ = 0;
};

}  // namespace ptx
