// Integer arithmetic: add sub mul mad div rem abs neg min max, and counting of bits.
#include "elementwise.h"
#include "instructions.h"

#include <type_traits>

namespace ptx {

namespace {

// What T's arithmetic is done in: it wraps around, and is not promoted to int.
template <typename T> using Wrapping = std::conditional_t<(sizeof(T) < 4), uint32_t, std::make_unsigned_t<T>>;

// Twice as wide.
template <typename T, typename S, typename U> using BySign = std::conditional_t<std::is_signed_v<T>, S, U>;
template <typename T>
using Wider =
    std::conditional_t<sizeof(T) == 8, BySign<T, __int128, unsigned __int128>,
                       std::conditional_t<sizeof(T) == 4, BySign<T, int64_t, uint64_t>, BySign<T, int32_t, uint32_t>>>;

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
        return static_cast<T>((Wider<T>(a) * Wider<T>(b)) >> (8 * sizeof(T)));
    }
};
template <typename Multiply> struct MultiplyAdd {
    template <typename T> static T of(T a, T b, T c) { return Add::of<T>(Multiply::template of<T>(a, b), c); }
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

template <typename T> Wider<T> multiply_wide(T a, T b) { return static_cast<Wider<T>>(Wider<T>(a) * Wider<T>(b)); }
template <typename T> Wider<T> multiply_add_wide(T a, T b, Wider<T> c) {
    return Add::of<Wider<T>>(multiply_wide<T>(a, b), c);
}

template <typename Op, int sources> void decode_plain(Decoder &d) {
    Type t = d.type();
    d.out.execute = for_integer<Op>(t);
    if (!d.out.execute) d.refuse_type();
    d.same(t, sources);
}

struct WideProduct {
    Type from, to;
    Execute product, sum;
};
constexpr WideProduct wide_products[] = {
    {Type::u16, Type::u32, elementwise<multiply_wide<uint16_t>>, elementwise<multiply_add_wide<uint16_t>>},
    {Type::s16, Type::s32, elementwise<multiply_wide<int16_t>>, elementwise<multiply_add_wide<int16_t>>},
    {Type::u32, Type::u64, elementwise<multiply_wide<uint32_t>>, elementwise<multiply_add_wide<uint32_t>>},
    {Type::s32, Type::s64, elementwise<multiply_wide<int32_t>>, elementwise<multiply_add_wide<int32_t>>},
};

template <bool plus> void decode_wide(Decoder &d) {
    Type t = d.type();
    for (const WideProduct &p : wide_products) {
        if (p.from != t) continue;
        d.out.execute = plus ? p.sum : p.product;
        d.need_operands(plus ? 4 : 3);
        d.out.r[0] = d.destination(0, p.to);
        d.out.r[1] = d.source(1, t);
        d.out.r[2] = d.source(2, t);
        if (plus) d.out.r[3] = d.source(3, p.to);
        return;
    }
    d.refuse_type();
}

void decode_mul(Decoder &d) {
    int part = d.need_one_of({"lo", "hi", "wide"});
    if (part == 2) return decode_wide<false>(d);
    part == 0 ? decode_plain<MultiplyLow, 2>(d) : decode_plain<MultiplyHigh, 2>(d);
}

void decode_mad(Decoder &d) {
    int part = d.need_one_of({"lo", "hi", "wide"});
    if (part == 2) return decode_wide<true>(d);
    part == 0 ? decode_plain<MultiplyAdd<MultiplyLow>, 3>(d) : decode_plain<MultiplyAdd<MultiplyHigh>, 3>(d);
}

template <typename Op> void decode_signed(Decoder &d) {
    if (!is_signed(d.peek_type())) d.refuse_type();
    decode_plain<Op, 1>(d);
}

// Functions of bits whose result is an u32 whatever the source.
uint32_t popc32(uint32_t a) { return static_cast<uint32_t>(__builtin_popcount(a)); }
uint32_t popc64(uint64_t a) { return static_cast<uint32_t>(__builtin_popcountll(a)); }
uint32_t clz32(uint32_t a) { return a ? static_cast<uint32_t>(__builtin_clz(a)) : 32; }
uint32_t clz64(uint64_t a) { return a ? static_cast<uint32_t>(__builtin_clzll(a)) : 64; }

template <auto of32, auto of64> void decode_count(Decoder &d) {
    Type t = d.type();
    if (t != Type::b32 && t != Type::b64) d.refuse_type();
    d.out.execute = t == Type::b32 ? elementwise<of32> : elementwise<of64>;
    d.need_operands(2);
    d.out.r[0] = d.destination(0, Type::u32);
    d.out.r[1] = d.source(1, t);
}

}  // namespace

std::vector<Entry> integer_instructions() {
    constexpr Operands integer = Operands::integer;
    return {
        {"add", integer, decode_plain<Add, 2>},
        {"sub", integer, decode_plain<Subtract, 2>},
        {"mul", integer, decode_mul},
        {"mad", integer, decode_mad},
        {"div", integer, decode_plain<Divide, 2>},
        {"rem", integer, decode_plain<Remainder, 2>},
        {"min", integer, decode_plain<Minimum, 2>},
        {"max", integer, decode_plain<Maximum, 2>},
        {"neg", integer, decode_signed<Negate>},
        {"abs", integer, decode_signed<Absolute>},
        {"popc", integer, decode_count<popc32, popc64>},
        {"clz", integer, decode_count<clz32, clz64>},
    };
}

}  // namespace ptx
