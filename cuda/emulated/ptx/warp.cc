#include "warp.h"

#include <algorithm>
#include <cstring>

#include "block.h"

namespace ptx {

namespace {

// Register places are aligned to a cache line, which is the widest vector register as well.
constexpr size_t alignment = 64;

}  // namespace

std::string hex(Mask mask) {
    char text[9];
    std::snprintf(text, sizeof text, "%08x", mask);
    return text;
}

Warp::Warp(Block &block_, int index_, Mask exists_)
    : block(block_), index(index_), exists(exists_), program_(block_.program),
      storage_((block_.program.register_bytes + alignment) / sizeof(uint64_t) + 1) {
    uintptr_t start_of_storage = reinterpret_cast<uintptr_t>(storage_.data());
    registers_ = reinterpret_cast<unsigned char *>((start_of_storage + alignment - 1) / alignment * alignment);
}

void Warp::start() {
    std::copy_n(program_.registers.data(), program_.registers.size(), reinterpret_cast<uint64_t *>(registers_));
    for (const SpecialRegister &s : program_.specials) {
        for (int lane = 0; lane < lanes; lane++) {
            uint64_t value = block.special(s, index * lanes + lane);
            std::memcpy(registers_ + s.place + lane * s.bytes, &value, s.bytes);
        }
    }
    for (int lane = 0; lane < lanes; lane++) {
        open[lane].clear();
        groups[lane].clear();
        pcs_[lane] = 0;
    }
    live_ = exists;
    parked_ = 0;
    waiting = false;
}

void Warp::run(uint64_t turn) {
    while (turn && live_ && !waiting && choose_group()) run_group(&turn);
}

bool Warp::choose_group() {
    Mask ready = live_ & ~parked_;
    if (!ready) {
        const Instruction &in = program_.code[pcs_[__builtin_ctz(parked_)]];
        fail(in,
             "lanes " + hex(parked_) + " of " + hex(live_) + " wait for lanes that never come here: divergent code");
    }
    pc_ = ~uint32_t{0};
    for_active(ready, [&](int lane) { pc_ = std::min(pc_, pcs_[lane]); });
    group_ = lanes_where([&](int lane) { return pcs_[lane] == pc_; }) & ready;
    limit_ = ~uint32_t{0};
    for_active(ready & ~group_, [&](int lane) { limit_ = std::min(limit_, pcs_[lane]); });
    return true;
}

// Lanes run from the smallest program counter up, so that those that took different branches meet where the branches
// join: nvcc places the join behind them, mostly, and where it does not only time is lost.
void Warp::run_group(uint64_t *turn) {
    Counters &counters = block.counters;
    const Instruction *code = program_.code.data();
    bool together = true;
    while (together && pc_ < limit_ && *turn) {
        const Instruction &in = code[pc_];
        --*turn;
        counters.instructions++;
        Mask active = group_;
        if (in.guard != no_register) active &= in.guard_negated ? ~predicate(in.guard) : predicate(in.guard);
        switch (in.flow) {
        case Flow::next:
            if (active) {
                counters.fma_flops += static_cast<uint64_t>(in.flops) * population(active);
                in.execute(*this, in, active);
            }
            pc_++;
            break;
        case Flow::branch:
            together = branch(in, active);
            break;
        case Flow::leave:
            together = leave(active);
            break;
        case Flow::gather:
        case Flow::aligned:
        case Flow::barrier:
            together = meet(in, active);
            break;
        }
    }
    if (together) set_pc(group_, pc_);
}

void Warp::set_pc(Mask which, uint32_t pc) {
    for_active(which, [&](int lane) { pcs_[lane] = pc; });
}

bool Warp::branch(const Instruction &in, Mask active) {
    if (active == group_ || active == 0) {
        pc_ = active ? in.target : pc_ + 1;
        return true;
    }
    set_pc(active, in.target);
    set_pc(group_ & ~active, pc_ + 1);
    return false;
}

bool Warp::leave(Mask active) {
    live_ &= ~active;
    if (active) parked_ = 0;  // those that waited for these lanes look again
    set_pc(group_ & ~active, pc_ + 1);
    return false;
}

// Lanes come to an instruction that they execute with others of the warp. Those of the group that have to wait are
// parked; the last to come takes them along.
bool Warp::meet(const Instruction &in, Mask active) {
    if (active == group_ && active == exists && !parked_ && in.flow != Flow::barrier && all_members(in)) {
        in.execute(*this, in, active);
        pc_++;
        return true;
    }
    Mask parked_here = parked_ & lanes_where([&](int lane) { return pcs_[lane] == pc_; });
    Mask arrived = active | parked_here;
    set_pc(group_, pc_ + 1);
    set_pc(arrived, pc_);
    parked_ |= arrived;
    if (in.flow != Flow::gather) {
        if (arrived && live_ != exists) {
            fail(in, "only lanes " + hex(live_) + " of " + hex(exists) + " are left, and all have to execute it");
        }
        meet_members(in, arrived, exists);
        return false;
    }
    Lanes<uint32_t> members = values<uint32_t>(in.r[member_mask]);
    for (Mask rest = arrived; rest;) {
        uint32_t mask = members[__builtin_ctz(rest)];
        Mask same = rest & lanes_where([&](int lane) { return members[lane] == mask; });
        if (same & ~mask) fail(in, "executed by lanes " + hex(same) + ", which are not all in the mask " + hex(mask));
        meet_members(in, same, mask & live_);
        rest &= ~same;
    }
    return false;
}

bool Warp::all_members(const Instruction &in) {
    if (in.flow != Flow::gather) return true;
    Lanes<uint32_t> members = values<uint32_t>(in.r[member_mask]);
    return lanes_where([&](int lane) { return (members[lane] & exists) == exists; }) == all_lanes;
}

void Warp::meet_members(const Instruction &in, Mask arrived, Mask required) {
    if (!arrived || arrived != required) return;
    parked_ &= ~arrived;
    set_pc(arrived, pc_ + 1);
    in.execute(*this, in, arrived);
}

void Warp::fail(const Instruction &in, const std::string &why) const {
    size_t at = &in - program_.code.data();
    throw Error(program_.name + ": block " + block.position() + ", warp " + std::to_string(index) + ": ptx line " +
                std::to_string(in.line) + " (" + program_.mnemonics[at] + "): " + why);
}

}  // namespace ptx
