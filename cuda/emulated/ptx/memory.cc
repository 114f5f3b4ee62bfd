// ld and st of all state spaces, with vectors, and whether an access is allowed.
#include "block.h"
#include "instructions.h"
#include "warp.h"

#include <algorithm>
#include <cstring>

namespace ptx {

namespace {

// A generic address's state space, which it is translated to.
Space resolve(Space space, uint64_t *address) {
    if (space != Space::generic) return space;
    if (*address - shared_window >= window_bytes) return Space::global;
    *address -= shared_window;
    return Space::shared;
}

// The memory of a read of bytes by a lane. Throws Error if it is not allowed.
const unsigned char *readable(Warp &w, const Instruction &in, int lane, Space space, uint64_t address, uint32_t bytes) {
    if (space == Space::shared) return w.block.shared.read(w, in, Mask{1} << lane, address, bytes);
    if (space == Space::global) {
        const unsigned char *at = w.block.global.at(w, in, address, bytes, bytes);
        w.block.counters.loaded += bytes;
        return at;
    }
    const uint32_t size = w.block.program.parameter_bytes;
    if (address > size || bytes > size - address || address % bytes) {
        w.fail(in, "outside the kernel's parameters, or misaligned");
    }
    return w.block.launch.parameters + address;
}

// If all active lanes access global memory within one allocation and aligned, their addresses; false: ask one by one.
bool global_at_once(Warp &w, const Instruction &in, Mask active, uint32_t bytes, uint64_t addresses[lanes]) {
    const Address &a = in.address[0];
    Lanes<uint64_t> base = w.values<uint64_t>(a.place);
    uint64_t low = ~uint64_t{0}, high = 0, together = 0;
    auto note = [&](int l) {
        low = std::min(low, addresses[l]);
        high = std::max(high, addresses[l]);
        together |= addresses[l];
    };
    for (int l = 0; l < lanes; l++) addresses[l] = base[l] + static_cast<uint64_t>(a.displacement);
    if (active == all_lanes) {
        for (int l = 0; l < lanes; l++) note(l);
    } else {
        for_active(active, note);
    }
    return together % bytes == 0 && w.block.global.contains(low, high + bytes);
}

void count_stored(Warp &w, uint64_t address, uint32_t bytes) {
    w.block.counters.stored += bytes;
    w.block.counters.written = address & ~uint64_t{3};
}

// Lanes that read the same place are checked as one: kernels broadcast much.
void find_shared_sources(Warp &w, const Instruction &in, Mask active, const unsigned char *from[lanes]) {
    const uint32_t bytes = uint32_t{in.width} * in.count;
    uint64_t addresses[lanes];
    for (int l = 0; l < lanes; l++) addresses[l] = w.address(in.address[0], l);
    bool broadcast = true;
    for (Mask rest = active; rest;) {
        const uint64_t address = addresses[__builtin_ctz(rest)];
        Mask same = rest & (0 - rest);
        if (broadcast) {
            same = rest & lanes_where([&](int l) { return addresses[l] == address; });
            broadcast = population(same) > 3;
        }
        const unsigned char *at = w.block.shared.read(w, in, same, address, bytes);
        for_active(same, [&](int l) { from[l] = at; });
        rest &= ~same;
    }
}

// The memory each active lane reads: in.width * in.count bytes.
void find_sources(Warp &w, const Instruction &in, Mask active, const unsigned char *from[lanes]) {
    const uint32_t bytes = uint32_t{in.width} * in.count;
    uint64_t addresses[lanes];
    if (in.space == Space::global && global_at_once(w, in, active, bytes, addresses)) {
        for (int l = 0; l < lanes; l++) from[l] = reinterpret_cast<const unsigned char *>(addresses[l]);
        w.block.counters.loaded += static_cast<uint64_t>(bytes) * static_cast<uint64_t>(population(active));
        return;
    }
    if (in.space == Space::shared) return find_shared_sources(w, in, active, from);
    for_active(active, [&](int l) {
        uint64_t address = w.address(in.address[0], l);
        Space space = resolve(in.space, &address);
        from[l] = readable(w, in, l, space, address, bytes);
    });
}

// Elements of type E into registers of type R: signed ones are extended by their sign.
template <typename R, typename E> void load(Warp &w, const Instruction &in, Mask active) {
    const unsigned char *from[lanes];
    find_sources(w, in, active, from);
    for (int k = 0; k < in.count; k++) {
        if (in.r[k] == no_register) continue;
        Lanes<R> d = w.values<R>(in.r[k]);
        for_active(active, [&](int l) {
            E e;
            std::memcpy(&e, from[l] + k * sizeof e, sizeof e);
            d[l] = static_cast<R>(e);
        });
    }
}

template <typename R, typename E> void save(Warp &w, const Instruction &in, Mask active) {
    const uint32_t bytes = sizeof(E) * in.count;
    uint64_t addresses[lanes];
    bool at_once = in.space == Space::global && global_at_once(w, in, active, bytes, addresses);
    for_active(active, [&](int l) {
        E values[4];
        for (int k = 0; k < in.count; k++) values[k] = static_cast<E>(w.values<R>(in.r[k])[l]);
        if (at_once) {
            std::memcpy(reinterpret_cast<void *>(addresses[l]), values, bytes);
            count_stored(w, addresses[l], bytes);
            return;
        }
        uint64_t address = w.address(in.address[0], l);
        Space space = resolve(in.space, &address);
        if (space == Space::shared) return w.block.shared.write(w, in, l, address, bytes, values);
        std::memcpy(w.block.global.at(w, in, address, bytes, bytes), values, bytes);
        count_stored(w, address, bytes);
    });
}

template <typename R, typename E> Execute either(bool write) { return write ? save<R, E> : load<R, E>; }

template <typename R> Execute handler(Type t, bool write) {
    switch (t) {
    case Type::s8:
        return either<R, int8_t>(write);
    case Type::s16:
        return either<R, int16_t>(write);
    case Type::s32:
        return either<R, int32_t>(write);
    default:
        break;
    }
    switch (bytes(t)) {
    case 1:
        return either<R, uint8_t>(write);
    case 2:
        return either<R, uint16_t>(write);
    case 4:
        return either<R, uint32_t>(write);
    default:
        return either<R, uint64_t>(write);
    }
}

// Modifiers that say how caches are used, none of which changes what a launch computes here.
void take_hints(Decoder &d) {
    d.one_of({"volatile", "ca", "cg", "cs", "lu", "cv", "wb", "wt"});
    d.one_of({"L1::evict_normal", "L1::evict_unchanged", "L1::evict_first", "L1::evict_last", "L1::no_allocate"});
    d.one_of({"L2::64B", "L2::128B", "L2::256B"});
}

// Registers of the data; all of the same width, which may exceed the type's.
int data_registers(Decoder &d, const syntax::Operand &o, Type t, bool write) {
    const bool vector = o.kind == syntax::Operand::vector;
    if (vector != (d.out.count > 1) || (vector && o.elements.size() != d.out.count)) {
        d.refuse("the data's size is not the mnemonic's");
    }
    int width = 0;
    for (int k = 0; k < d.out.count; k++) {
        const syntax::Operand &e = vector ? o.elements[k] : o;
        if (e.kind == syntax::Operand::sink && write) continue;
        int own = std::max(bits(t), 16);
        if (e.kind == syntax::Operand::name) {
            d.out.r[k] = d.any_register(e, &own, write);
        } else {
            d.out.r[k] = d.source(e, own == 16 ? Type::b16 : t);
        }
        if (own < bits(t)) d.refuse("a register is too narrow");
        if (width && own != width) d.refuse("registers of different widths");
        width = own;
    }
    if (width == 0) d.refuse("nothing to load");
    return width;
}

void decode_access(Decoder &d, bool write) {
    take_hints(d);
    constexpr Space spaces[] = {Space::generic, Space::global, Space::shared, Space::parameter};
    Space space = spaces[d.one_of({"global", "shared", "param"}) + 1];
    if (!write && d.has("nc") && space != Space::global) d.refuse(".nc is for global memory");
    int vector = d.one_of({"v2", "v4"});
    d.out.count = vector < 0 ? 1 : vector == 0 ? 2 : 4;
    Type t = d.type();
    if (t == Type::pred) d.refuse_type();
    d.out.width = static_cast<uint8_t>(bytes(t));
    d.out.space = space;
    if (d.out.width * d.out.count > 16) d.refuse("more than 16 bytes at once are not interpreted");
    if (write && space == Space::parameter) d.refuse("cannot write there");
    if (space == Space::shared || space == Space::generic) d.names.note_granule(uint32_t{d.out.width} * d.out.count);

    d.need_operands(2);
    int width = data_registers(d, d.operand(write ? 1 : 0), t, !write);
    d.out.address[0] = d.address(d.operand(write ? 0 : 1), space);
    d.out.execute = width == 16   ? handler<uint16_t>(t, write)
                    : width == 32 ? handler<uint32_t>(t, write)
                                  : handler<uint64_t>(t, write);
}

}  // namespace

std::vector<Entry> memory_instructions() {
    return {
        {"ld", Operands::any, [](Decoder &d) { decode_access(d, false); }},
        {"st", Operands::any, [](Decoder &d) { decode_access(d, true); }},
    };
}

}  // namespace ptx
