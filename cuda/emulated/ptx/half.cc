// f16, bf16 and packed pairs of them: every operation rounds once.
#include "elementwise.h"
#include "floats.h"
#include "instructions.h"

#include <cmath>

namespace ptx {

namespace {

template <Type half> float wide(uint16_t h) { return half == Type::bf16 ? widen_bf16(h) : widen_f16(h); }

template <Type half> uint16_t narrow(double x) { return round_half(half, x, Rounding::nearest); }

// What follows an operation: mode's bits.
enum Finish : int { ftz = 1, sat = 2, relu = 4 };

// Denormal numbers become zeros; bf16's are those of float32.
template <Type half> uint16_t flush_half(uint16_t h) {
    constexpr uint16_t exponent = half == Type::bf16 ? 0x7f80 : 0x7c00;
    return h & exponent ? h : h & 0x8000;
}

template <Type half, int how> uint16_t prepare(uint16_t h) { return how & ftz ? flush_half<half>(h) : h; }

template <Type half, int how> uint16_t finish(uint16_t h) {
    if (how & ftz) h = flush_half<half>(h);
    float x = wide<half>(h);
    if (how & sat) h = x > 0 ? (x < 1 ? h : narrow<half>(1)) : 0;
    if (how & relu) h = std::isnan(x) ? 0x7fff : x > 0 ? h : 0;
    return h;
}

// The exact result in double, or one that rounds as the exact one does.
struct Add {
    static double of(double a, double b) { return a + b; }
};
struct Subtract {
    static double of(double a, double b) { return a - b; }
};
struct Multiply {
    static double of(double a, double b) { return a * b; }
};
struct Fma {
    static double of(double a, double b, double c) { return fma_odd(a, b, c); }
};
struct Exp2 {
    static double of(double a) { return std::exp2(a); }
};
struct Tanh {
    static double of(double a) { return std::tanh(a); }
};

// A function of the halves' bits.
template <Type half, typename Op, int how> uint16_t one(uint16_t a) {
    return finish<half, how>(narrow<half>(Op::of(wide<half>(prepare<half, how>(a)))));
}
template <Type half, typename Op, int how> uint16_t two(uint16_t a, uint16_t b) {
    return finish<half, how>(
        narrow<half>(Op::of(wide<half>(prepare<half, how>(a)), wide<half>(prepare<half, how>(b)))));
}
template <Type half, typename Op, int how> uint16_t three(uint16_t a, uint16_t b, uint16_t c) {
    return finish<half, how>(narrow<half>(Op::of(wide<half>(prepare<half, how>(a)), wide<half>(prepare<half, how>(b)),
                                                 wide<half>(prepare<half, how>(c)))));
}
template <Type> uint16_t negate(uint16_t a) { return a ^ 0x8000; }
template <Type> uint16_t absolute(uint16_t a) { return a & 0x7fff; }

// A NaN gives way to a number, unless it has to stay; -0 is less than +0.
template <Type half, bool greater, bool keep> uint16_t extreme(uint16_t a, uint16_t b) {
    float x = wide<half>(a), y = wide<half>(b);
    if (std::isnan(x) || std::isnan(y))
        return keep || (std::isnan(x) && std::isnan(y)) ? 0x7fff : std::isnan(x) ? b : a;
    bool first = x == y ? std::signbit(x) != greater : (x < y) != greater;
    return first ? a : b;
}

// The same for both halves of a pair.
template <uint16_t (*F)(uint16_t)> uint32_t pair1(uint32_t a) {
    return static_cast<uint32_t>(F(a >> 16)) << 16 | F(a & 0xffff);
}
template <uint16_t (*F)(uint16_t, uint16_t)> uint32_t pair2(uint32_t a, uint32_t b) {
    return static_cast<uint32_t>(F(a >> 16, b >> 16)) << 16 | F(a & 0xffff, b & 0xffff);
}
template <uint16_t (*F)(uint16_t, uint16_t, uint16_t)> uint32_t pair3(uint32_t a, uint32_t b, uint32_t c) {
    return static_cast<uint32_t>(F(a >> 16, b >> 16, c >> 16)) << 16 | F(a & 0xffff, b & 0xffff, c & 0xffff);
}

template <typename Op, int sources, Type half, int how> Execute handler(bool packed) {
    if constexpr (sources == 1) {
        return packed ? elementwise<pair1<one<half, Op, how>>> : elementwise<one<half, Op, how>>;
    } else if constexpr (sources == 2) {
        return packed ? elementwise<pair2<two<half, Op, how>>> : elementwise<two<half, Op, how>>;
    } else {
        return packed ? elementwise<pair3<three<half, Op, how>>> : elementwise<three<half, Op, how>>;
    }
}

template <typename Op, int sources, Type half> Execute for_finish(Decoder &d, bool packed, int how) {
    switch (how) {
    case 0:
        return handler<Op, sources, half, 0>(packed);
    case ftz:
        return handler<Op, sources, half, ftz>(packed);
    case sat:
        return handler<Op, sources, half, sat>(packed);
    case ftz | sat:
        return handler<Op, sources, half, ftz | sat>(packed);
    case relu:
        return handler<Op, sources, half, relu>(packed);
    case ftz | relu:
        return handler<Op, sources, half, ftz | relu>(packed);
    default:
        d.refuse("this combination of modifiers is not interpreted");
    }
}

template <typename Op, int sources> void decode_arithmetic(Decoder &d) {
    d.has("rn");  // the only rounding these have, and their default
    int how = (d.has("ftz") ? ftz : 0) | (d.has("sat") ? sat : 0) | (sources == 3 && d.has("relu") ? relu : 0);
    Type t = d.type();
    bool packed = t != half_of(t);
    d.out.execute = half_of(t) == Type::bf16 ? for_finish<Op, sources, Type::bf16>(d, packed, how)
                                             : for_finish<Op, sources, Type::f16>(d, packed, how);
    d.same(t, sources);
}

template <typename Op> void decode_approximate(Decoder &d) {
    d.need("approx");
    decode_arithmetic<Op, 1>(d);
}

void decode_sign(Decoder &d) {
    bool minus = d.opcode() == "neg";
    Type t = d.type();
    if (t != half_of(t)) {
        d.out.execute = minus ? elementwise<pair1<negate<Type::f16>>> : elementwise<pair1<absolute<Type::f16>>>;
    } else {
        d.out.execute = minus ? elementwise<negate<Type::f16>> : elementwise<absolute<Type::f16>>;
    }
    d.same(t, 1);
}

template <Type half, bool greater> Execute extreme_handler(bool packed, bool keep) {
    if (packed) {
        return keep ? elementwise<pair2<extreme<half, greater, true>>>
                    : elementwise<pair2<extreme<half, greater, false>>>;
    }
    return keep ? elementwise<extreme<half, greater, true>> : elementwise<extreme<half, greater, false>>;
}

template <bool greater> void decode_extreme(Decoder &d) {
    bool keep = d.has("NaN");
    Type t = d.type();
    bool packed = t != half_of(t);
    d.out.execute = half_of(t) == Type::bf16 ? extreme_handler<Type::bf16, greater>(packed, keep)
                                             : extreme_handler<Type::f16, greater>(packed, keep);
    d.same(t, 2);
}

}  // namespace

std::vector<Entry> half_instructions() {
    constexpr Operands h = Operands::half;
    return {
        {"add", h, decode_arithmetic<Add, 2>},
        {"sub", h, decode_arithmetic<Subtract, 2>},
        {"mul", h, decode_arithmetic<Multiply, 2>},
        {"fma", h, decode_arithmetic<Fma, 3>},
        {"ex2", h, decode_approximate<Exp2>},
        {"tanh", h, decode_approximate<Tanh>},
        {"neg", h, decode_sign},
        {"abs", h, decode_sign},
        {"min", h, decode_extreme<false>},
        {"max", h, decode_extreme<true>},
    };
}

}  // namespace ptx
