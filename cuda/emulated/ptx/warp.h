// A warp: 32 lanes that share an instruction stream as far as they agree on it.
#pragma once

#include <string>
#include <vector>

#include "lanes.h"
#include "program.h"
#include "ptx.h"

namespace ptx {

class Block;

// An asynchronous copy that a lane has started: it happens when the lane waits for its group.
struct AsyncCopy {
    uint32_t to;     // shared memory
    uint64_t from;   // global memory
    uint8_t bytes;   // written
    uint8_t source;  // of them copied; the rest are zeros
};

class Warp {
  public:
    Warp(Block &block, int index, Mask exists);

    // Puts every lane before the first instruction of the block's program.
    void start();

    // Executes at most turn instructions, and ends early where the warp has to wait or has left.
    void run(uint64_t turn);

    bool done() const { return live_ == 0; }

    // The lanes' values of a register, and a predicate's lanes.
    template <typename T> Lanes<T> values(uint32_t place) { return reinterpret_cast<Lanes<T>>(registers_ + place); }
    Mask predicate(uint32_t place) const { return *reinterpret_cast<Aliased<Mask>::type *>(registers_ + place); }
    void set_predicate(uint32_t place, Mask active, Mask value) {
        auto &p = *reinterpret_cast<Aliased<Mask>::type *>(registers_ + place);
        p = (p & ~active) | (value & active);
    }

    // Where an operand in brackets points.
    uint64_t address(const Address &a, int lane) {
        uint64_t base = a.bytes == 4 ? values<uint32_t>(a.place)[lane] : values<uint64_t>(a.place)[lane];
        return base + static_cast<uint64_t>(a.displacement);
    }

    [[noreturn]] void fail(const Instruction &in, const std::string &why) const;

    Block &block;
    const int index;       // within the block
    const Mask exists;     // the block's last warp may have fewer than 32 lanes
    bool waiting = false;  // at a barrier; the block says when it may go on

    std::vector<AsyncCopy> open[lanes];                 // copies not yet committed
    std::vector<std::vector<AsyncCopy>> groups[lanes];  // committed groups, oldest first

  private:
    // The lanes that stand at pc_, the smallest among those that can run, and how far they may run on their own.
    bool choose_group();
    void run_group(uint64_t *turn);
    // These say whether the group stays together.
    bool branch(const Instruction &in, Mask active);
    bool leave(Mask active);
    bool meet(const Instruction &in, Mask active);
    bool all_members(const Instruction &in);
    void meet_members(const Instruction &in, Mask arrived, Mask required);
    void set_pc(Mask which, uint32_t pc);

    const Program &program_;
    std::vector<uint64_t> storage_;
    unsigned char *registers_;

    Mask live_ = 0;
    Mask parked_ = 0;  // lanes that wait for others of the warp, at their pcs_
    uint32_t pcs_[lanes] = {};

    Mask group_ = 0;
    uint32_t pc_ = 0, limit_ = 0;
};

// "ffff0000", as masks are written in messages.
std::string hex(Mask mask);

}  // namespace ptx
