// mov in all its forms, and conversions of addresses.
#include "elementwise.h"
#include "instructions.h"

namespace ptx {

namespace {

template <typename T> T copy(T a) { return a; }

// mov.b32 d, {a, b}: count parts, the first lowest.
template <typename D, typename P> void pack(Warp &w, const Instruction &in, Mask active) {
    for_active(active, [&](int l) {
        D out = 0;
        for (int i = 0; i < in.count; i++) out |= static_cast<D>(w.values<P>(in.r[1 + i])[l]) << 8 * sizeof(P) * i;
        w.values<D>(in.r[0])[l] = out;
    });
}

// mov.b32 {a, b}, s; parts that nobody wants have no place.
template <typename S, typename P> void unpack(Warp &w, const Instruction &in, Mask active) {
    for_active(active, [&](int l) {
        S value = w.values<S>(in.r[0])[l];
        for (int i = 0; i < in.count; i++) {
            if (in.r[1 + i] != no_register) w.values<P>(in.r[1 + i])[l] = static_cast<P>(value >> 8 * sizeof(P) * i);
        }
    });
}

Execute packing(Decoder &d, int whole, int part, bool unpacks) {
    if (whole == 32 && part == 16) return unpacks ? unpack<uint32_t, uint16_t> : pack<uint32_t, uint16_t>;
    if (whole == 64 && part == 32) return unpacks ? unpack<uint64_t, uint32_t> : pack<uint64_t, uint32_t>;
    if (whole == 64 && part == 16) return unpacks ? unpack<uint64_t, uint16_t> : pack<uint64_t, uint16_t>;
    d.refuse("vectors of this kind are not interpreted");
}

void decode_vector(Decoder &d, Type t, bool unpacks) {
    const syntax::Operand &vector = d.operand(unpacks ? 0 : 1), &scalar = d.operand(unpacks ? 1 : 0);
    const int count = static_cast<int>(vector.elements.size());
    const int part = bits(t) / count;
    const Type part_type = part == 16 ? Type::b16 : Type::b32;
    d.out.execute = packing(d, bits(t), part, unpacks);
    d.out.count = static_cast<uint8_t>(count);
    d.out.r[0] = unpacks ? d.source(scalar, t) : d.destination(scalar, t);
    for (int i = 0; i < count; i++) {
        const syntax::Operand &e = vector.elements[i];
        if (!unpacks) d.out.r[1 + i] = d.source(e, part_type);
        if (unpacks && e.kind != syntax::Operand::sink) d.out.r[1 + i] = d.destination(e, part_type);
    }
}

void decode_mov(Decoder &d) {
    Type t = d.type();
    d.need_operands(2);
    if (d.operand(0).kind == syntax::Operand::vector) return decode_vector(d, t, true);
    if (d.operand(1).kind == syntax::Operand::vector) return decode_vector(d, t, false);
    const int width = bits(t);
    if (width < 16) d.refuse_type();
    d.out.execute = width == 16   ? elementwise<copy<uint16_t>>
                    : width == 32 ? elementwise<copy<uint32_t>>
                                  : elementwise<copy<uint64_t>>;
    d.out.r[0] = d.destination(0, t);
    const syntax::Operand &from = d.operand(1);
    // The address of a variable within shared memory.
    if (from.kind == syntax::Operand::name && !d.names.find_register(from.text, d.statement().scope)) {
        if (const Symbol *symbol = d.names.find_symbol(from.text, d.statement().scope)) {
            if (width < 32) d.refuse("an address does not fit this type");
            if (symbol->space == Space::parameter) d.refuse("the address of a parameter is not interpreted");
            d.out.r[1] = d.constant(symbol->address + static_cast<uint64_t>(from.value), bytes(t));
            return;
        }
    }
    d.out.r[1] = d.source(1, t);
}

uint64_t plus(uint64_t a, uint64_t b) { return a + b; }

// cvta.space: to a generic address; cvta.to.space: back. Global memory is part of the generic space.
void decode_cvta(Decoder &d) {
    const bool back = d.has("to"), shared = d.need_one_of({"global", "shared"}) == 1;
    const uint64_t offset = shared ? shared_window : 0;
    if (d.type() != Type::u64) d.refuse("addresses have 64 bits");
    d.need_operands(2);
    d.out.execute = elementwise<plus>;
    d.out.r[0] = d.destination(0, Type::u64);
    const syntax::Operand &from = d.operand(1);
    const Symbol *symbol =
        from.kind == syntax::Operand::name ? d.names.find_symbol(from.text, d.statement().scope) : nullptr;
    d.out.r[1] = symbol ? d.constant(symbol->address + static_cast<uint64_t>(from.value), 8) : d.source(1, Type::u64);
    d.out.r[2] = d.constant(back ? 0 - offset : offset, 8);
}

}  // namespace

std::vector<Entry> move_instructions() {
    return {{"mov", Operands::any, decode_mov}, {"cvta", Operands::any, decode_cvta}};
}

}  // namespace ptx
