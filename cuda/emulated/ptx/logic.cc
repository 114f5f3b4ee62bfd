// Bits: and or xor not cnot lop3, shifts, fields, permutations; predicates' logic.
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
struct IsZero {
    template <typename T> static T of(T a) { return a == 0; }
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

// Each bit of the table answers for one combination of the bits of a, b and c.
uint32_t lop3(uint32_t a, uint32_t b, uint32_t c, uint32_t table) {
    uint32_t out = 0;
    for (uint32_t row = 0; row < 8; row++) {
        uint32_t rows = (row & 4 ? a : ~a) & (row & 2 ? b : ~b) & (row & 1 ? c : ~c);
        out |= table >> row & 1 ? rows : 0;
    }
    return out;
}

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
    using U = std::make_unsigned_t<T>;
    constexpr uint32_t width = 8 * sizeof(T);
    pos &= 0xff;
    len &= 0xff;
    if (len == 0) return 0;
    bool sign = std::is_signed_v<T> && (static_cast<U>(a) >> std::min(pos + len - 1, width - 1) & 1);
    U field = pos < width ? static_cast<U>(a) >> pos : U{0};
    U mask = len < width ? (U{1} << len) - 1 : ~U{0};
    U present = pos < width ? static_cast<U>(~U{0}) >> pos & mask : U{0};  // bits that lie within a
    return static_cast<T>((field & mask) | (sign ? static_cast<U>(~present) : U{0}));
}

// Inserts the low len bits of a into b from pos on.
template <typename T> T insert(T a, T b, uint32_t pos, uint32_t len) {
    constexpr uint32_t width = 8 * sizeof(T);
    pos &= 0xff;
    len &= 0xff;
    if (pos >= width || len == 0) return b;
    T mask = static_cast<T>((len < width ? (T{1} << len) - 1 : ~T{0}) << pos);
    return static_cast<T>((b & ~mask) | (a << pos & mask));
}

template <typename T> T reverse(T a) {
    T out = 0;
    for (unsigned i = 0; i < 8 * sizeof(T); i++) out = static_cast<T>(out << 1 | (a >> i & 1));
    return out;
}

template <typename Op, int sources> void decode_bits(Decoder &d) {
    Type t = d.type();
    if (!is_bits(t) || t == Type::b8) d.refuse("not interpreted for this type");
    d.out.execute = for_integer<Op>(t);
    d.same(t, sources);
}

template <typename Op> void decode_shift(Decoder &d) {
    Type t = d.type();
    d.out.execute = for_integer<Op>(t);
    if (!d.out.execute) d.refuse("not interpreted for this type");
    d.need_operands(3);
    d.out.r[0] = d.destination(0, t);
    d.out.r[1] = d.source(1, t);
    d.out.r[2] = d.source(2, Type::u32);
}

void decode_lop3(Decoder &d) {
    if (d.type() != Type::b32) d.refuse("not interpreted for this type");
    d.out.execute = elementwise<lop3>;
    d.same(Type::b32, 4);
}

void decode_funnel(Decoder &d) {
    bool left = d.need_one_of({"l", "r"}) == 0, wrap = d.need_one_of({"clamp", "wrap"}) == 1;
    if (d.type() != Type::b32) d.refuse("not interpreted for this type");
    d.out.execute = left ? (wrap ? elementwise<funnel<true, true>> : elementwise<funnel<true, false>>)
                         : (wrap ? elementwise<funnel<false, true>> : elementwise<funnel<false, false>>);
    d.same(Type::b32, 3);
}

void decode_permute(Decoder &d) {
    if (d.type() != Type::b32) d.refuse("not interpreted for this type");
    d.out.execute = elementwise<permute>;
    d.same(Type::b32, 3);
}

void decode_extract(Decoder &d) {
    Type t = d.type();
    switch (t) {
    case Type::u32:
        d.out.execute = elementwise<extract<uint32_t>>;
        break;
    case Type::s32:
        d.out.execute = elementwise<extract<int32_t>>;
        break;
    case Type::u64:
        d.out.execute = elementwise<extract<uint64_t>>;
        break;
    case Type::s64:
        d.out.execute = elementwise<extract<int64_t>>;
        break;
    default:
        d.refuse("not interpreted for this type");
    }
    d.need_operands(4);
    d.out.r[0] = d.destination(0, t);
    d.out.r[1] = d.source(1, t);
    d.out.r[2] = d.source(2, Type::u32);
    d.out.r[3] = d.source(3, Type::u32);
}

void decode_insert(Decoder &d) {
    Type t = d.type();
    if (t != Type::b32 && t != Type::b64) d.refuse("not interpreted for this type");
    d.out.execute = t == Type::b32 ? elementwise<insert<uint32_t>> : elementwise<insert<uint64_t>>;
    d.need_operands(5);
    d.out.r[0] = d.destination(0, t);
    d.out.r[1] = d.source(1, t);
    d.out.r[2] = d.source(2, t);
    d.out.r[3] = d.source(3, Type::u32);
    d.out.r[4] = d.source(4, Type::u32);
}

void decode_reverse(Decoder &d) {
    Type t = d.type();
    if (t != Type::b32 && t != Type::b64) d.refuse("not interpreted for this type");
    d.out.execute = t == Type::b32 ? elementwise<reverse<uint32_t>> : elementwise<reverse<uint64_t>>;
    d.same(t, 1);
}

// Predicates: mode's bits say which sources are negated.
template <typename Op> void predicates(Warp &w, const Instruction &in, Mask active) {
    Mask a = w.predicate(in.r[1]) ^ (in.mode & 1 ? all_lanes : 0);
    Mask b = w.predicate(in.r[2]) ^ (in.mode & 2 ? all_lanes : 0);
    Mask &d = w.predicate(in.r[0]);
    d = (d & ~active) | (Op::template of<Mask>(a, b) & active);
}

template <typename Op> void decode_predicates(Decoder &d) {
    d.type();
    d.need_operands(3);
    d.out.execute = predicates<Op>;
    d.out.r[0] = d.predicate_destination(d.operand(0).text);
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
    d.out.r[0] = d.predicate_destination(d.operand(0).text);
    d.out.r[1] = d.out.r[2] = d.predicate(d.operand(1), &negated);
    d.out.mode = negated != (d.opcode() == "not") ? 3 : 0;
}

}  // namespace

std::vector<Entry> logic_instructions() {
    constexpr Operands integer = Operands::integer, predicate = Operands::predicate;
    return {
        {"and", integer, decode_bits<And, 2>},     {"or", integer, decode_bits<Or, 2>},
        {"xor", integer, decode_bits<Xor, 2>},     {"not", integer, decode_bits<Not, 1>},
        {"cnot", integer, decode_bits<IsZero, 1>}, {"lop3", integer, decode_lop3},
        {"shl", integer, decode_shift<ShiftLeft>}, {"shr", integer, decode_shift<ShiftRight>},
        {"shf", integer, decode_funnel},           {"prmt", integer, decode_permute},
        {"bfe", integer, decode_extract},          {"bfi", integer, decode_insert},
        {"brev", integer, decode_reverse},         {"and", predicate, decode_predicates<And>},
        {"or", predicate, decode_predicates<Or>},  {"xor", predicate, decode_predicates<Xor>},
        {"not", predicate, decode_predicate_copy}, {"mov", predicate, decode_predicate_copy},
    };
}

}  // namespace ptx
