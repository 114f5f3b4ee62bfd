#include "global_memory.h"

#include <cstdio>
#include <string>

#include "warp.h"

namespace ptx {

namespace {

std::string address_text(uint64_t address) {
    char text[24];
    std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(address));
    return text;
}

}  // namespace

bool GlobalMemory::find(uint64_t address, Range *range) const {
    return machine_.range && machine_.range(address, &range->from, &range->to);
}

bool GlobalMemory::contains(uint64_t from, uint64_t to) {
    if (to < from) return false;
    for (const Range &r : recent_) {
        if (from >= r.from && to <= r.to) return true;
    }
    Range found;
    if (!find(from, &found) || from < found.from || to > found.to) return false;
    recent_[turn_++ % 4] = found;
    return true;
}

unsigned char *GlobalMemory::at(const Warp &warp, const Instruction &in, uint64_t address, uint64_t bytes,
                                uint32_t align) {
    if (address % align) {
        warp.fail(in, "global address " + address_text(address) + " is not a multiple of " + std::to_string(align));
    }
    if (!contains(address, address + bytes)) {
        Range near;
        std::string where = "which no allocation holds";
        if (find(address, &near) || find(address - 1, &near)) {
            where = std::to_string(address + bytes - near.to) + " bytes beyond the end of the allocation of " +
                    std::to_string(near.to - near.from) + " bytes at " + address_text(near.from);
        }
        warp.fail(in, "illegal global address " + address_text(address) + ", " + where);
    }
    return reinterpret_cast<unsigned char *>(address);
}

}  // namespace ptx
