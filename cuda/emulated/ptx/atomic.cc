// atom and red: lanes one after the other, blocks one at a time.
#include "access.h"
#include "elementwise.h"
#include "floats.h"
#include "instructions.h"

#include <cstring>
#include <mutex>

namespace ptx {

namespace {

enum Operation : uint8_t { add, min, max, bit_and, bit_or, bit_xor, exchange, compare, increment, decrement };

// What replaces old. b is the operand, c the second one of compare-and-swap.
template <typename T> T combine(Operation op, T old, T b, T c) {
    switch (op) {
    case add:
        return static_cast<T>(old + b);
    case min:
        return b < old ? b : old;
    case max:
        return old < b ? b : old;
    case exchange:
        return b;
    case compare:
        return old == b ? c : old;
    case increment:
        return old >= b ? T{0} : static_cast<T>(old + 1);
    case decrement:
        return old == 0 || old > b ? b : static_cast<T>(old - 1);
    default:
        break;
    }
    if constexpr (std::is_integral_v<T>) {
        if (op == bit_and) return static_cast<T>(old & b);
        if (op == bit_or) return static_cast<T>(old | b);
        if (op == bit_xor) return static_cast<T>(old ^ b);
    }
    return old;
}

template <typename T> void atomic(Warp &w, const Instruction &in, Mask active) {
    Lanes<T> b = w.values<T>(in.r[1]);
    for_active(active, [&](int l) {
        uint64_t address = address_of(w, in.address[0], l);
        Space space = resolve(in.space, &address);
        std::unique_lock<std::mutex> held(w.block.atomics, std::defer_lock);
        unsigned char *at;
        if (space == Space::shared) {
            at = w.block.shared.atomic(w, in, l, address, sizeof(T));
        } else if (space == Space::global) {
            at = w.block.global.at(w, in, address, sizeof(T), sizeof(T));
            w.block.counters.loaded += sizeof(T);
            w.block.counters.stored += sizeof(T);
            held.lock();
        } else {
            w.fail(in, "atomic operations are for shared and global memory");
        }
        T old, c{};
        std::memcpy(&old, at, sizeof old);
        if (in.r[2] != no_register) c = w.values<T>(in.r[2])[l];
        T now = combine<T>(static_cast<Operation>(in.mode), old, b[l], c);
        std::memcpy(at, &now, sizeof now);
        if (in.r[0] != no_register) w.values<T>(in.r[0])[l] = old;
    });
}

Execute handler(Decoder &d, Type t, Operation op) {
    bool bitwise = op >= bit_and && op <= compare, wraps = op >= increment;
    if (is_bits(t) != bitwise && t != Type::u32 && t != Type::u64) d.refuse("not interpreted for this type");
    if (wraps && t != Type::u32) d.refuse("not interpreted for this type");
    if (is_float(t) && op != add) d.refuse("not interpreted for this type");
    switch (t) {
    // Signed and unsigned sums are the same bits, but s32 must not overflow.
    case Type::s32:
        return op == add ? atomic<uint32_t> : atomic<int32_t>;
    case Type::s64:
        return op == add ? atomic<uint64_t> : atomic<int64_t>;
    case Type::b32:
    case Type::u32:
        return atomic<uint32_t>;
    case Type::b64:
    case Type::u64:
        return atomic<uint64_t>;
    case Type::f32:
        return atomic<float>;
    case Type::f64:
        return atomic<double>;
    default:
        d.refuse("not interpreted for this type");
    }
}

// atom d, [a], b {, c}; red has no d.
template <bool returns> void decode_atomic(Decoder &d) {
    d.one_of({"relaxed"});
    d.one_of({"cta", "gpu", "sys"});
    Space space = take_space(d);
    if (space == Space::local || space == Space::constant || space == Space::parameter) d.refuse("cannot write there");
    int op = d.need_one_of({"add", "min", "max", "and", "or", "xor", "exch", "cas", "inc", "dec"});
    Type t = d.type();
    d.out.execute = handler(d, t, static_cast<Operation>(op));
    d.out.mode = static_cast<uint8_t>(op);
    d.out.space = space;
    note_granule(d, space, bytes(t));
    const int first = returns ? 1 : 0, sources = op == compare ? 2 : 1;
    d.need_operands(first + 1 + sources);
    if (returns && d.operand(0).kind != syntax::Operand::sink) d.out.r[0] = d.destination(0, t);
    d.out.address[0] = d.address(d.operand(first), space);
    for (int i = 0; i < sources; i++) d.out.r[1 + i] = d.source(first + 1 + i, t);
}

}  // namespace

std::vector<Entry> atomic_instructions() {
    return {
        {"atom", Operands::any, decode_atomic<true>},
        {"red", Operands::any, decode_atomic<false>},
    };
}

}  // namespace ptx
