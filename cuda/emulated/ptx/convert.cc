// cvt: between all integers and floating-point formats, rounded once. A register may be wider than the type.
#include "elementwise.h"
#include "floats.h"
#include "instructions.h"

#include <cfenv>
#include <cmath>
#include <limits>

namespace ptx {

namespace {

// Instruction::mode of a conversion: a Rounding in the low two bits, and these. width and count hold the bytes of the
// source's and the destination's register.
enum Flags : uint8_t { integral = 4, ftz = 8, sat = 16, relu = 32 };

Rounding rounding_of(const Instruction &in) { return static_cast<Rounding>(in.mode & 3); }

// The low bits of v that the type has, extended to 64 by its sign.
int64_t extend(int64_t v, Type type) {
    int unused = 64 - bits(type);
    auto top = static_cast<int64_t>(static_cast<uint64_t>(v) << unused);
    return is_signed(type) ? top >> unused : static_cast<int64_t>(static_cast<uint64_t>(top) >> unused);
}

uint64_t read(Warp &w, uint32_t place, int register_bytes, int lane) {
    switch (register_bytes) {
    case 2:
        return w.values<uint16_t>(place)[lane];
    case 4:
        return w.values<uint32_t>(place)[lane];
    default:
        return w.values<uint64_t>(place)[lane];
    }
}

void write(Warp &w, uint32_t place, int register_bytes, int lane, uint64_t value) {
    switch (register_bytes) {
    case 2:
        w.values<uint16_t>(place)[lane] = static_cast<uint16_t>(value);
        break;
    case 4:
        w.values<uint32_t>(place)[lane] = static_cast<uint32_t>(value);
        break;
    default:
        w.values<uint64_t>(place)[lane] = value;
        break;
    }
}

// Values of floating point travel as double, which holds all of them exactly.
double from_bits(uint64_t u, Type type) {
    if (is_half(type)) return widen(type, static_cast<uint16_t>(u));
    if (type == Type::f32) return bits_float(static_cast<uint32_t>(u));
    double x;
    std::memcpy(&x, &u, sizeof x);
    return x;
}

uint64_t to_bits(double x, Type type, Rounding rounding) {
    if (is_half(type)) return round_half(type, x, rounding);
    if (type == Type::f32) return float_bits(round_float(x, rounding));
    uint64_t u;
    std::memcpy(&u, &x, sizeof u);
    return u;
}

double to_integral(double x, Rounding rounding) {
    switch (rounding) {
    case Rounding::nearest:
        return std::nearbyint(x);
    case Rounding::zero:
        return std::trunc(x);
    case Rounding::down:
        return std::floor(x);
    default:
        return std::ceil(x);
    }
}

// Beyond the integer's range its nearest value; NaN is zero, or the sign bit alone where 64 bits are involved.
int64_t to_integer(double x, Type from, Type to, Rounding rounding) {
    const int width = bits(to);
    if (std::isnan(x)) return width == 64 || from == Type::f64 ? extend(int64_t{1} << (width - 1), to) : 0;
    x = to_integral(x, rounding);
    if (is_signed(to)) {
        double limit = std::ldexp(1.0, width - 1);
        if (x >= limit) return extend(~(~uint64_t{0} << (width - 1)), to);
        return x < -limit ? static_cast<int64_t>(~uint64_t{0} << (width - 1)) : static_cast<int64_t>(x);
    }
    if (x >= std::ldexp(1.0, width)) return extend(-1, to);
    return x < 0 ? 0 : static_cast<int64_t>(static_cast<uint64_t>(x));
}

// .sat between integers: the nearest value of the destination.
int64_t clamp_integer(int64_t v, Type from, Type to) {
    const int width = bits(to);
    bool negative = v < 0 && is_signed(from);
    if (is_signed(to)) {
        int64_t high = width == 64 ? std::numeric_limits<int64_t>::max() : (int64_t{1} << (width - 1)) - 1;
        if (!negative && static_cast<uint64_t>(v) > static_cast<uint64_t>(high)) return high;
        return negative ? std::max(v, -high - 1) : v;
    }
    uint64_t high = width == 64 ? ~uint64_t{0} : (uint64_t{1} << width) - 1;
    if (negative) return 0;
    return static_cast<uint64_t>(v) > high ? static_cast<int64_t>(high) : v;
}

void integer_to_integer(Warp &w, const Instruction &in, Mask active) {
    for_active(active, [&](int l) {
        int64_t v = extend(static_cast<int64_t>(read(w, in.r[1], in.width, l)), in.from);
        if (in.mode & sat) v = clamp_integer(v, in.from, in.to);
        write(w, in.r[0], in.count, l, static_cast<uint64_t>(extend(v, in.to)));
    });
}

// By the processor's own conversions: those of 64-bit integers do not fit a double.
void integer_to_float(Warp &w, const Instruction &in, Mask active) {
    constexpr int modes[] = {FE_TONEAREST, FE_TOWARDZERO, FE_DOWNWARD, FE_UPWARD};
    std::fesetround(modes[in.mode & 3]);
    for_active(active, [&](int l) {
        int64_t v = extend(static_cast<int64_t>(read(w, in.r[1], in.width, l)), in.from);
        if (in.to == Type::f32) {
            float x = is_signed(in.from) ? static_cast<float>(v) : static_cast<float>(static_cast<uint64_t>(v));
            w.values<float>(in.r[0])[l] = x;
        } else {
            double x = is_signed(in.from) ? static_cast<double>(v) : static_cast<double>(static_cast<uint64_t>(v));
            w.values<double>(in.r[0])[l] = x;
        }
    });
    std::fesetround(FE_TONEAREST);
}

// Of 32 bits at most, which a double holds.
void integer_to_half(Warp &w, const Instruction &in, Mask active) {
    for_active(active, [&](int l) {
        int64_t v = extend(static_cast<int64_t>(read(w, in.r[1], in.width, l)), in.from);
        write(w, in.r[0], in.count, l, round_half(in.to, static_cast<double>(v), rounding_of(in)));
    });
}

void float_to_integer(Warp &w, const Instruction &in, Mask active) {
    for_active(active, [&](int l) {
        double x = from_bits(read(w, in.r[1], in.width, l), in.from);
        if (in.mode & ftz) x = flush(static_cast<float>(x));
        write(w, in.r[0], in.count, l, static_cast<uint64_t>(to_integer(x, in.from, in.to, rounding_of(in))));
    });
}

// One value of a conversion between floating-point formats, as bits.
uint64_t convert_float(double x, const Instruction &in) {
    if ((in.mode & ftz) && in.from == Type::f32) x = flush(static_cast<float>(x));
    if (in.mode & integral) x = to_integral(x, rounding_of(in));
    Type to = half_of(in.to);
    uint64_t u = to_bits(x, to, rounding_of(in));
    if ((in.mode & ftz) && to == Type::f32) u = float_bits(flush(bits_float(static_cast<uint32_t>(u))));
    if (in.mode & (sat | relu)) {
        double y = from_bits(u, to);
        if (in.mode & sat) y = y > 0 ? std::min(y, 1.0) : 0.0;
        if (in.mode & relu) y = std::isnan(y) ? y : y > 0 ? y : 0.0;
        u = to_bits(y, to, Rounding::nearest);
    }
    return u;
}

void float_to_float(Warp &w, const Instruction &in, Mask active) {
    for_active(active, [&](int l) {
        write(w, in.r[0], in.count, l, convert_float(from_bits(read(w, in.r[1], in.width, l), in.from), in));
    });
}

// Two float32 to a pair: the first goes to the upper half.
void float_to_pair(Warp &w, const Instruction &in, Mask active) {
    Lanes<float> a = w.values<float>(in.r[1]);
    Lanes<float> b = w.values<float>(in.r[2]);
    Lanes<uint32_t> d = w.values<uint32_t>(in.r[0]);
    for_active(active,
               [&](int l) { d[l] = static_cast<uint32_t>(convert_float(a[l], in) << 16 | convert_float(b[l], in)); });
}

// The conversions that kernels are full of, in vectors.
uint32_t pair_bf16(float high, float low) { return static_cast<uint32_t>(narrow_bf16(high)) << 16 | narrow_bf16(low); }
uint32_t pair_f16(float high, float low) { return static_cast<uint32_t>(narrow_f16(high)) << 16 | narrow_f16(low); }
float s32_to_f32(int32_t a) { return static_cast<float>(a); }
int64_t s32_to_s64(int32_t a) { return a; }
uint64_t u32_to_u64(uint32_t a) { return a; }
uint32_t u64_to_u32(uint64_t a) { return static_cast<uint32_t>(a); }
uint32_t u16_to_u32(uint16_t a) { return a; }

Execute fast(const Instruction &in) {
    if (in.mode || in.width != bytes(in.from) || in.count != bytes(in.to)) return nullptr;
    auto is = [&](Type to, Type from) { return in.to == to && in.from == from; };
    if (is(Type::bf16x2, Type::f32)) return elementwise<pair_bf16>;
    if (is(Type::f16x2, Type::f32)) return elementwise<pair_f16>;
    if (is(Type::bf16, Type::f32)) return elementwise<narrow_bf16>;
    if (is(Type::f16, Type::f32)) return elementwise<narrow_f16>;
    if (is(Type::f32, Type::bf16)) return elementwise<widen_bf16>;
    if (is(Type::f32, Type::f16)) return elementwise<widen_f16>;
    if (is(Type::f32, Type::s32)) return elementwise<s32_to_f32>;
    if (is(Type::s64, Type::s32)) return elementwise<s32_to_s64>;
    if (is(Type::u64, Type::u32)) return elementwise<u32_to_u64>;
    if (is(Type::u32, Type::u64)) return elementwise<u64_to_u32>;
    if (is(Type::u32, Type::u16)) return elementwise<u16_to_u32>;
    return nullptr;
}

bool floating(Type t) { return is_float(t) || is_half(t); }

// Whether the mnemonic has to name a rounding: what may lose bits does.
bool needs_rounding(Type to, Type from) {
    if (!floating(to) && !floating(from)) return false;
    if (floating(to) != floating(from)) return true;
    return bits(half_of(to)) < bits(from) || (is_half(to) && is_half(from) && half_of(to) != from);
}

Execute general(Decoder &d, Type to, Type from) {
    if (!floating(from) && !floating(to)) return integer_to_integer;
    if (!floating(from)) {
        if (is_float(to)) return integer_to_float;
        if (bits(from) == 64) d.refuse("from 64 bits is not interpreted");
        return integer_to_half;
    }
    if (!floating(to)) return float_to_integer;
    return to == half_of(to) ? float_to_float : float_to_pair;
}

// A register that may be wider than the type, or a constant; its bytes go to *size.
uint32_t source(Decoder &d, const syntax::Operand &o, Type type, uint8_t *size) {
    int width = std::max(bits(type), 16);
    RegisterName *r = o.kind == syntax::Operand::name ? d.names.find_register(o.text, d.statement().scope) : nullptr;
    uint32_t place =
        r ? d.any_register(o, &width, false) : d.source(o, width == 16 && !is_half(type) ? Type::u16 : type);
    if (width < bits(type)) d.refuse(std::string(o.text) + " is too narrow");
    if (floating(type) && width != bits(type))
        d.refuse(std::string(o.text) + " has " + std::to_string(width) + " bits");
    *size = static_cast<uint8_t>(width / 8);
    return place;
}

void decode_cvt(Decoder &d) {
    int to_integral_value = d.one_of({"rni", "rzi", "rmi", "rpi"});
    int to_float_value = d.one_of({"rn", "rz", "rm", "rp"});
    uint8_t flags = (d.has("ftz") ? ftz : 0) | (d.has("sat") ? sat : 0) | (d.has("relu") ? relu : 0);
    Type from = d.type(), to = d.type();
    bool packed = to != half_of(to);
    if (is_bits(from) || is_bits(to) || from == Type::pred || to == Type::pred || from != half_of(from)) {
        d.refuse("not interpreted for these types");
    }
    if (packed && from != Type::f32) d.refuse("not interpreted for these types");
    if ((flags & sat) && !floating(to) && floating(from)) flags &= ~sat;  // integers saturate anyway
    if ((flags & ftz) && from != Type::f32 && to != Type::f32) d.refuse(".ftz is for float32");
    if ((flags & sat) && floating(to) && !floating(from)) d.refuse(".sat is not interpreted for these types");
    if ((flags & relu) && !is_half(to)) d.refuse(".relu is for f16 and bf16");
    int rounding = std::max(to_integral_value, to_float_value);
    if (needs_rounding(to, from) && rounding < 0) d.refuse("without a rounding is not interpreted");
    if (floating(from) && !floating(to) && to_integral_value < 0) d.refuse("needs an integer's rounding");
    if (floating(to) && to_integral_value >= 0) {
        if (to != from) d.refuse("an integer's rounding is not interpreted for these types");
        flags |= integral;
    }
    if (!floating(to) && !floating(from) && rounding >= 0) d.refuse("integers are not rounded");

    d.out.from = from;
    d.out.to = to;
    d.out.mode = static_cast<uint8_t>(flags | std::max(rounding, 0));
    d.need_operands(packed ? 3 : 2);
    int width = 0;
    d.out.r[0] = d.any_register(d.operand(0), &width, true);
    d.out.count = static_cast<uint8_t>(width / 8);
    if (width < bits(to) || (floating(to) && width != bits(to))) {
        d.refuse(std::string(d.operand(0).text) + " has " + std::to_string(width) + " bits");
    }
    d.out.r[1] = source(d, d.operand(1), from, &d.out.width);
    if (packed) d.out.r[2] = source(d, d.operand(2), from, &d.out.width);
    d.out.execute = fast(d.out);
    if (!d.out.execute) d.out.execute = general(d, to, from);
}

}  // namespace

std::vector<Entry> convert_instructions() { return {{"cvt", Operands::any, decode_cvt}}; }

}  // namespace ptx
