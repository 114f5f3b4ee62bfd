// cvt: between all integers and float32, and between float32 and the 16-bit formats. A register may be wider than an
// integer's type.
#include "elementwise.h"
#include "floats.h"
#include "instructions.h"

#include <algorithm>
#include <cfenv>
#include <cmath>

namespace ptx {

namespace {

// Instruction::mode of a conversion: the rounding (nearest, zero, down, up) in the low two bits, and these. width and
// count hold the bytes of the source's and the destination's register.
enum Flags : uint8_t { ftz = 4, sat = 8, integral = 16 };

// The low bits of v that the type has, extended to 64 by its sign.
int64_t extend(int64_t v, Type type) {
    int unused = 64 - bits(type);
    auto top = static_cast<int64_t>(static_cast<uint64_t>(v) << unused);
    return is_signed(type) ? top >> unused : static_cast<int64_t>(static_cast<uint64_t>(top) >> unused);
}

int64_t read_integer(Warp &w, const Instruction &in, int lane) {
    uint64_t v = in.width == 2   ? w.values<uint16_t>(in.r[1])[lane]
                 : in.width == 4 ? w.values<uint32_t>(in.r[1])[lane]
                                 : w.values<uint64_t>(in.r[1])[lane];
    return extend(static_cast<int64_t>(v), in.from);
}

void write_integer(Warp &w, const Instruction &in, int lane, int64_t value) {
    if (in.count == 2) w.values<uint16_t>(in.r[0])[lane] = static_cast<uint16_t>(value);
    if (in.count == 4) w.values<uint32_t>(in.r[0])[lane] = static_cast<uint32_t>(value);
    if (in.count == 8) w.values<uint64_t>(in.r[0])[lane] = static_cast<uint64_t>(value);
}

double to_integral(double x, int mode) {
    switch (mode & 3) {
    case 0:
        return std::nearbyint(x);
    case 1:
        return std::trunc(x);
    case 2:
        return std::floor(x);
    default:
        return std::ceil(x);
    }
}

// Beyond the integer's range its nearest value; NaN is zero, or the sign bit alone in 64 bits.
int64_t to_integer(double x, Type to, int mode) {
    const int width = bits(to);
    if (std::isnan(x)) return width == 64 ? INT64_MIN : 0;
    x = to_integral(x, mode);
    if (is_signed(to)) {
        const double limit = std::ldexp(1.0, width - 1);
        const auto largest = static_cast<int64_t>(~(~uint64_t{0} << (width - 1)));
        return x >= limit ? largest : x < -limit ? -largest - 1 : static_cast<int64_t>(x);
    }
    if (x >= std::ldexp(1.0, width)) return extend(-1, to);
    return x < 0 ? 0 : static_cast<int64_t>(static_cast<uint64_t>(x));
}

void integer_to_integer(Warp &w, const Instruction &in, Mask active) {
    for_active(active, [&](int l) { write_integer(w, in, l, extend(read_integer(w, in, l), in.to)); });
}

// By the processor's own conversions: 64-bit integers do not fit a double.
void integer_to_float(Warp &w, const Instruction &in, Mask active) {
    constexpr int modes[] = {FE_TONEAREST, FE_TOWARDZERO, FE_DOWNWARD, FE_UPWARD};
    std::fesetround(modes[in.mode & 3]);
    for_active(active, [&](int l) {
        int64_t v = read_integer(w, in, l);
        w.values<float>(in.r[0])[l] =
            is_signed(in.from) ? static_cast<float>(v) : static_cast<float>(static_cast<uint64_t>(v));
    });
    std::fesetround(FE_TONEAREST);
}

void float_to_integer(Warp &w, const Instruction &in, Mask active) {
    for_active(active, [&](int l) {
        float x = w.values<float>(in.r[1])[l];
        write_integer(w, in, l, to_integer(in.mode & ftz ? flush(x) : x, in.to, in.mode));
    });
}

void float_to_float(Warp &w, const Instruction &in, Mask active) {
    for_active(active, [&](int l) {
        float x = w.values<float>(in.r[1])[l];
        if (in.mode & ftz) x = flush(x);
        if (in.mode & integral) x = static_cast<float>(to_integral(x, in.mode));
        if (in.mode & sat) x = x > 0 ? std::min(x, 1.0f) : 0.0f;
        w.values<float>(in.r[0])[l] = x;
    });
}

// The conversions that kernels are full of, in vectors. Of a pair the first goes to the upper half.
uint32_t pair_bf16(float high, float low) { return static_cast<uint32_t>(narrow_bf16(high)) << 16 | narrow_bf16(low); }
uint32_t pair_f16(float high, float low) { return static_cast<uint32_t>(narrow_f16(high)) << 16 | narrow_f16(low); }
float s32_to_f32(int32_t a) { return static_cast<float>(a); }
int64_t s32_to_s64(int32_t a) { return a; }
uint64_t u32_to_u64(uint32_t a) { return a; }
uint32_t u64_to_u32(uint64_t a) { return static_cast<uint32_t>(a); }
uint32_t u16_to_u32(uint16_t a) { return a; }

struct Fast {
    Type to, from;
    Execute execute;
};
constexpr Fast fast_conversions[] = {
    {Type::bf16x2, Type::f32, elementwise<pair_bf16>}, {Type::f16x2, Type::f32, elementwise<pair_f16>},
    {Type::bf16, Type::f32, elementwise<narrow_bf16>}, {Type::f16, Type::f32, elementwise<narrow_f16>},
    {Type::f32, Type::bf16, elementwise<widen_bf16>},  {Type::f32, Type::f16, elementwise<widen_f16>},
    {Type::f32, Type::s32, elementwise<s32_to_f32>},   {Type::s64, Type::s32, elementwise<s32_to_s64>},
    {Type::u64, Type::u32, elementwise<u32_to_u64>},   {Type::u32, Type::u64, elementwise<u64_to_u32>},
    {Type::u32, Type::u16, elementwise<u16_to_u32>},
};

Execute handler(Decoder &d) {
    const Instruction &in = d.out;
    if (in.mode == 0 && in.width == bytes(in.from) && in.count == bytes(in.to)) {
        for (const Fast &f : fast_conversions) {
            if (f.to == in.to && f.from == in.from) return f.execute;
        }
    }
    if (is_half(in.from) || is_half(in.to))
        d.refuse("of 16-bit floating point only f32 to .rn and back is interpreted");
    if (in.from == Type::f32) return in.to == Type::f32 ? float_to_float : float_to_integer;
    return in.to == Type::f32 ? integer_to_float : integer_to_integer;
}

// The roundings that the types ask for: none between integers and to what is wider, .rni and the like to integers, .rn
// and the like to what loses bits. A float32 may be rounded to an integral float32.
uint8_t take_rounding(Decoder &d, Type to, Type from, int to_integer_value, int to_float_value) {
    const bool integral_value = to_integer_value >= 0;
    if (is_integer(to) && is_integer(from)) {
        if (integral_value || to_float_value >= 0) d.refuse("integers are not rounded");
        return 0;
    }
    if (is_integer(to) && !integral_value) d.refuse("needs an integer's rounding");
    if (!is_integer(to)) {
        if (integral_value && to != from) d.refuse("an integer's rounding is not interpreted for these types");
        bool loses = is_integer(from) || (is_half(to) && !is_half(from));
        if (loses && to_float_value < 0) d.refuse("without a rounding is not interpreted");
    }
    const int flag = integral_value && !is_integer(to) ? integral : 0;
    return static_cast<uint8_t>(flag | std::max({to_integer_value, to_float_value, 0}));
}

// A register that may be wider than an integer's type, or a constant; its bytes go to *size.
uint32_t source(Decoder &d, int i, Type type, uint8_t *size) {
    const syntax::Operand &o = d.operand(i);
    const Type held = bits(type) < 16 ? Type::u16 : type;
    int width = bits(held);
    bool is_register = o.kind == syntax::Operand::name && d.names.find_register(o.text, d.statement().scope);
    uint32_t place = is_register ? d.any_register(o, &width, false) : d.source(i, held);
    if (is_integer(type) ? width < bits(type) : width != bits(type)) d.refuse_width(o, width);
    *size = static_cast<uint8_t>(width / 8);
    return place;
}

void decode_cvt(Decoder &d) {
    int to_integer_value = d.one_of({"rni", "rzi", "rmi", "rpi"}), to_float_value = d.one_of({"rn", "rz", "rm", "rp"});
    Type from = d.type(), to = d.type();
    for (Type t : {from, to}) {
        if (!is_integer(t) && !is_half(t) && t != Type::f32) d.refuse_type();
    }
    const bool pair = is_half(to) && bits(to) == 32;
    d.out.from = from;
    d.out.to = to;
    d.out.mode = take_rounding(d, to, from, to_integer_value, to_float_value);
    if ((from == Type::f32 || to == Type::f32) && d.has("ftz")) d.out.mode |= ftz;
    if (from == Type::f32 && to == Type::f32 && d.has("sat")) d.out.mode |= sat;
    d.need_operands(pair ? 3 : 2);
    int width = 0;
    d.out.r[0] = d.any_register(d.operand(0), &width, true);
    d.out.count = static_cast<uint8_t>(width / 8);
    if (is_integer(to) ? width < bits(to) : width != bits(to)) d.refuse_width(d.operand(0), width);
    d.out.r[1] = source(d, 1, from, &d.out.width);
    if (pair) d.out.r[2] = source(d, 2, from, &d.out.width);
    d.out.execute = handler(d);
}

}  // namespace

std::vector<Entry> convert_instructions() { return {{"cvt", Operands::any, decode_cvt}}; }

}  // namespace ptx
