// float32: arithmetic in one rounding, and the approximations (.approx), which are computed as exactly as the format
// allows: their true errors differ from one GPU to the next.
#include "elementwise.h"
#include "floats.h"
#include "instructions.h"

#include <cfenv>
#include <cmath>

namespace ptx {

namespace {

float add(float a, float b) { return a + b; }
float subtract(float a, float b) { return a - b; }
float multiply(float a, float b) { return a * b; }
float divide(float a, float b) { return a / b; }
float multiply_add(float a, float b, float c) { return std::fma(a, b, c); }
float reciprocal(float a) { return 1 / a; }
float square_root(float a) { return std::sqrt(a); }
float negate(float a) { return -a; }
float absolute(float a) { return std::fabs(a); }
float copy_sign(float a, float b) { return std::copysign(b, a); }  // |b| with the sign of a
float exp2_of(float a) { return static_cast<float>(std::exp2(static_cast<double>(a))); }
float log2_of(float a) { return static_cast<float>(std::log2(static_cast<double>(a))); }
float tanh_of(float a) { return static_cast<float>(std::tanh(static_cast<double>(a))); }
float reciprocal_root(float a) { return static_cast<float>(1 / std::sqrt(static_cast<double>(a))); }

// A NaN gives way to a number; -0 is less than +0.
float minimum(float a, float b) {
    if (std::isnan(a)) return b;
    if (a == b) return std::signbit(a) ? a : b;
    return b < a ? b : a;
}
float maximum(float a, float b) {
    if (std::isnan(a)) return b;
    if (a == b) return std::signbit(a) ? b : a;
    return b > a ? b : a;
}
// .NaN: a NaN stays.
float minimum_nan(float a, float b) { return std::isnan(a) || std::isnan(b) ? NAN : minimum(a, b); }
float maximum_nan(float a, float b) { return std::isnan(a) || std::isnan(b) ? NAN : maximum(a, b); }

// F with what the modifiers .ftz and .sat add to it. NaN saturates to zero.
template <auto F, bool ftz, bool sat> struct Finished;

template <typename... S, float (*F)(S...), bool ftz, bool sat> struct Finished<F, ftz, sat> {
    static float of(S... sources) {
        float x = F((ftz ? flush(sources) : sources)...);
        if (ftz) x = flush(x);
        return sat ? (x > 0 ? (x < 1 ? x : 1) : 0) : x;
    }
};

template <auto F> Execute finished(bool ftz, bool sat) {
    if (ftz) return sat ? elementwise<Finished<F, true, true>::of> : elementwise<Finished<F, true, false>::of>;
    return sat ? elementwise<Finished<F, false, true>::of> : elementwise<F>;
}

// The processor's rounding is changed around the plain operation. in.mode holds the rounding.
template <auto F> void rounded(Warp &w, const Instruction &in, Mask active) {
    constexpr int modes[] = {FE_TONEAREST, FE_TOWARDZERO, FE_DOWNWARD, FE_UPWARD};
    std::fesetround(modes[in.mode]);
    elementwise<F>(w, in, active);
    std::fesetround(FE_TONEAREST);
}

template <typename... S> constexpr int sources_of(float (*)(S...)) { return sizeof...(S); }

// What has one result, whatever the rounding, or is an approximation.
template <auto F> void decode_plain(Decoder &d) {
    d.out.execute = finished<F>(d.has("ftz"), false);
    d.same(d.type(), sources_of(F));
}

template <auto F> void decode_approximate(Decoder &d) {
    d.need("approx");
    decode_plain<F>(d);
}

// add sub mul fma div rcp sqrt: correctly rounded in one of four ways. needed: the mnemonic has to say which.
template <auto F, int flops, bool needed> void decode_rounded(Decoder &d) {
    int rounding = d.one_of({"rn", "rz", "rm", "rp"});
    if (rounding < 0 && needed) d.refuse("without a rounding is not interpreted");
    bool ftz = d.has("ftz"), sat = d.has("sat");
    if (rounding > 0 && (ftz || sat)) d.refuse("in this rounding is not interpreted with .ftz or .sat");
    d.out.mode = static_cast<uint8_t>(rounding > 0 ? rounding : 0);
    d.out.execute = rounding > 0 ? rounded<F> : finished<F>(ftz, sat);
    d.out.flops = flops;
    d.same(d.type(), sources_of(F));
}

// The same operations also have approximations.
template <auto F> void decode_rounded_or_approximate(Decoder &d) {
    if (d.one_of({"approx", "full"}) < 0) return decode_rounded<F, 0, true>(d);
    decode_plain<F>(d);
}

template <auto F, auto FNaN> void decode_extreme(Decoder &d) {
    if (d.has("NaN")) return decode_plain<FNaN>(d);
    decode_plain<F>(d);
}

}  // namespace

std::vector<Entry> floating_instructions() {
    constexpr Operands f = Operands::floating;
    return {
        {"add", f, decode_rounded<add, 1, false>},
        {"sub", f, decode_rounded<subtract, 1, false>},
        {"mul", f, decode_rounded<multiply, 1, false>},
        {"fma", f, decode_rounded<multiply_add, 2, true>},
        {"div", f, decode_rounded_or_approximate<divide>},
        {"rcp", f, decode_rounded_or_approximate<reciprocal>},
        {"sqrt", f, decode_rounded_or_approximate<square_root>},
        {"rsqrt", f, decode_approximate<reciprocal_root>},
        {"ex2", f, decode_approximate<exp2_of>},
        {"lg2", f, decode_approximate<log2_of>},
        {"tanh", f, decode_approximate<tanh_of>},
        {"neg", f, decode_plain<negate>},
        {"abs", f, decode_plain<absolute>},
        {"copysign", f, decode_plain<copy_sign>},
        {"min", f, decode_extreme<minimum, minimum_nan>},
        {"max", f, decode_extreme<maximum, maximum_nan>},
    };
}

}  // namespace ptx
