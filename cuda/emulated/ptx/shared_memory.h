// The shared memory of a block, and a detector of races on it.
//
// Two accesses to the same bytes, one of them a write, by different threads, race unless something orders them: a
// barrier between warps, and a barrier or bar.warp.sync between lanes of one warp. The barriers cut the block's work
// into phases; a granule of memory remembers who touched it last and in which phase. What it does not see: a warp's
// reading lanes once another warp has read the same granule, and lanes left out of a bar.warp.sync's mask.
#pragma once

#include <cstdint>
#include <vector>

#include "program.h"

namespace ptx {

class Warp;

constexpr int max_warps = 32;

class SharedMemory {
  public:
    // Memory of that many bytes; the granule (1, 2 or 4) is the size of the smallest access.
    SharedMemory(size_t bytes, uint32_t granule);

    // Poisons the memory and forgets all accesses: a new block begins.
    void start();

    // Each checks an access of lane, or of some lanes to the same place, to [address, address + bytes) and throws
    // Error; the result points to the memory.
    const unsigned char *read(const Warp &warp, const Instruction &in, Mask who, uint64_t address, uint32_t bytes);
    void write(const Warp &warp, const Instruction &in, int lane, uint64_t address, uint32_t bytes, const void *data);

    // An asynchronous copy begins: until it ends, nobody may touch these bytes, which are poison.
    void begin_async(const Warp &warp, const Instruction &in, int lane, uint64_t address, uint32_t bytes);
    void end_async(const Warp &warp, int lane, uint64_t address, uint32_t bytes, const unsigned char *data);

    // bar.warp.sync: what the warp's lanes did so far is ordered before what they do next.
    void synchronise_warp(int warp) { steps_[warp]++; }

    // A barrier: what any warp did so far is ordered before what any does next.
    void synchronise_block() { phase_++; }

    // The warp has ended: no barrier orders what it did last before what others do.
    void leave(int warp) { left_[warp] = phase_; }

  private:
    // Who touched a granule last. Phases below first_ are of earlier blocks.
    struct Granule {
        uint32_t write_phase = 0, read_phase = 0;
        uint32_t write_step = 0, read_step = 0;  // steps_ of the writer's and of the last reader's warp
        uint32_t readers = 0;                    // warps, since the last write
        Mask reading_lanes = 0;                  // of the warp that read last
        int write_line = 0, read_line = 0;
        uint8_t writer = 0, writing_lane = 0, last_reader = 0;
        bool pending = false;  // an asynchronous copy is under way
    };

    unsigned char *check(const Warp &warp, const Instruction &in, uint64_t address, uint32_t bytes) const;
    // Whether what the warp did in that phase comes before all that is done now.
    bool ordered(int warp, uint32_t phase) const { return phase < phase_ && phase < left_[warp]; }
    bool read_before(int warp, const Granule &g) const;
    void note_read(const Warp &warp, const Instruction &in, Mask who, Granule *g);
    void note_write(const Warp &warp, const Instruction &in, int lane, Granule *g, bool same_value);
    void check_writer(const Warp &warp, const Instruction &in, Mask who, const Granule &g, const char *what) const;
    [[noreturn]] void race(const Warp &warp, const Instruction &in, const Granule &g, const std::string &what) const;

    std::vector<unsigned char> bytes_;
    uint32_t shift_;  // log2 of the granule
    std::vector<Granule> granules_;
    uint32_t first_ = 1, phase_ = 1;  // the first phase of this block, and the one under way
    uint32_t left_[max_warps] = {};   // the phase in which the warp ended, or what is later than any
    uint32_t steps_[max_warps] = {};  // how often the warp's lanes have been synchronised
};

}  // namespace ptx
