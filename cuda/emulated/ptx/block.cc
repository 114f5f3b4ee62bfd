#include "block.h"

#include <algorithm>

#include "random.h"

namespace ptx {

// Instructions a warp executes on average before another one may, in shuffled order.
constexpr uint64_t mean_turn = 24;

Block::Block(const Program &program_, const Launch &launch_, const Machine &machine, std::mutex &atomics_)
    : program(program_), launch(launch_),
      shared(program_.static_shared + launch_.dynamic_shared, program_.shared_granule), global(program_, machine),
      atomics(atomics_), machine_(machine) {
    unsigned threads = launch.block[0] * launch.block[1] * launch.block[2];
    for (unsigned from = 0; from < threads; from += lanes) {
        Mask exists = threads - from >= lanes ? all_lanes : (Mask{1} << (threads - from)) - 1;
        warps_.push_back(std::make_unique<Warp>(*this, static_cast<int>(from / lanes), exists));
    }
}

void Block::run(uint64_t number) {
    number_ = number;
    position_[0] = static_cast<unsigned>(number % launch.grid[0]);
    position_[1] = static_cast<unsigned>(number / launch.grid[0] % launch.grid[1]);
    position_[2] = static_cast<unsigned>(number / launch.grid[0] / launch.grid[1]);
    shared.start();
    for (Barrier &b : barriers_) b = Barrier();
    for (auto &w : warps_) w->start();

    // Without a seed each warp runs as far as it can, in order; with one, any that can run does so for a few
    // instructions.
    Random random(machine_.seed * 0x9e3779b97f4a7c15 + number);
    uint64_t begin = counters.instructions;
    std::vector<Warp *> ready;
    for (;;) {
        ready.clear();
        for (auto &w : warps_) {
            if (!w->done() && !w->waiting) ready.push_back(w.get());
        }
        if (ready.empty()) break;
        bool shuffled = machine_.seed != 0;
        Warp *chosen = shuffled ? ready[random.below(ready.size())] : ready[0];
        uint64_t left =
            machine_.instruction_limit - std::min(machine_.instruction_limit, counters.instructions - begin);
        if (left == 0) {
            throw Error(program.name + ": block " + position() + " has executed " +
                        std::to_string(machine_.instruction_limit) + " instructions without an end");
        }
        chosen->run(shuffled ? std::min<uint64_t>(left, 1 + random.below(2 * mean_turn)) : left);
        if (chosen->done()) complete_ready();
    }
    if (std::any_of(warps_.begin(), warps_.end(), [](auto &w) { return !w->done(); })) fail_deadlock();
}

uint64_t Block::special(Special which, int thread) const {
    const unsigned *block = launch.block, *grid = launch.grid;
    const unsigned t = static_cast<unsigned>(thread), lane = t % lanes;
    switch (which) {
    case Special::tid_x:
        return t % block[0];
    case Special::tid_y:
        return t / block[0] % block[1];
    case Special::tid_z:
        return t / block[0] / block[1];
    case Special::ntid_x:
        return block[0];
    case Special::ntid_y:
        return block[1];
    case Special::ntid_z:
        return block[2];
    case Special::ctaid_x:
        return position_[0];
    case Special::ctaid_y:
        return position_[1];
    case Special::ctaid_z:
        return position_[2];
    case Special::nctaid_x:
        return grid[0];
    case Special::nctaid_y:
        return grid[1];
    case Special::nctaid_z:
        return grid[2];
    case Special::laneid:
        return lane;
    case Special::warpid:
        return t / lanes;
    case Special::nwarpid:
        return warps_.size();
    case Special::lanemask_eq:
        return Mask{1} << lane;
    case Special::lanemask_lt:
        return (Mask{1} << lane) - 1;
    case Special::lanemask_le:
        return (Mask{2} << lane) - 1;
    case Special::lanemask_gt:
        return ~((Mask{2} << lane) - 1);
    case Special::lanemask_ge:
        return ~((Mask{1} << lane) - 1);
    case Special::dynamic_shared:
        return launch.dynamic_shared;
    case Special::total_shared:
        return program.static_shared + launch.dynamic_shared;
    }
    return 0;
}

std::string Block::position() const {
    return "(" + std::to_string(position_[0]) + "," + std::to_string(position_[1]) + "," +
           std::to_string(position_[2]) + ")";
}

void Block::arrive(Warp &warp, const Instruction &in, const Arrival &a) {
    if (a.id >= barriers) warp.fail(in, "there is no barrier " + std::to_string(a.id));
    if (a.threads % lanes) warp.fail(in, "a barrier for " + std::to_string(a.threads) + " threads, not whole warps");
    Barrier &b = barriers_[a.id];
    if (b.warps >> warp.index & 1) warp.fail(in, "the warp is at this barrier already");
    if (b.warps && (b.expected != a.threads || b.reduction != a.reduction)) {
        warp.fail(in, "barrier " + std::to_string(a.id) + " is in use with another number of threads or operation");
    }
    b.expected = a.threads;
    b.reduction = a.reduction;
    b.result = a.result;
    b.threads += lanes;  // barriers count in whole warps, even of the last one
    b.passed += static_cast<unsigned>(population(a.predicate));
    b.warps |= uint32_t{1} << warp.index;
    if (a.waits) b.waiting |= uint32_t{1} << warp.index;
    shared.arrive(warp.index, &b.clock);
    warp.waiting = a.waits;
    complete_ready();
}

unsigned Block::live_threads() const {
    unsigned n = 0;
    for (auto &w : warps_) n += w->done() ? 0 : lanes;
    return n;
}

void Block::complete_ready() {
    for (Barrier &b : barriers_) {
        if (b.warps && b.threads >= (b.expected ? b.expected : live_threads())) complete(b);
    }
}

void Block::complete(Barrier &b) {
    unsigned threads = 0;
    for_active(b.warps, [&](int w) { threads += static_cast<unsigned>(population(warps_[w]->exists)); });
    for_active(b.waiting, [&](int i) {
        Warp &w = *warps_[i];
        shared.leave(i, b.clock);
        w.waiting = false;
        switch (b.reduction) {
        case Reduction::none:
            break;
        case Reduction::count:
            each(w.exists, w.values<uint32_t>(b.result), [&](int) { return b.passed; });
            break;
        case Reduction::all:
            w.predicate(b.result) = b.passed == threads ? all_lanes : 0;
            break;
        case Reduction::any:
            w.predicate(b.result) = b.passed ? all_lanes : 0;
            break;
        }
    });
    b = Barrier();
}

void Block::fail_deadlock() const {
    std::string told;
    for (unsigned id = 0; id < barriers; id++) {
        if (barriers_[id].warps)
            told += " warps " + hex(barriers_[id].warps) + " at barrier " + std::to_string(id) + ";";
    }
    throw Error(program.name + ": block " + position() + ": deadlock:" + told + " the others never come");
}

}  // namespace ptx
