#include "block.h"

#include <algorithm>

#include "random.h"

namespace ptx {

// Instructions a warp executes on average before another one may, in shuffled order.
constexpr uint64_t mean_turn = 24;

Block::Block(const Program &program_, const Launch &launch_, const Machine &machine)
    : program(program_), launch(launch_),
      shared(program_.static_shared + launch_.dynamic_shared, program_.shared_granule), global(machine),
      machine_(machine) {
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
        if (chosen->done()) {
            shared.leave(chosen->index);
            pass_barrier();
        }
    }
}

unsigned Block::special(const SpecialRegister &s, int thread) const {
    const unsigned *block = launch.block, t = static_cast<unsigned>(thread);
    const unsigned thread_position[] = {t % block[0], t / block[0] % block[1], t / block[0] / block[1]};
    switch (s.which) {
    case Special::tid:
        return thread_position[s.axis];
    case Special::ntid:
        return block[s.axis];
    case Special::ctaid:
        return position_[s.axis];
    case Special::nctaid:
        return launch.grid[s.axis];
    case Special::laneid:
        return t % lanes;
    }
    return 0;
}

std::string Block::position() const {
    return "(" + std::to_string(position_[0]) + "," + std::to_string(position_[1]) + "," +
           std::to_string(position_[2]) + ")";
}

void Block::arrive(Warp &warp) {
    warp.waiting = true;
    pass_barrier();
}

void Block::pass_barrier() {
    if (!std::all_of(warps_.begin(), warps_.end(), [](auto &w) { return w->done() || w->waiting; })) return;
    shared.synchronise_block();
    for (auto &w : warps_) w->waiting = false;
}

}  // namespace ptx
