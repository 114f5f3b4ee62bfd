// float32 and float64: arithmetic in one rounding, and the approximations (.approx), which are computed as exactly as
// the format allows: their true errors differ from one GPU to the next.
#include "elementwise.h"
#include "floats.h"
#include "instructions.h"

#include <cfenv>
#include <cmath>

namespace ptx {

namespace {

// What a float32 instruction adds to the operation proper.
enum Finish { plain, ftz, sat, ftz_sat };

template <Finish how, typename T> T prepare(T x) {
    if constexpr (how == ftz || how == ftz_sat) return flush(x);
    return x;
}

// NaN saturates to zero.
template <Finish how, typename T> T finish(T x) {
    if constexpr (how == ftz || how == ftz_sat) x = flush(x);
    if constexpr (how == sat || how == ftz_sat) x = x > 0 ? (x < 1 ? x : T{1}) : T{0};
    return x;
}

struct Add {
    template <typename T> static T of(T a, T b) { return a + b; }
};
struct Subtract {
    template <typename T> static T of(T a, T b) { return a - b; }
};
struct Multiply {
    template <typename T> static T of(T a, T b) { return a * b; }
};
struct Divide {
    template <typename T> static T of(T a, T b) { return a / b; }
};
struct Fma {
    template <typename T> static T of(T a, T b, T c) { return std::fma(a, b, c); }
};
struct Reciprocal {
    template <typename T> static T of(T a) { return T{1} / a; }
};
struct SquareRoot {
    template <typename T> static T of(T a) { return std::sqrt(a); }
};
struct Negate {
    template <typename T> static T of(T a) { return -a; }
};
struct Absolute {
    template <typename T> static T of(T a) { return std::fabs(a); }
};
// A NaN gives way to a number; -0 is less than +0.
struct Minimum {
    template <typename T> static T of(T a, T b) {
        if (std::isnan(a)) return b;
        if (a == b) return std::signbit(a) ? a : b;
        return b < a ? b : a;
    }
};
struct Maximum {
    template <typename T> static T of(T a, T b) {
        if (std::isnan(a)) return b;
        if (a == b) return std::signbit(a) ? b : a;
        return b > a ? b : a;
    }
};
// .NaN: a NaN stays.
struct MinimumNaN {
    template <typename T> static T of(T a, T b) {
        return std::isnan(a) || std::isnan(b) ? T(NAN) : Minimum::of<T>(a, b);
    }
};
struct MaximumNaN {
    template <typename T> static T of(T a, T b) {
        return std::isnan(a) || std::isnan(b) ? T(NAN) : Maximum::of<T>(a, b);
    }
};
struct Exp2 {
    template <typename T> static T of(T a) { return static_cast<T>(std::exp2(static_cast<double>(a))); }
};
struct Log2 {
    template <typename T> static T of(T a) { return static_cast<T>(std::log2(static_cast<double>(a))); }
};
struct Tanh {
    template <typename T> static T of(T a) { return static_cast<T>(std::tanh(static_cast<double>(a))); }
};
struct Sine {
    template <typename T> static T of(T a) { return static_cast<T>(std::sin(static_cast<double>(a))); }
};
struct Cosine {
    template <typename T> static T of(T a) { return static_cast<T>(std::cos(static_cast<double>(a))); }
};
struct ReciprocalRoot {
    template <typename T> static T of(T a) { return static_cast<T>(1 / std::sqrt(static_cast<double>(a))); }
};

// Op with one to three sources of type T, finished as said.
template <typename Op, typename T, Finish how> T one(T a) { return finish<how>(Op::template of<T>(prepare<how>(a))); }
template <typename Op, typename T, Finish how> T two(T a, T b) {
    return finish<how>(Op::template of<T>(prepare<how>(a), prepare<how>(b)));
}
template <typename Op, typename T, Finish how> T three(T a, T b, T c) {
    return finish<how>(Op::template of<T>(prepare<how>(a), prepare<how>(b), prepare<how>(c)));
}

template <typename Op, int sources, typename T, Finish how> constexpr Execute handler() {
    if constexpr (sources == 1) return elementwise<one<Op, T, how>>;
    if constexpr (sources == 2) return elementwise<two<Op, T, how>>;
    if constexpr (sources == 3) return elementwise<three<Op, T, how>>;
}

template <typename Op, int sources> Execute for_finish(bool flushes, bool saturates) {
    if (flushes) return saturates ? handler<Op, sources, float, ftz_sat>() : handler<Op, sources, float, ftz>();
    return saturates ? handler<Op, sources, float, sat>() : handler<Op, sources, float, plain>();
}

// The processor's rounding is changed around the plain operation. in.mode holds the rounding.
template <Execute operation> void rounded(Warp &w, const Instruction &in, Mask active) {
    constexpr int modes[] = {FE_TONEAREST, FE_TOWARDZERO, FE_DOWNWARD, FE_UPWARD};
    std::fesetround(modes[in.mode]);
    operation(w, in, active);
    std::fesetround(FE_TONEAREST);
}

template <typename Op, int sources> void decode_finished(Decoder &d, bool may_saturate) {
    bool flushes = d.has("ftz"), saturates = may_saturate && d.has("sat");
    Type t = d.type();
    if (t == Type::f64 && (flushes || saturates)) d.refuse("not interpreted for this type");
    d.out.execute =
        t == Type::f64 ? handler<Op, sources, double, plain>() : for_finish<Op, sources>(flushes, saturates);
    d.same(t, sources);
}

// add sub mul fma div rcp sqrt: correctly rounded in one of four ways. needed: the mnemonic has to say which.
template <typename Op, int sources, int flops, bool needed> void decode_rounded(Decoder &d) {
    int rounding = d.one_of({"rn", "rz", "rm", "rp"});
    if (rounding < 0 && needed) d.refuse("without a rounding is not interpreted");
    Type t = d.peek_type();
    bool saturates = d.has("sat");
    bool flushes = d.has("ftz");
    d.type();
    if (t == Type::f64 && (flushes || saturates)) d.refuse("not interpreted for this type");
    if (rounding > 0) {
        if (flushes || saturates) d.refuse("in this rounding is not interpreted with .ftz or .sat");
        d.out.mode = static_cast<uint8_t>(rounding);
        d.out.execute = t == Type::f64 ? rounded<handler<Op, sources, double, plain>()>
                                       : rounded<handler<Op, sources, float, plain>()>;
    } else {
        d.out.execute =
            t == Type::f64 ? handler<Op, sources, double, plain>() : for_finish<Op, sources>(flushes, saturates);
    }
    if (t == Type::f32) d.out.flops = flops;
    d.same(t, sources);
}

// The same operations also have approximations in float32.
template <typename Op, int sources> void decode_rounded_or_approximate(Decoder &d) {
    if (d.one_of({"approx", "full"}) < 0) return decode_rounded<Op, sources, 0, true>(d);
    if (d.peek_type() != Type::f32) d.refuse("not interpreted for this type");
    decode_finished<Op, sources>(d, false);
}

template <typename Op> void decode_approximate(Decoder &d) {
    d.need("approx");
    if (d.peek_type() != Type::f32 && d.opcode() != "rsqrt") d.refuse("not interpreted for this type");
    decode_finished<Op, 1>(d, false);
}

template <typename Op, int sources> void decode_exact(Decoder &d) { decode_finished<Op, sources>(d, false); }

template <typename Op, typename OpNaN> void decode_extreme(Decoder &d) {
    if (d.has("NaN")) return decode_finished<OpNaN, 2>(d, false);
    decode_finished<Op, 2>(d, false);
}

// |b| with the sign of a.
float copy_sign(float a, float b) { return std::copysign(b, a); }
double copy_sign_wide(double a, double b) { return std::copysign(b, a); }

void decode_copysign(Decoder &d) {
    Type t = d.type();
    d.out.execute = t == Type::f32 ? elementwise<copy_sign> : elementwise<copy_sign_wide>;
    d.same(t, 2);
}

template <typename T> void test_property(Warp &w, const Instruction &in, Mask active) {
    Lanes<T> a = w.values<T>(in.r[1]);
    Mask holds = lanes_where([&](int l) {
        switch (in.mode) {
        case 0:
            return std::isfinite(a[l]);
        case 1:
            return std::isinf(a[l]);
        case 2:
            return !std::isnan(a[l]);
        case 3:
            return std::isnan(a[l]);
        case 4:
            return std::isnormal(a[l]);
        default:
            return std::fpclassify(a[l]) == FP_SUBNORMAL;
        }
    });
    Mask &p = w.predicate(in.r[0]);
    p = (p & ~active) | (holds & active);
}

void decode_testp(Decoder &d) {
    d.out.mode =
        static_cast<uint8_t>(d.need_one_of({"finite", "infinite", "number", "notanumber", "normal", "subnormal"}));
    Type t = d.type();
    d.need_operands(2);
    d.out.execute = t == Type::f32 ? test_property<float> : test_property<double>;
    d.out.r[0] = d.predicate_destination(d.operand(0).text);
    d.out.r[1] = d.source(1, t);
}

}  // namespace

std::vector<Entry> floating_instructions() {
    constexpr Operands f = Operands::floating;
    return {
        {"add", f, decode_rounded<Add, 2, 1, false>},
        {"sub", f, decode_rounded<Subtract, 2, 1, false>},
        {"mul", f, decode_rounded<Multiply, 2, 1, false>},
        {"fma", f, decode_rounded<Fma, 3, 2, true>},
        {"mad", f, decode_rounded<Fma, 3, 2, true>},  // on sm_20 and later the same as fma
        {"div", f, decode_rounded_or_approximate<Divide, 2>},
        {"rcp", f, decode_rounded_or_approximate<Reciprocal, 1>},
        {"sqrt", f, decode_rounded_or_approximate<SquareRoot, 1>},
        {"rsqrt", f, decode_approximate<ReciprocalRoot>},
        {"ex2", f, decode_approximate<Exp2>},
        {"lg2", f, decode_approximate<Log2>},
        {"tanh", f, decode_approximate<Tanh>},
        {"sin", f, decode_approximate<Sine>},
        {"cos", f, decode_approximate<Cosine>},
        {"neg", f, decode_exact<Negate, 1>},
        {"abs", f, decode_exact<Absolute, 1>},
        {"min", f, decode_extreme<Minimum, MinimumNaN>},
        {"max", f, decode_extreme<Maximum, MaximumNaN>},
        {"copysign", f, decode_copysign},
        {"testp", f, decode_testp},
    };
}

}  // namespace ptx
