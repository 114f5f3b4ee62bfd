// Integer and float32 arithmetic against the PTX ISA's definitions in plain C++.
#include <cmath>
#include <functional>

#include "exact.h"

namespace ptx::test {

namespace {

using Truth = std::function<uint64_t(uint64_t a, uint64_t b, uint64_t c)>;

struct Row {
    const char *snippet;
    int width;
    Truth truth;
};

// Corner cases and random numbers of that width, combined.
std::vector<Inputs> integers(int width) {
    const uint64_t mask = width == 64 ? ~uint64_t{0} : (uint64_t{1} << width) - 1, top = uint64_t{1} << (width - 1);
    std::vector<uint64_t> values = {0, 1, 2, 3, 7, 31, 32, 33, 63, 64, 100, top - 1, top, top + 1, mask - 1, mask};
    Numbers random(static_cast<uint64_t>(width));
    for (int i = 0; i < 8; i++) values.push_back(random.next() & mask);
    std::vector<Inputs> out;
    for (uint64_t a : values) {
        for (uint64_t b : values) out.push_back({a, b, random.next() & mask});
    }
    return out;
}

void check_rows(const std::vector<Row> &rows, const std::function<std::vector<Inputs>(int)> &inputs_of) {
    for (const Row &row : rows) {
        std::vector<Inputs> inputs = inputs_of(row.width);
        std::vector<uint64_t> got = evaluate(row.snippet, row.width, inputs);
        for (size_t i = 0; i < inputs.size(); i++) {
            uint64_t want = row.truth(inputs[i].a, inputs[i].b, inputs[i].c);
            if (row.width < 64) want &= (uint64_t{1} << row.width) - 1;
            check(got[i] == want, std::string(row.snippet) + " of " + hex64(inputs[i].a) + " " + hex64(inputs[i].b) +
                                      " " + hex64(inputs[i].c) + ": " + hex64(got[i]) + ", not " + hex64(want));
        }
    }
}

int32_t s32(uint64_t x) { return static_cast<int32_t>(x); }
int64_t s64(uint64_t x) { return static_cast<int64_t>(x); }
int16_t s16(uint64_t x) { return static_cast<int16_t>(x); }
using wide = __int128;

#define ROW(width, snippet, expression)                                                                                \
    {snippet, width, [](uint64_t a, uint64_t b, uint64_t c) -> uint64_t {                                              \
         (void)a, (void)b, (void)c;                                                                                    \
         return static_cast<uint64_t>(expression);                                                                     \
     }}

void check_integers() {
    check_rows(
        {
            ROW(32, "add.s32 %d32, %a32, %b32;", a + b),
            ROW(64, "add.s64 %d64, %a64, %b64;", a + b),
            ROW(16, "add.s16 %d16, %a16, %b16;", a + b),
            ROW(32, "sub.u32 %d32, %a32, %b32;", a - b),
            ROW(64, "sub.s64 %d64, %a64, 5;", a - 5),
            ROW(32, "mul.lo.s32 %d32, %a32, %b32;", a * b),
            ROW(16, "mul.lo.s16 %d16, %a16, %b16;", a * b),
            ROW(64, "mul.lo.s64 %d64, %a64, %b64;", a * b),
            ROW(32, "mul.hi.s32 %d32, %a32, %b32;", (int64_t{s32(a)} * s32(b)) >> 32),
            ROW(32, "mul.hi.u32 %d32, %a32, %b32;", (a * b) >> 32),
            ROW(64, "mul.hi.u64 %d64, %a64, %b64;", (static_cast<unsigned __int128>(a) * b) >> 64),
            ROW(64, "mul.hi.s64 %d64, %a64, %b64;", (wide{s64(a)} * s64(b)) >> 64),
            ROW(64, "mul.wide.s32 %d64, %a32, %b32;", int64_t{s32(a)} * s32(b)),
            ROW(64, "mul.wide.u32 %d64, %a32, %b32;", uint64_t{uint32_t(a)} * uint32_t(b)),
            ROW(32, "mul.wide.u16 %d32, %a16, %b16;", (a & 0xffff) * (b & 0xffff)),
            ROW(32, "mul.wide.s16 %d32, %a16, %b16;", s16(a) * s16(b)),
            ROW(32, "mad.lo.s32 %d32, %a32, %b32, %c32;", a * b + c),
            ROW(32, "mad.hi.u32 %d32, %a32, %b32, %c32;", ((a * b) >> 32) + c),
            ROW(64, "mad.lo.u64 %d64, %a64, %b64, %c64;", a * b + c),
            ROW(64, "mad.wide.u32 %d64, %a32, %b32, %c64;", uint64_t{uint32_t(a)} * uint32_t(b) + c),
            ROW(64, "mad.wide.s32 %d64, %a32, -4, %c64;", int64_t{s32(a)} * -4 + s64(c)),
            ROW(32, "min.s32 %d32, %a32, %b32;", std::min(s32(a), s32(b))),
            ROW(32, "min.u32 %d32, %a32, %b32;", std::min(a, b)),
            ROW(64, "max.s64 %d64, %a64, %b64;", std::max(s64(a), s64(b))),
            ROW(16, "max.u16 %d16, %a16, %b16;", std::max(a, b)),
            ROW(32, "neg.s32 %d32, %a32;", 0 - a),
            ROW(32, "abs.s32 %d32, %a32;", s32(a) < 0 ? 0 - a : a),
            ROW(32, "div.u32 %d32, %a32, %b32;", b ? a / b : ~0ull),
            ROW(32, "rem.u32 %d32, %a32, %b32;", b ? a % b : ~0ull),
            ROW(32, "div.s32 %d32, %a32, %b32;", b ? int64_t{s32(a)} / s32(b) : -1),
            ROW(32, "rem.s32 %d32, %a32, %b32;", b ? int64_t{s32(a)} % s32(b) : -1),
            ROW(64, "div.s64 %d64, %a64, %b64;", b ? static_cast<int64_t>(wide{s64(a)} / s64(b)) : -1),
            ROW(64, "rem.u64 %d64, %a64, %b64;", b ? a % b : ~0ull),
            ROW(32, "mov.b32 %d32, %a32;", a),
        },
        integers);
}

// Zeros, denormals, infinities, NaN and ordinary numbers.
std::vector<Inputs> singles(int) {
    std::vector<uint32_t> values = {0,          0x80000000, 1,          0x80000001, 0x007fffff, 0x00800000,
                                    0x3f800000, 0xbf800000, 0x3f7fffff, 0x40490fdb, 0x7f7fffff, 0x7f800000,
                                    0xff800000, 0x7fc00000, 0x4b7fffff, 0x33000000, 0x42280000, 0xc2f00000};
    Numbers random(7);
    for (int i = 0; i < 6; i++) values.push_back(static_cast<uint32_t>(u32(random.real(10))));
    std::vector<Inputs> out;
    for (uint32_t a : values) {
        for (uint32_t b : values) out.push_back({a, b, values[random.next() % values.size()]});
    }
    return out;
}

// The canonical form of what a lane holds: all NaNs are one, for PTX does not say which comes out.
uint64_t canonical(uint64_t bits) { return std::isnan(f32(bits)) ? 0x7fffffff : bits; }

float flush(float x) { return std::fpclassify(x) == FP_SUBNORMAL ? std::copysign(0.0f, x) : x; }
float saturate(float x) { return x > 0 ? std::min(x, 1.0f) : 0.0f; }

float minimum(float a, float b) {
    if (std::isnan(a) || std::isnan(b)) return std::isnan(a) ? b : a;
    if (a == b) return std::signbit(a) ? a : b;
    return a < b ? a : b;
}

struct Single {
    const char *snippet;
    std::function<float(float, float, float)> truth;
};

#define F32(snippet, expression)                                                                                       \
    {snippet, [](float a, float b, float c) -> float {                                                                 \
         (void)a, (void)b, (void)c;                                                                                    \
         return static_cast<float>(expression);                                                                        \
     }}

void check_singles() {
    const std::vector<Single> rows = {
        F32("add.f32 %d32, %a32, %b32;", a + b),
        F32("add.rn.ftz.f32 %d32, %a32, %b32;", flush(flush(a) + flush(b))),
        F32("add.sat.f32 %d32, %a32, %b32;", saturate(a + b)),
        F32("sub.f32 %d32, %a32, %b32;", a - b),
        F32("mul.f32 %d32, %a32, %b32;", a * b),
        F32("mul.ftz.sat.f32 %d32, %a32, %b32;", saturate(flush(flush(a) * flush(b)))),
        F32("fma.rn.f32 %d32, %a32, %b32, %c32;", std::fma(a, b, c)),
        F32("fma.rn.ftz.f32 %d32, %a32, %b32, %c32;", flush(std::fma(flush(a), flush(b), flush(c)))),
        F32("fma.rn.f32 %d32, %a32, 0f3F000000, 0fBF800000;", std::fma(a, 0.5f, -1.0f)),
        F32("div.rn.f32 %d32, %a32, %b32;", a / b),
        F32("div.full.f32 %d32, %a32, %b32;", a / b),
        F32("div.approx.ftz.f32 %d32, %a32, %b32;", flush(flush(a) / flush(b))),
        F32("rcp.rn.f32 %d32, %a32;", 1 / a),
        F32("rcp.approx.ftz.f32 %d32, %a32;", flush(1 / flush(a))),
        F32("sqrt.rn.f32 %d32, %a32;", std::sqrt(a)),
        F32("rsqrt.approx.f32 %d32, %a32;", 1 / std::sqrt(static_cast<double>(a))),
        F32("ex2.approx.ftz.f32 %d32, %a32;", flush(static_cast<float>(std::exp2(static_cast<double>(flush(a)))))),
        F32("lg2.approx.f32 %d32, %a32;", std::log2(static_cast<double>(a))),
        F32("tanh.approx.f32 %d32, %a32;", std::tanh(static_cast<double>(a))),
        F32("neg.f32 %d32, %a32;", -a),
        F32("abs.ftz.f32 %d32, %a32;", flush(std::fabs(a))),
        F32("min.f32 %d32, %a32, %b32;", minimum(a, b)),
        F32("max.f32 %d32, %a32, %b32;", -minimum(-a, -b)),
        F32("min.NaN.f32 %d32, %a32, %b32;", std::isnan(a) || std::isnan(b) ? NAN : minimum(a, b)),
        F32("copysign.f32 %d32, %a32, %b32;", std::copysign(b, a)),
        F32("selp.f32 %d32, %a32, %b32, !%pc;", u32(c) & 1 ? b : a),
    };
    for (const Single &row : rows) {
        std::vector<Inputs> inputs = singles(32);
        std::vector<uint64_t> got = evaluate(row.snippet, 32, inputs);
        for (size_t i = 0; i < inputs.size(); i++) {
            float want = row.truth(f32(inputs[i].a), f32(inputs[i].b), f32(inputs[i].c));
            check(canonical(got[i]) == canonical(u32(want)), std::string(row.snippet) + " of " + hex64(inputs[i].a) +
                                                                 " " + hex64(inputs[i].b) + " " + hex64(inputs[i].c) +
                                                                 ": " + hex64(got[i]) + ", not " + hex64(u32(want)));
        }
    }
}

// Directed roundings, against roundings of exact values.
constexpr Way ways[] = {Way::nearest, Way::zero, Way::down, Way::up};
constexpr const char *names[] = {"rn", "rz", "rm", "rp"};

using Exact = std::function<__float128(__float128, __float128, __float128)>;

// Numbers of moderate exponents, so that the exact value fits.
std::vector<Inputs> moderate() {
    Numbers random(3);
    std::vector<Inputs> out;
    for (int i = 0; i < 256; i++) {
        out.push_back({u32(random.real(4)), u32(random.real(100)), u32(random.real(i % 2 ? 1e-3f : 4))});
    }
    out.push_back({u32(1), u32(1), u32(-1)});
    out.push_back({u32(1), u32(0x1p-30f), u32(0x1p-30f)});
    out.push_back({u32(-1), u32(0x1p-30f), u32(0x1p-40f)});
    return out;
}

void check_directed() {
    struct Directed {
        const char *name, *operands;
        Exact exact;
    };
    const Directed rows[] = {
        {"add", "%a32, %b32", [](auto a, auto b, auto) { return a + b; }},
        {"sub", "%a32, %b32", [](auto a, auto b, auto) { return a - b; }},
        {"mul", "%a32, %b32", [](auto a, auto b, auto) { return a * b; }},
        {"fma", "%a32, %b32, %c32", [](auto a, auto b, auto c) { return a * b + c; }},
    };
    const std::vector<Inputs> inputs = moderate();
    for (const Directed &row : rows) {
        for (int way = 0; way < 4; way++) {
            std::string snippet = std::string(row.name) + "." + names[way] + ".f32 %d32, " + row.operands + ";";
            std::vector<uint64_t> got = evaluate(snippet, 32, inputs);
            for (size_t i = 0; i < inputs.size(); i++) {
                __float128 exact = row.exact(f32(inputs[i].a), f32(inputs[i].b), f32(inputs[i].c));
                // An exact zero is -0 only when rounding down.
                uint64_t want = round_exactly(format_f32, exact, ways[way] == Way::down, ways[way]);
                check(got[i] == want,
                      snippet + " row " + std::to_string(i) + ": " + hex64(got[i]) + ", not " + hex64(want));
            }
        }
    }
}

}  // namespace

void arithmetic() {
    check_integers();
    check_singles();
    check_directed();
}

}  // namespace ptx::test
