// Bits: and or xor not, shifts, fields, permutations; predicates' logic.
#include "elementwise.h"
#include "instructions.h"

#include <algorithm>
#include <type_traits>

namespace ptx {

namespace {

struct And {
    template <typename T> static T of(T a, T b) { return static_cast<T>(a & b); }
};
struct Or {
    template <typename T> static T of(T a, T b) { return static_cast<T>(a | b); }
};
struct Xor {
    template <typename T> static T of(T a, T b) { return static_cast<T>(a ^ b); }
};
struct Not {
    template <typename T> static T of(T a) { return static_cast<T>(~a); }
};
// Amounts beyond the width shift everything out.
struct ShiftLeft {
    template <typename T> static T of(T a, uint32_t by) { return by < 8 * sizeof(T) ? static_cast<T>(a << by) : T{0}; }
};
struct ShiftRight {
    template <typename T> static T of(T a, uint32_t by) {
        constexpr uint32_t last = 8 * sizeof(T) - 1;
        if (std::is_signed_v<T>) return static_cast<T>(a >> std::min(by, last));
        return by <= last ? static_cast<T>(a >> by) : T{0};
    }
};

// A funnel shift of the 64 bits b:a; amounts beyond 32 are clamped or wrap.
template <bool left, bool wrap> uint32_t funnel(uint32_t a, uint32_t b, uint32_t by) {
    by = wrap ? by & 31 : std::min<uint32_t>(by, 32);
    uint64_t both = static_cast<uint64_t>(b) << 32 | a;
    return static_cast<uint32_t>(left ? (both << by) >> 32 : both >> by);
}

// Selects four of the eight bytes b:a; bit 3 of a selector spreads the byte's sign instead.
uint32_t permute(uint32_t a, uint32_t b, uint32_t selectors) {
    uint64_t both = static_cast<uint64_t>(b) << 32 | a;
    uint32_t out = 0;
    for (int i = 0; i < 4; i++) {
        uint32_t s = selectors >> 4 * i & 15;
        uint32_t byte = both >> 8 * (s & 7) & 0xff;
        if (s & 8) byte = byte & 0x80 ? 0xff : 0;
        out |= byte << 8 * i;
    }
    return out;
}

// Extracts len bits from pos on; a signed field repeats its top bit.
template <typename T> T extract(T a, uint32_t pos, uint32_t len) {
    pos &= 0xff;
    len &= 0xff;
    if (len == 0) return 0;
    const auto u = static_cast<uint32_t>(a);
    bool sign = std::is_signed_v<T> && (u >> std::min(pos + len - 1, 31u) & 1);
    uint32_t mask = len < 32 ? (uint32_t{1} << len) - 1 : ~uint32_t{0};
    uint32_t field = pos < 32 ? u >> pos : 0, present = pos < 32 ? ~uint32_t{0} >> pos & mask : 0;  // within a
    return static_cast<T>((field & mask) | (sign ? ~present : 0));
}

// Inserts the low len bits of a into b from pos on.
uint32_t insert(uint32_t a, uint32_t b, uint32_t pos, uint32_t len) {
    pos &= 0xff;
    len &= 0xff;
    if (pos >= 32 || len == 0) return b;
    uint32_t mask = (len < 32 ? (uint32_t{1} << len) - 1 : ~uint32_t{0}) << pos;
    return (b & ~mask) | (a << pos & mask);
}

template <typename Op, int sources> void decode_bits(Decoder &d) {
    Type t = d.type();
    if (!is_bits(t) || t == Type::b8) d.refuse_type();
    d.out.execute = for_integer<Op>(t);
    d.same(t, sources);
}

template <typename Op> void decode_shift(Decoder &d) {
    Type t = d.type();
    d.out.execute = for_integer<Op>(t);
    if (!d.out.execute) d.refuse_type();
    d.need_operands(3);
    d.out.r[0] = d.destination(0, t);
    d.out.r[1] = d.source(1, t);
    d.out.r[2] = d.source(2, Type::u32);
}

// F of sources that have 32 bits each.
template <auto F, int sources> void decode_words(Decoder &d) {
    if (d.type() != Type::b32) d.refuse_type();
    d.out.execute = elementwise<F>;
    d.same(Type::b32, sources);
}

void decode_funnel(Decoder &d) {
    bool left = d.need_one_of({"l", "r"}) == 0, wrap = d.need_one_of({"clamp", "wrap"}) == 1;
    if (left) return wrap ? decode_words<funnel<true, true>, 3>(d) : decode_words<funnel<true, false>, 3>(d);
    wrap ? decode_words<funnel<false, true>, 3>(d) : decode_words<funnel<false, false>, 3>(d);
}

void decode_extract(Decoder &d) {
    Type t = d.type();
    if (t != Type::u32 && t != Type::s32) d.refuse_type();
    d.out.execute = t == Type::u32 ? elementwise<extract<uint32_t>> : elementwise<extract<int32_t>>;
    d.same(t, 3);
}

// Predicates: mode's bits say which sources are negated.
template <typename Op> void predicates(Warp &w, const Instruction &in, Mask active) {
    Mask a = w.predicate(in.r[1]) ^ (in.mode & 1 ? all_lanes : 0);
    Mask b = w.predicate(in.r[2]) ^ (in.mode & 2 ? all_lanes : 0);
    w.set_predicate(in.r[0], active, Op::template of<Mask>(a, b));
}

template <typename Op> void decode_predicates(Decoder &d) {
    d.type();
    d.need_operands(3);
    d.out.execute = predicates<Op>;
    d.out.r[0] = d.predicate_destination(0);
    for (int i = 1; i <= 2; i++) {
        bool negated = false;
        d.out.r[i] = d.predicate(d.operand(i), &negated);
        d.out.mode |= negated ? i : 0;
    }
}

// not d, a and mov d, a: (a xor mode) and (a xor mode).
void decode_predicate_copy(Decoder &d) {
    d.type();
    d.need_operands(2);
    bool negated = false;
    d.out.execute = predicates<And>;
    d.out.r[0] = d.predicate_destination(0);
    d.out.r[1] = d.out.r[2] = d.predicate(d.operand(1), &negated);
    d.out.mode = negated != (d.opcode() == "not") ? 3 : 0;
}

}  // namespace

std::vector<Entry> logic_instructions() {
    constexpr Operands integer = Operands::integer, predicate = Operands::predicate;
    return {
        {"and", integer, decode_bits<And, 2>},
        {"or", integer, decode_bits<Or, 2>},
        {"xor", integer, decode_bits<Xor, 2>},
        {"not", integer, decode_bits<Not, 1>},
        {"shl", integer, decode_shift<ShiftLeft>},
        {"shr", integer, decode_shift<ShiftRight>},
        {"shf", integer, decode_funnel},
        {"prmt", integer, decode_words<permute, 3>},
        {"bfe", integer, decode_extract},
        {"bfi", integer, decode_words<insert, 4>},
        {"and", predicate, decode_predicates<And>},
        {"or", predicate, decode_predicates<Or>},
        {"xor", predicate, decode_predicates<Xor>},
        {"not", predicate, decode_predicate_copy},
        {"mov", predicate, decode_predicate_copy},
    };
}

}  // namespace ptx
