#include "access.h"

#include <algorithm>
#include <cstring>

#include "decoder.h"

namespace ptx {

Space resolve(Space space, uint64_t *address) {
    if (space != Space::generic) return space;
    if (*address - shared_window < window_bytes) {
        *address -= shared_window;
        return Space::shared;
    }
    if (*address - local_window < window_bytes) {
        *address -= local_window;
        return Space::local;
    }
    return Space::global;
}

Space take_space(Decoder &d) {
    constexpr Space spaces[] = {Space::global, Space::shared,   Space::shared,
                                Space::local,  Space::constant, Space::parameter};
    int i = d.one_of({"global", "shared", "shared::cta", "local", "const", "param"});
    return i < 0 ? Space::generic : spaces[i];
}

void note_granule(Decoder &d, Space space, int bytes) {
    if (space == Space::shared || space == Space::generic) d.names.note_granule(static_cast<uint32_t>(bytes));
}

unsigned char *local_memory(Warp &w, const Instruction &in, int lane, uint64_t address, uint32_t bytes) {
    const uint64_t size = w.block.program.local_bytes;
    if (address > size || bytes > size - address) {
        w.fail(in, "byte " + std::to_string(address) + " is outside the thread's " + std::to_string(size) +
                       " bytes of local memory");
    }
    if (address % bytes) w.fail(in, "local address " + std::to_string(address) + " is misaligned");
    return w.local.data() + lane * size + address;
}

const unsigned char *readable(Warp &w, const Instruction &in, int lane, Space space, uint64_t address, uint32_t bytes) {
    const Program &program = w.block.program;
    switch (resolve(space, &address)) {
    case Space::shared:
        return w.block.shared.read(w, in, Mask{1} << lane, address, bytes);
    case Space::local:
        return local_memory(w, in, lane, address, bytes);
    case Space::constant: {
        const Image *image = program.constant;
        if (!image || address < image->address || address + bytes > image->address + image->size || address % bytes) {
            w.fail(in, "outside the module's constants, or misaligned");
        }
        return reinterpret_cast<const unsigned char *>(address);
    }
    case Space::parameter:
        if (address > program.parameter_bytes || bytes > program.parameter_bytes - address || address % bytes) {
            w.fail(in, "outside the kernel's parameters, or misaligned");
        }
        return w.block.launch.parameters + address;
    default:
        return w.block.global.at(w, in, address, bytes, bytes);
    }
}

void store(Warp &w, const Instruction &in, int lane, Space space, uint64_t address, uint32_t bytes, const void *data) {
    switch (resolve(space, &address)) {
    case Space::shared:
        w.block.shared.write(w, in, lane, address, bytes, data);
        break;
    case Space::local:
        std::memcpy(local_memory(w, in, lane, address, bytes), data, bytes);
        break;
    default:
        std::memcpy(w.block.global.at(w, in, address, bytes, bytes), data, bytes);
        break;
    }
}

bool global_at_once(Warp &w, const Instruction &in, Mask active, uint32_t bytes, uint64_t addresses[lanes]) {
    const Address &a = in.address[0];
    Lanes<uint64_t> base = w.values<uint64_t>(a.place);
    uint64_t low = ~uint64_t{0}, high = 0, together = 0;
    for (int l = 0; l < lanes; l++) addresses[l] = base[l] + static_cast<uint64_t>(a.displacement);
    if (active == all_lanes) {
        for (int l = 0; l < lanes; l++) {
            low = std::min(low, addresses[l]);
            high = std::max(high, addresses[l]);
            together |= addresses[l];
        }
    } else {
        for_active(active, [&](int l) {
            low = std::min(low, addresses[l]);
            high = std::max(high, addresses[l]);
            together |= addresses[l];
        });
    }
    return together % bytes == 0 && w.block.global.contains(low, high + bytes);
}

}  // namespace ptx
