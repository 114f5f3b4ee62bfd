// A block: its warps, their barriers and their shared memory.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "global_memory.h"
#include "program.h"
#include "ptx.h"
#include "shared_memory.h"
#include "warp.h"

namespace ptx {

// What bar.red computes over the threads of a barrier.
enum class Reduction : uint8_t { none, count, all, any };

class Block {
  public:
    Block(const Program &program, const Launch &launch, const Machine &machine, std::mutex &atomics);

    // Executes the block of that number, counted x first, from start to end.
    void run(uint64_t number);

    // A special register of a thread.
    uint64_t special(Special which, int thread) const;

    // "(x,y,z)", for messages.
    std::string position() const;

    // A warp comes to barrier id; it is told to wait unless it is the last or only arrives. threads is 0 for all of the
    // block. result is where a reduction goes, over the predicate of the active lanes.
    struct Arrival {
        unsigned id = 0, threads = 0;
        bool waits = true;
        Reduction reduction = Reduction::none;
        Mask predicate = 0;
        uint32_t result = no_register;
    };
    void arrive(Warp &warp, const Instruction &in, const Arrival &arrival);

    const Program &program;
    const Launch &launch;
    SharedMemory shared;
    GlobalMemory global;
    Counters counters;
    std::mutex &atomics;  // held during an atomic operation on global memory

  private:
    struct Barrier {
        unsigned expected = 0, threads = 0;  // how many have to come, how many have
        uint32_t warps = 0, waiting = 0;
        Clock clock;
        unsigned passed = 0;  // threads whose predicate held
        Reduction reduction = Reduction::none;
        uint32_t result = no_register;
    };
    static constexpr unsigned barriers = 16;

    unsigned live_threads() const;
    void complete(Barrier &barrier);
    void complete_ready();
    [[noreturn]] void fail_deadlock() const;

    const Machine &machine_;
    uint64_t number_ = 0;
    unsigned position_[3] = {};
    Barrier barriers_[barriers];
    std::vector<std::unique_ptr<Warp>> warps_;
};

}  // namespace ptx
