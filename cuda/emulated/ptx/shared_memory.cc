#include "shared_memory.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "warp.h"

namespace ptx {

SharedMemory::SharedMemory(size_t bytes, uint32_t granule)
    : bytes_(bytes), shift_(__builtin_ctz(granule)), granules_((bytes + granule - 1) / granule) {
    start();
}

void SharedMemory::start() {
    std::fill(bytes_.begin(), bytes_.end(), 0xff);
    first_ = ++phase_;
    std::fill(left_, left_ + max_warps, ~uint32_t{0});
    std::fill(steps_, steps_ + max_warps, 0);
}

unsigned char *SharedMemory::check(const Warp &warp, const Instruction &in, uint64_t address, uint32_t bytes) const {
    if (address + bytes > bytes_.size() || address + bytes < address) {
        warp.fail(in, "bytes " + std::to_string(address) + " to " + std::to_string(address + bytes) +
                          " are outside the block's " + std::to_string(bytes_.size()) + " bytes of shared memory");
    }
    if (address & (bytes - 1)) {
        warp.fail(in, "shared address " + std::to_string(address) + " is not a multiple of " + std::to_string(bytes));
    }
    return const_cast<unsigned char *>(bytes_.data()) + address;
}

const unsigned char *SharedMemory::read(const Warp &warp, const Instruction &in, Mask who, uint64_t address,
                                        uint32_t bytes) {
    const unsigned char *at = check(warp, in, address, bytes);
    for (uint64_t g = address >> shift_; g <= (address + bytes - 1) >> shift_; g++)
        note_read(warp, in, who, &granules_[g]);
    return at;
}

void SharedMemory::write(const Warp &warp, const Instruction &in, int lane, uint64_t address, uint32_t bytes,
                         const void *data) {
    unsigned char *at = check(warp, in, address, bytes);
    bool same = std::memcmp(at, data, bytes) == 0;
    for (uint64_t g = address >> shift_; g <= (address + bytes - 1) >> shift_; g++) {
        note_write(warp, in, lane, &granules_[g], same);
    }
    std::memcpy(at, data, bytes);
}

void SharedMemory::begin_async(const Warp &warp, const Instruction &in, int lane, uint64_t address, uint32_t bytes) {
    std::memset(check(warp, in, address, bytes), 0xff, bytes);
    for (uint64_t g = address >> shift_; g <= (address + bytes - 1) >> shift_; g++) {
        note_write(warp, in, lane, &granules_[g], false);
        granules_[g].pending = true;
    }
}

void SharedMemory::end_async(const Warp &warp, int lane, uint64_t address, uint32_t bytes, const unsigned char *data) {
    std::memcpy(bytes_.data() + address, data, bytes);
    for (uint64_t i = address >> shift_; i <= (address + bytes - 1) >> shift_; i++) {
        Granule &g = granules_[i];
        g.pending = false;
        g.writer = static_cast<uint8_t>(warp.index);
        g.writing_lane = static_cast<uint8_t>(lane);
        g.write_phase = phase_;
        g.write_step = steps_[warp.index];
    }
}

void SharedMemory::check_writer(const Warp &warp, const Instruction &in, Mask who, const Granule &g,
                                const char *what) const {
    if (g.write_phase < first_) return;
    if (g.pending) race(warp, in, g, std::string(what) + " before the wait for the asynchronous copy");
    if (g.writer != warp.index) {
        if (!ordered(g.writer, g.write_phase)) race(warp, in, g, std::string(what) + " after the write");
    } else if ((who & ~(Mask{1} << g.writing_lane)) && g.write_phase == phase_ && g.write_step == steps_[warp.index]) {
        race(warp, in, g, std::string(what) + " by lanes " + hex(who) + " after the write");
    }
}

// Whether a warp that has read the granule may read it again without a look at its writer: nobody has written since,
// for that would have forgotten the readers, and nothing the warp waits for can have undone an order.
bool SharedMemory::read_before(int w, const Granule &g) const {
    const uint32_t step = steps_[w];
    return (g.readers >> w & 1) && g.last_reader == w && g.read_phase == phase_ && g.read_step == step &&
           (g.writer != w || g.write_phase != phase_ || g.write_step != step);
}

void SharedMemory::note_read(const Warp &warp, const Instruction &in, Mask who, Granule *g) {
    const int w = warp.index;
    if (read_before(w, *g)) {
        g->reading_lanes |= who;
        return;
    }
    check_writer(warp, in, who, *g, "read");
    if (g->read_phase != phase_) {
        // Readers ordered before this read need not be remembered: who is ordered behind it is behind theirs.
        Mask kept = 0;
        if (g->read_phase >= first_) {
            for_active(g->readers, [&](int v) { kept |= static_cast<Mask>(!ordered(v, g->read_phase)) << v; });
        }
        g->readers = kept;
        g->reading_lanes = 0;
        g->read_phase = phase_;
    }
    if (g->last_reader != w || g->read_step != steps_[w]) g->reading_lanes = 0;
    g->readers |= Mask{1} << w;
    g->reading_lanes |= who;
    g->last_reader = static_cast<uint8_t>(w);
    g->read_step = steps_[w];
    g->read_line = in.line;
}

void SharedMemory::note_write(const Warp &warp, const Instruction &in, int lane, Granule *g, bool same_value) {
    const int w = warp.index;
    // Lanes that store one value to one place with one instruction are well defined.
    bool allowed = !g->pending && same_value && g->writer == w && g->write_line == in.line;
    if (!allowed) check_writer(warp, in, Mask{1} << lane, *g, "write");
    if (g->read_phase >= first_) {
        for_active(g->readers & ~(Mask{1} << w), [&](int v) {
            if (!ordered(v, g->read_phase)) race(warp, in, *g, "write after the read");
        });
        bool now = g->read_phase == phase_ && g->last_reader == w && g->read_step == steps_[w];
        if (now && (g->readers >> w & 1) && (g->reading_lanes & ~(Mask{1} << lane))) {
            race(warp, in, *g,
                 "write by lane " + std::to_string(lane) + " after the read by lanes " + hex(g->reading_lanes));
        }
    }
    g->write_phase = phase_;
    g->write_step = steps_[w];
    g->writer = static_cast<uint8_t>(w);
    g->writing_lane = static_cast<uint8_t>(lane);
    g->write_line = in.line;
    g->pending = false;
    g->readers = 0;
    g->reading_lanes = 0;
}

void SharedMemory::race(const Warp &warp, const Instruction &in, const Granule &g, const std::string &what) const {
    size_t at = static_cast<size_t>(&g - granules_.data()) << shift_;
    std::string told =
        "race on shared memory at byte " + std::to_string(at) + ": " + what + ", with nothing between to order them;";
    if (g.write_phase >= first_) {
        told += " written by warp " + std::to_string(g.writer) + " lane " + std::to_string(g.writing_lane) +
                " (ptx line " + std::to_string(g.write_line) + ")";
    }
    if (g.readers && g.read_phase >= first_) {
        told += " read by warps " + hex(g.readers) + " (ptx line " + std::to_string(g.read_line) + ")";
    }
    warp.fail(in, told);
}

}  // namespace ptx
