// run: the blocks of a launch, shared among threads.
#include <atomic>
#include <mutex>
#include <numeric>
#include <optional>
#include <system_error>
#include <thread>

#include "block.h"
#include "ptx.h"
#include "random.h"

namespace ptx {

namespace {

constexpr uint64_t max_blocks = uint64_t{1} << 32;
constexpr unsigned max_block_threads = max_warps * lanes;

uint64_t volume(const unsigned size[3]) { return uint64_t{size[0]} * size[1] * size[2]; }

void check(const Kernel &kernel, const Launch &launch) {
    uint64_t threads = volume(launch.block), blocks = volume(launch.grid);
    uint64_t limit = kernel.max_threads ? static_cast<uint64_t>(kernel.max_threads) : max_block_threads;
    if (threads == 0 || threads > limit) {
        throw Error(kernel.name + ": launched with " + std::to_string(threads) + " threads a block; the limit is " +
                    std::to_string(limit));
    }
    if (blocks == 0 || blocks > max_blocks)
        throw Error(kernel.name + ": launched with " + std::to_string(blocks) + " blocks");
    if (kernel.parameter_bytes && !launch.parameters) throw Error(kernel.name + ": launched without parameters");
}

// The blocks in the order in which threads take them: shuffled if there is a seed.
class Order {
  public:
    Order(uint64_t blocks, uint64_t seed) : blocks_(blocks) {
        if (seed == 0 || blocks == 1) return;
        // number -> number * step + offset (mod blocks) visits every block if step and blocks have no common divisor.
        Random random(seed);
        offset_ = random.below(blocks);
        do step_ = 1 + random.below(blocks - 1);
        while (std::gcd(step_, blocks) != 1);
    }

    // Block i, from 0; false behind the last.
    bool take(uint64_t *block) {
        uint64_t i = next_++;
        if (i >= blocks_) return false;
        *block = static_cast<uint64_t>((static_cast<unsigned __int128>(i) * step_ + offset_) % blocks_);
        return true;
    }

    void stop() { next_ = blocks_; }

  private:
    uint64_t blocks_, step_ = 1, offset_ = 0;
    std::atomic<uint64_t> next_{0};
};

}  // namespace

Counters &Counters::operator+=(const Counters &other) {
    loaded += other.loaded;
    stored += other.stored;
    mma_flops += other.mma_flops;
    fma_flops += other.fma_flops;
    instructions += other.instructions;
    if (other.written) written = other.written;
    return *this;
}

Counters run(const Kernel &kernel, const Launch &launch, const Machine &machine) {
    check(kernel, launch);
    const uint64_t blocks = volume(launch.grid);
    Order order(blocks, machine.seed);
    std::mutex results;
    Counters total;
    std::optional<Error> first;

    auto work = [&] {
        try {
            Block block(*kernel.program, launch, machine);
            for (uint64_t number; order.take(&number);) block.run(number);
            std::lock_guard<std::mutex> held(results);
            total += block.counters;
        } catch (const std::exception &e) {  // memory may end, too
            order.stop();
            std::lock_guard<std::mutex> held(results);
            if (!first) first = Error(e.what());
        }
    };
    std::vector<std::thread> helpers;
    const uint64_t wanted = machine.threads > 1 ? static_cast<uint64_t>(machine.threads) : 1;
    try {
        for (uint64_t i = 1; i < std::min(wanted, blocks); i++) helpers.emplace_back(work);
    } catch (const std::system_error &) {
        // As many threads as the system gives.
    }
    work();
    for (std::thread &t : helpers) t.join();
    if (first) throw *first;
    return total;
}

}  // namespace ptx
