// Directed roundings of float32, and f16 and bf16 arithmetic, against roundings of exact values.
#include <functional>

#include "exact.h"

namespace ptx::test {

namespace {

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
    struct Row {
        const char *name, *operands;
        Exact exact;
    };
    const Row rows[] = {
        {"add", "%a32, %b32", [](auto a, auto b, auto) { return a + b; }},
        {"sub", "%a32, %b32", [](auto a, auto b, auto) { return a - b; }},
        {"mul", "%a32, %b32", [](auto a, auto b, auto) { return a * b; }},
        {"fma", "%a32, %b32, %c32", [](auto a, auto b, auto c) { return a * b + c; }},
    };
    const std::vector<Inputs> inputs = moderate();
    for (const Row &row : rows) {
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

bool is_nan(const Format &f, uint64_t bits) { return std::isnan(f.value(bits)); }

// Every exponent, both signs, and the ends.
std::vector<Inputs> halves(const Format &f, uint64_t seed) {
    Numbers random(seed);
    std::vector<Inputs> out;
    const uint64_t special[] = {0,
                                0x8000,
                                1,
                                0x8001,
                                f.mantissa == 10 ? 0x3c00u : 0x3f80u,
                                f.mantissa == 10 ? 0x7bffu : 0x7f7fu,
                                f.mantissa == 10 ? 0x7c00u : 0x7f80u,
                                0x7fff};
    for (uint64_t a : special) {
        for (uint64_t b : special) out.push_back({a, b, special[random.next() % 8]});
    }
    for (int i = 0; i < 1500; i++) {
        uint64_t a = random.next() & 0xffff, b = random.next() & 0xffff, c = random.next() & 0xffff;
        // bf16's exponents are kept together, so that an exact sum fits.
        if (f.mantissa == 7) a = (a & 0x87ff) | 0x3c00, b = (b & 0x87ff) | 0x3c00, c = (c & 0x87ff) | 0x3c00;
        out.push_back({a, b, c});
    }
    return out;
}

void check_half(const char *type, const Format &f) {
    struct Row {
        const char *name;
        int sources;
        Exact exact;
    };
    const Row rows[] = {
        {"add", 2, [](auto a, auto b, auto) { return a + b; }},
        {"sub", 2, [](auto a, auto b, auto) { return a - b; }},
        {"mul", 2, [](auto a, auto b, auto) { return a * b; }},
        {"fma.rn", 3, [](auto a, auto b, auto c) { return a * b + c; }},
    };
    for (const Row &row : rows) {
        const std::vector<Inputs> inputs = halves(f, 5);
        const std::string third = row.sources == 3 ? ", %c16;" : ";", third32 = row.sources == 3 ? ", %c32;" : ";";
        std::string snippet = std::string(row.name) + "." + type + " %d16, %a16, %b16" + third;
        std::vector<uint64_t> got = evaluate(snippet, 16, inputs);
        // The packed form computes the same twice: in the upper half with the operands of a neighbour.
        std::vector<Inputs> pairs(inputs.size());
        for (size_t i = 0; i < inputs.size(); i++) {
            const Inputs &low = inputs[i], &high = inputs[(i + 1) % inputs.size()];
            pairs[i] = {low.a | high.a << 16, low.b | high.b << 16, low.c | high.c << 16};
        }
        std::string packed = std::string(row.name) + "." + type + "x2 %d32, %a32, %b32" + third32;
        std::vector<uint64_t> twice = evaluate(packed, 32, pairs);
        for (size_t i = 0; i < inputs.size(); i++) {
            const double a = f.value(inputs[i].a), b = f.value(inputs[i].b), c = f.value(inputs[i].c);
            const double about = row.name[0] == 'm'   ? a * b
                                 : row.name[0] == 'f' ? a * b + c
                                 : row.name[0] == 's' ? a - b
                                                      : a + b;
            check(twice[i] == (got[i] | got[(i + 1) % got.size()] << 16), packed + ": differs from " + snippet);
            if (std::isnan(about)) {
                check(is_nan(f, got[i]), snippet + ": a number where NaN is due");
            } else if (std::isinf(about)) {
                check(f.value(got[i]) == about, snippet + ": not infinite");
            } else {
                uint64_t want = round_exactly(f, row.exact(a, b, c), std::signbit(about), Way::nearest);
                check(got[i] == want, snippet + " of " + hex64(inputs[i].a) + " " + hex64(inputs[i].b) + " " +
                                          hex64(inputs[i].c) + ": " + hex64(got[i]) + ", not " + hex64(want));
            }
        }
    }
}

// min, max, neg and abs on a few values that can be listed.
void check_extremes() {
    struct Row {
        const char *snippet;
        uint64_t a, b, want;
    };
    const Row rows[] = {
        {"max.f16x2 %d32, %a32, %b32;", 0x3c00bc00, 0x40000000, 0x40000000},
        {"min.f16x2 %d32, %a32, %b32;", 0x3c00bc00, 0x40000000, 0x3c00bc00},
        {"max.bf16x2 %d32, %a32, %b32;", 0x3f80ffff, 0xbf804000, 0x3f804000},      // NaN gives way
        {"max.NaN.bf16x2 %d32, %a32, %b32;", 0x3f80ffff, 0xbf804000, 0x3f807fff},  // or stays
        {"neg.bf16x2 %d32, %a32;", 0x3f80bf80, 0, 0xbf803f80},
        {"abs.f16x2 %d32, %a32;", 0xbc003c00, 0, 0x3c003c00},
        {"fma.rn.relu.bf16x2 %d32, %a32, %b32, 0;", 0x3f80bf80, 0x40004000, 0x40000000},
        {"min.f16x2 %d32, %a32, %b32;", 0x80000000, 0x00008000, 0x80008000},  // -0 is less than +0
        {"max.bf16x2 %d32, %a32, %b32;", 0x80000000, 0x00008000, 0x00000000},
        // 1.0078125 x 1.5 lies between two numbers of bf16; -2^-100 decides.
        {"fma.rn.bf16x2 %d32, %a32, %b32, 0x8d808d80;", 0x3f813f81, 0x3fc03fc0, 0x3fc13fc1},
        {"add.sat.f16x2 %d32, %a32, %b32;", 0x3c003800, 0x3c00b900, 0x3c000000},
    };
    for (const Row &row : rows) {
        uint64_t got = evaluate(row.snippet, 32, {{row.a, row.b, 0}})[0];
        check(got == row.want, std::string(row.snippet) + ": " + hex64(got) + ", not " + hex64(row.want));
    }
}

}  // namespace

void rounding() {
    check_directed();
    check_half("f16", format_f16);
    check_half("bf16", format_bf16);
    check_extremes();
}

}  // namespace ptx::test
