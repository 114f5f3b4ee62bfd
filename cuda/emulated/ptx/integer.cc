// Integer arithmetic: add sub mul mad div rem abs neg min max sad, and counting of bits.
#include "elementwise.h"
#include "instructions.h"

#include <limits>
#include <type_traits>

namespace ptx {

namespace {

// What T's arithmetic is done in: it wraps around, and is not promoted to int.
template <typename T> using Wrapping = std::conditional_t<(sizeof(T) < 4), uint32_t, std::make_unsigned_t<T>>;

// Twice as wide.
template <typename T> struct Wider;
template <> struct Wider<uint16_t> {
    using type = uint32_t;
};
template <> struct Wider<int16_t> {
    using type = int32_t;
};
template <> struct Wider<uint32_t> {
    using type = uint64_t;
};
template <> struct Wider<int32_t> {
    using type = int64_t;
};
template <> struct Wider<uint64_t> {
    using type = unsigned __int128;
};
template <> struct Wider<int64_t> {
    using type = __int128;
};

struct Add {
    template <typename T> static T of(T a, T b) { return static_cast<T>(Wrapping<T>(a) + Wrapping<T>(b)); }
};
struct Subtract {
    template <typename T> static T of(T a, T b) { return static_cast<T>(Wrapping<T>(a) - Wrapping<T>(b)); }
};
struct MultiplyLow {
    template <typename T> static T of(T a, T b) { return static_cast<T>(Wrapping<T>(a) * Wrapping<T>(b)); }
};
struct MultiplyHigh {
    template <typename T> static T of(T a, T b) {
        using W = typename Wider<T>::type;
        return static_cast<T>((W(a) * W(b)) >> (8 * sizeof(T)));
    }
};
struct MultiplyAddLow {
    template <typename T> static T of(T a, T b, T c) { return Add::of<T>(MultiplyLow::of<T>(a, b), c); }
};
struct MultiplyAddHigh {
    template <typename T> static T of(T a, T b, T c) { return Add::of<T>(MultiplyHigh::of<T>(a, b), c); }
};
// Division by zero gives "an unspecified, machine-specific value": all ones.
struct Divide {
    template <typename T> static T of(T a, T b) {
        if (b == 0) return static_cast<T>(-1);
        if (std::is_signed_v<T> && b == static_cast<T>(-1)) return Subtract::of<T>(0, a);
        return static_cast<T>(a / b);
    }
};
struct Remainder {
    template <typename T> static T of(T a, T b) {
        if (b == 0) return static_cast<T>(-1);
        if (std::is_signed_v<T> && b == static_cast<T>(-1)) return 0;
        return static_cast<T>(a % b);
    }
};
struct Minimum {
    template <typename T> static T of(T a, T b) { return b < a ? b : a; }
};
struct Maximum {
    template <typename T> static T of(T a, T b) { return a < b ? b : a; }
};
struct Negate {
    template <typename T> static T of(T a) { return Subtract::of<T>(0, a); }
};
struct Absolute {
    template <typename T> static T of(T a) { return a < 0 ? Subtract::of<T>(0, a) : a; }
};
// |a - b| + c
struct SumOfDifferences {
    template <typename T> static T of(T a, T b, T c) {
        return Add::of<T>(c, a < b ? Subtract::of<T>(b, a) : Subtract::of<T>(a, b));
    }
};

template <typename T> typename Wider<T>::type multiply_wide(T a, T b) {
    using W = typename Wider<T>::type;
    return static_cast<W>(W(a) * W(b));
}
template <typename T> typename Wider<T>::type multiply_add_wide(T a, T b, typename Wider<T>::type c) {
    return Add::of<typename Wider<T>::type>(multiply_wide<T>(a, b), c);
}

template <typename T> T add_saturated(T a, T b) {
    T out;
    if (!__builtin_add_overflow(a, b, &out)) return out;
    return a < 0 ? std::numeric_limits<T>::min() : std::numeric_limits<T>::max();
}
template <typename T> T subtract_saturated(T a, T b) {
    T out;
    if (!__builtin_sub_overflow(a, b, &out)) return out;
    return a < 0 ? std::numeric_limits<T>::min() : std::numeric_limits<T>::max();
}

template <typename Op, int sources> void decode_plain(Decoder &d) {
    Type t = d.type();
    d.out.execute = for_integer<Op>(t);
    if (!d.out.execute) d.refuse("not interpreted for this type");
    d.same(t, sources);
}

template <typename Op, Execute saturated> void decode_sum(Decoder &d) {
    if (d.has("sat")) {
        if (d.type() != Type::s32) d.refuse("saturates only .s32");
        d.out.execute = saturated;
        d.same(Type::s32, 2);
        return;
    }
    decode_plain<Op, 2>(d);
}

Type wider(Decoder &d, Type t) {
    switch (t) {
    case Type::u16:
        return Type::u32;
    case Type::s16:
        return Type::s32;
    case Type::u32:
        return Type::u64;
    case Type::s32:
        return Type::s64;
    default:
        d.refuse("not interpreted for this type");
    }
}

Execute wide_product(Type t, bool plus) {
    switch (t) {
    case Type::u16:
        return plus ? elementwise<multiply_add_wide<uint16_t>> : elementwise<multiply_wide<uint16_t>>;
    case Type::s16:
        return plus ? elementwise<multiply_add_wide<int16_t>> : elementwise<multiply_wide<int16_t>>;
    case Type::u32:
        return plus ? elementwise<multiply_add_wide<uint32_t>> : elementwise<multiply_wide<uint32_t>>;
    default:
        return plus ? elementwise<multiply_add_wide<int32_t>> : elementwise<multiply_wide<int32_t>>;
    }
}

template <bool plus> void decode_product(Decoder &d) {
    int part = d.need_one_of({"lo", "hi", "wide"});
    Type t = d.type();
    if (part == 2) {
        Type w = wider(d, t);
        d.out.execute = wide_product(t, plus);
        d.need_operands(plus ? 4 : 3);
        d.out.r[0] = d.destination(0, w);
        d.out.r[1] = d.source(1, t);
        d.out.r[2] = d.source(2, t);
        if (plus) d.out.r[3] = d.source(3, w);
        return;
    }
    if (!is_integer(t)) d.refuse("not interpreted for this type");
    if (part == 0) d.out.execute = plus ? for_integer<MultiplyAddLow>(t) : for_integer<MultiplyLow>(t);
    if (part == 1) d.out.execute = plus ? for_integer<MultiplyAddHigh>(t) : for_integer<MultiplyHigh>(t);
    if (!d.out.execute) d.refuse("not interpreted for this type");
    d.same(t, plus ? 3 : 2);
}

// Functions of bits whose result is an u32 whatever the source.
uint32_t popc32(uint32_t a) { return static_cast<uint32_t>(__builtin_popcount(a)); }
uint32_t popc64(uint64_t a) { return static_cast<uint32_t>(__builtin_popcountll(a)); }
uint32_t clz32(uint32_t a) { return a ? static_cast<uint32_t>(__builtin_clz(a)) : 32; }
uint32_t clz64(uint64_t a) { return a ? static_cast<uint32_t>(__builtin_clzll(a)) : 64; }

// The most significant bit that differs from the sign, or all ones; counted from the top if shift.
template <typename T, bool shift> uint32_t bfind(T a) {
    uint64_t u = static_cast<uint64_t>(a < 0 ? static_cast<T>(~a) : a);
    if (u == 0) return ~uint32_t{0};
    uint32_t at = 63 - static_cast<uint32_t>(__builtin_clzll(u));
    return shift ? static_cast<uint32_t>(8 * sizeof(T) - 1) - at : at;
}

void decode_count(Decoder &d) {
    bool ones = d.opcode() == "popc";
    Type t = d.type();
    if (t != Type::b32 && t != Type::b64) d.refuse("not interpreted for this type");
    if (t == Type::b32) d.out.execute = ones ? elementwise<popc32> : elementwise<clz32>;
    if (t == Type::b64) d.out.execute = ones ? elementwise<popc64> : elementwise<clz64>;
    d.need_operands(2);
    d.out.r[0] = d.destination(0, Type::u32);
    d.out.r[1] = d.source(1, t);
}

void decode_bfind(Decoder &d) {
    bool shift = d.has("shiftamt");
    Type t = d.type();
    switch (t) {
    case Type::u32:
        d.out.execute = shift ? elementwise<bfind<uint32_t, true>> : elementwise<bfind<uint32_t, false>>;
        break;
    case Type::s32:
        d.out.execute = shift ? elementwise<bfind<int32_t, true>> : elementwise<bfind<int32_t, false>>;
        break;
    case Type::u64:
        d.out.execute = shift ? elementwise<bfind<uint64_t, true>> : elementwise<bfind<uint64_t, false>>;
        break;
    case Type::s64:
        d.out.execute = shift ? elementwise<bfind<int64_t, true>> : elementwise<bfind<int64_t, false>>;
        break;
    default:
        d.refuse("not interpreted for this type");
    }
    d.need_operands(2);
    d.out.r[0] = d.destination(0, Type::u32);
    d.out.r[1] = d.source(1, t);
}

template <typename Op> void decode_signed(Decoder &d) {
    if (!is_signed(d.peek_type())) d.refuse("not interpreted for this type");
    decode_plain<Op, 1>(d);
}

}  // namespace

std::vector<Entry> integer_instructions() {
    constexpr Operands integer = Operands::integer;
    return {
        {"add", integer, decode_sum<Add, elementwise<add_saturated<int32_t>>>},
        {"sub", integer, decode_sum<Subtract, elementwise<subtract_saturated<int32_t>>>},
        {"mul", integer, decode_product<false>},
        {"mad", integer, decode_product<true>},
        {"div", integer, decode_plain<Divide, 2>},
        {"rem", integer, decode_plain<Remainder, 2>},
        {"min", integer, decode_plain<Minimum, 2>},
        {"max", integer, decode_plain<Maximum, 2>},
        {"neg", integer, decode_signed<Negate>},
        {"abs", integer, decode_signed<Absolute>},
        {"sad", integer, decode_plain<SumOfDifferences, 3>},
        {"popc", integer, decode_count},
        {"clz", integer, decode_count},
        {"bfind", integer, decode_bfind},
    };
}

}  // namespace ptx
