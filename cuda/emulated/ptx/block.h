// A block: its warps, their barrier and their shared memory.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "global_memory.h"
#include "program.h"
#include "ptx.h"
#include "shared_memory.h"
#include "warp.h"

namespace ptx {

class Block {
  public:
    Block(const Program &program, const Launch &launch, const Machine &machine);

    // Executes the block of that number, counted x first, from start to end.
    void run(uint64_t number);

    // A special register of a thread.
    unsigned special(const SpecialRegister &which, int thread) const;

    // "(x,y,z)", for messages.
    std::string position() const;

    // A warp comes to the barrier, where it waits for all that are not done.
    void arrive(Warp &warp);

    const Program &program;
    const Launch &launch;
    SharedMemory shared;
    GlobalMemory global;
    Counters counters;

  private:
    void pass_barrier();

    const Machine &machine_;
    uint64_t number_ = 0;
    unsigned position_[3] = {};
    std::vector<std::unique_ptr<Warp>> warps_;
};

}  // namespace ptx
