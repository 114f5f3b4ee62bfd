// Where an address points, and whether the access is allowed.
#pragma once

#include "block.h"
#include "warp.h"

namespace ptx {

inline uint64_t address_of(Warp &w, const Address &a, int lane) {
    uint64_t base = a.bytes == 4 ? w.values<uint32_t>(a.place)[lane] : w.values<uint64_t>(a.place)[lane];
    return base + static_cast<uint64_t>(a.displacement);
}

// A generic address's state space, which it is translated to.
Space resolve(Space space, uint64_t *address);

// Takes ".global", ".shared" ... from the mnemonic; generic if there is none.
class Decoder;
Space take_space(Decoder &d);

// Remembers that the program accesses shared memory in pieces of that size.
void note_granule(Decoder &d, Space space, int bytes);

// The memory of a read of bytes by a lane. Throws Error if it is not allowed.
const unsigned char *readable(Warp &w, const Instruction &in, int lane, Space space, uint64_t address, uint32_t bytes);

// A lane's write.
void store(Warp &w, const Instruction &in, int lane, Space space, uint64_t address, uint32_t bytes, const void *data);

// The memory of a thread's own. Throws Error if it is not within.
unsigned char *local_memory(Warp &w, const Instruction &in, int lane, uint64_t address, uint32_t bytes);

// If all active lanes access global memory within one allocation and aligned, their addresses; false: ask one by one.
bool global_at_once(Warp &w, const Instruction &in, Mask active, uint32_t bytes, uint64_t addresses[lanes]);

}  // namespace ptx
