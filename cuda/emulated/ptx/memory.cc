// ld and st of all state spaces, with vectors; prefetches are left out.
#include "access.h"
#include "instructions.h"

#include <cstring>

namespace ptx {

namespace {

void count_loaded(Warp &w, Space space, uint32_t bytes) {
    if (space == Space::global) w.block.counters.loaded += bytes;
}

void count_stored(Warp &w, uint64_t address, uint32_t bytes) {
    w.block.counters.stored += bytes;
    w.block.counters.written = address & ~uint64_t{3};
}

// Lanes that read the same place are checked as one: kernels broadcast much.
void find_shared_sources(Warp &w, const Instruction &in, Mask active, const unsigned char *from[lanes]) {
    const uint32_t bytes = uint32_t{in.width} * in.count;
    uint64_t addresses[lanes];
    for (int l = 0; l < lanes; l++) addresses[l] = address_of(w, in.address[0], l);
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
        uint64_t address = address_of(w, in.address[0], l);
        Space space = resolve(in.space, &address);
        from[l] = readable(w, in, l, space, address, bytes);
        count_loaded(w, space, bytes);
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
        uint64_t address = address_of(w, in.address[0], l);
        Space space = resolve(in.space, &address);
        store(w, in, l, space, address, bytes, values);
        if (space == Space::global) count_stored(w, address, bytes);
    });
}

template <typename R> Execute loading(Type t) {
    switch (t) {
    case Type::s8:
        return load<R, int8_t>;
    case Type::s16:
        return load<R, int16_t>;
    case Type::s32:
        return load<R, int32_t>;
    default:
        break;
    }
    switch (bytes(t)) {
    case 1:
        return load<R, uint8_t>;
    case 2:
        return load<R, uint16_t>;
    case 4:
        return load<R, uint32_t>;
    default:
        return load<R, uint64_t>;
    }
}

template <typename R> Execute saving(Type t) {
    switch (bytes(t)) {
    case 1:
        return save<R, uint8_t>;
    case 2:
        return save<R, uint16_t>;
    case 4:
        return save<R, uint32_t>;
    default:
        return save<R, uint64_t>;
    }
}

// Modifiers that say how caches are used or who else may look, none of which changes what a launch computes here.
void take_hints(Decoder &d) {
    d.one_of({"weak", "volatile", "relaxed"});
    d.one_of({"cta", "cluster", "gpu", "sys"});
    d.one_of({"ca", "cg", "cs", "lu", "cv", "wb", "wt"});
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
    Space space = take_space(d);
    if (!write && d.has("nc") && space != Space::global) d.refuse(".nc is for global memory");
    int vector = d.one_of({"v2", "v4"});
    d.out.count = vector < 0 ? 1 : vector == 0 ? 2 : 4;
    Type t = d.type();
    if (t == Type::pred) d.refuse("not interpreted for this type");
    d.out.width = static_cast<uint8_t>(bytes(t));
    d.out.space = space;
    if (d.out.width * d.out.count > 16) d.refuse("more than 16 bytes at once are not interpreted");
    if (write && (space == Space::constant || space == Space::parameter)) d.refuse("cannot write there");
    note_granule(d, space, d.out.width * d.out.count);

    d.need_operands(2);
    int width = data_registers(d, d.operand(write ? 1 : 0), t, !write);
    d.out.address[0] = d.address(d.operand(write ? 0 : 1), space);
    switch (width) {
    case 16:
        d.out.execute = write ? saving<uint16_t>(t) : loading<uint16_t>(t);
        break;
    case 32:
        d.out.execute = write ? saving<uint32_t>(t) : loading<uint32_t>(t);
        break;
    default:
        d.out.execute = write ? saving<uint64_t>(t) : loading<uint64_t>(t);
        break;
    }
}

void nothing(Warp &, const Instruction &, Mask) {}

void decode_prefetch(Decoder &d) {
    Space space = take_space(d);
    d.need_one_of({"L1", "L2", "L2::evict_last", "L2::evict_normal"});
    d.need_operands(1);
    d.address(d.operand(0), space);
    d.out.execute = nothing;
}

}  // namespace

std::vector<Entry> memory_instructions() {
    return {
        {"ld", Operands::any, [](Decoder &d) { decode_access(d, false); }},
        {"ldu", Operands::any, [](Decoder &d) { decode_access(d, false); }},
        {"st", Operands::any, [](Decoder &d) { decode_access(d, true); }},
        {"prefetch", Operands::any, decode_prefetch},
    };
}

}  // namespace ptx
