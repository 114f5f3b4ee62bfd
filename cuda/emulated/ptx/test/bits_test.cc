// Operations on bits, and comparisons, against their definitions.
#include <cmath>

#include "check.h"

namespace ptx::test {

namespace {

struct Listed {
    const char *snippet;
    int width;
    uint64_t a, b, c, want;
};

void check_listed(const std::vector<Listed> &rows) {
    for (const Listed &row : rows) {
        uint64_t got = evaluate(row.snippet, row.width, {{row.a, row.b, row.c}})[0];
        check(got == row.want, std::string(row.snippet) + " of " + hex64(row.a) + " " + hex64(row.b) + " " +
                                   hex64(row.c) + ": " + hex64(got) + ", not " + hex64(row.want));
    }
}

// bfe by the ISA's pseudo-code, bit for bit.
uint64_t extract(uint32_t a, uint32_t p, uint32_t n, bool is_signed) {
    uint32_t sign = is_signed && n ? a >> std::min(p + n - 1, 31u) & 1 : 0, out = 0;
    for (uint32_t i = 0; i < 32; i++) out |= (i < n && p + i < 32 ? a >> (p + i) & 1 : sign) << i;
    return out;
}

void check_fields() {
    const uint32_t a = 0x87654321, b = 0x0fedcba9;
    for (uint32_t position : {0u, 1u, 7u, 16u, 31u, 32u, 40u, 255u}) {
        for (uint32_t length : {0u, 1u, 8u, 31u, 32u, 33u, 255u}) {
            const std::string tail = ", " + std::to_string(position) + ", " + std::to_string(length) + ";";
            auto one = [&](const std::string &snippet, uint64_t want) {
                uint64_t got = evaluate(snippet + tail, 32, {{a, b, 0}})[0];
                check(got == want, snippet + tail + ": " + hex64(got) + ", not " + hex64(want));
            };
            for (bool is_signed : {false, true}) {
                const std::string name = is_signed ? "bfe.s32" : "bfe.u32";
                one(name + " %d32, %a32", extract(a, position, length, is_signed));
                one(name + " %d32, %b32", extract(b, position, length, is_signed));
            }
            uint32_t want = b;
            for (uint32_t i = 0; i < length && position + i < 32; i++) {
                want = (want & ~(1u << (position + i))) | ((a >> i & 1u) << (position + i));
            }
            one("bfi.b32 %d32, %a32, %b32", want);
        }
    }
}

// All relations between floats, with NaN.
void check_relations() {
    struct Relation {
        const char *name;
        bool (*holds)(float, float);
    };
    const Relation relations[] = {
        {"eq", [](float a, float b) { return a == b; }},
        {"ne", [](float a, float b) { return a < b || a > b; }},
        {"lt", [](float a, float b) { return a < b; }},
        {"le", [](float a, float b) { return a <= b; }},
        {"gt", [](float a, float b) { return a > b; }},
        {"ge", [](float a, float b) { return a >= b; }},
        {"equ", [](float a, float b) { return std::isunordered(a, b) || a == b; }},
        {"neu", [](float a, float b) { return std::isunordered(a, b) || a != b; }},
        {"ltu", [](float a, float b) { return std::isunordered(a, b) || a < b; }},
        {"leu", [](float a, float b) { return std::isunordered(a, b) || a <= b; }},
        {"gtu", [](float a, float b) { return std::isunordered(a, b) || a > b; }},
        {"geu", [](float a, float b) { return std::isunordered(a, b) || a >= b; }},
        {"num", [](float a, float b) { return !std::isunordered(a, b); }},
        {"nan", [](float a, float b) { return std::isunordered(a, b); }},
    };
    std::vector<Inputs> inputs;
    for (float a : {-1.0f, -0.0f, 0.0f, 2.0f, INFINITY, NAN}) {
        for (float b : {-1.0f, -0.0f, 0.0f, 2.0f, INFINITY, NAN}) {
            inputs.push_back({u32(a), u32(b), 0});
        }
    }
    for (const Relation &r : relations) {
        const std::string name = r.name, snippet = "setp." + name + ".f32 %pd, %a32, %b32; selp.b32 %d32, 1, 0, %pd;";
        std::vector<uint64_t> got = evaluate(snippet, 32, inputs);
        for (size_t i = 0; i < inputs.size(); i++) {
            uint64_t want = r.holds(f32(inputs[i].a), f32(inputs[i].b));
            check(got[i] == want, name + " row " + std::to_string(i) + ": " + hex64(got[i]) + ", not " + hex64(want));
        }
    }
}

}  // namespace

void bit_operations() {
    check_listed({
        {"and.b32 %d32, %a32, %b32;", 32, 0xff00ff00, 0x0ff00ff0, 0, 0x0f000f00},
        {"or.b64 %d64, %a64, 1;", 64, 0xf0, 0, 0, 0xf1},
        {"xor.b16 %d16, %a16, %b16;", 16, 0xff, 0xf0f, 0, 0xff0},
        {"not.b32 %d32, %a32;", 32, 0xff, 0, 0, 0xffffff00},
        {"shl.b32 %d32, %a32, %b32;", 32, 1, 31, 0, 0x80000000},
        {"shl.b32 %d32, %a32, %b32;", 32, 1, 32, 0, 0},
        {"shl.b64 %d64, %a64, %b32;", 64, 1, 40, 0, 1ull << 40},
        {"shl.b16 %d16, %a16, 15;", 16, 3, 0, 0, 0x8000},
        {"shr.u32 %d32, %a32, %b32;", 32, 0x80000000, 31, 0, 1},
        {"shr.s32 %d32, %a32, %b32;", 32, 0x80000000, 99, 0, 0xffffffff},
        {"shr.u64 %d64, %a64, 64;", 64, ~0ull, 0, 0, 0},
        {"shr.s16 %d16, %a16, 4;", 16, 0x8000, 0, 0, 0xf800},
        {"shf.l.wrap.b32 %d32, %a32, %b32, 8;", 32, 0x11223344, 0x55667788, 0, 0x66778811},
        {"shf.r.wrap.b32 %d32, %a32, %b32, 40;", 32, 0x11223344, 0x55667788, 0, 0x88112233},
        {"shf.r.clamp.b32 %d32, %a32, %b32, 40;", 32, 0x11223344, 0x55667788, 0, 0x55667788},
        {"shf.l.clamp.b32 %d32, %a32, %b32, 32;", 32, 0x11223344, 0x55667788, 0, 0x11223344},
        {"prmt.b32 %d32, %a32, %b32, 0x7610;", 32, 0x33221100, 0x77665544, 0, 0x77661100},
        {"prmt.b32 %d32, %a32, %b32, 0x5410;", 32, 0x33221100, 0x77665544, 0, 0x55441100},
        {"prmt.b32 %d32, %a32, %b32, 0x888c;", 32, 0x33221180, 0x776655c4, 0, 0xffffffff},
        {"popc.b32 %d32, %a32;", 32, 0xf0f0, 0, 0, 8},
        {"popc.b64 %d32, %a64;", 32, ~0ull, 0, 0, 64},
        {"clz.b32 %d32, %a32;", 32, 0, 0, 0, 32},
        {"clz.b64 %d32, %a64;", 32, 1, 0, 0, 63},
    });
    check_fields();
}

void comparisons() {
    check_relations();
    const char *choose = " selp.u32 %d32, 1, 0, %pd;";
    auto listed = [&](const std::string &setp, uint64_t a, uint64_t b, uint64_t want) {
        uint64_t got = evaluate(setp + choose, 32, {{a, b, 0}})[0];
        check(got == want, setp + " of " + hex64(a) + " " + hex64(b) + ": " + hex64(got));
    };
    listed("setp.lt.s32 %pd, %a32, %b32;", 0xffffffff, 0, 1);
    listed("setp.lt.u32 %pd, %a32, %b32;", 0xffffffff, 0, 0);
    listed("setp.ge.s64 %pd, %a64, %b64;", ~0ull, 0, 0);
    listed("setp.eq.b16 %pd, %a16, %b16;", 0x10001, 1, 1);
    listed("setp.eq.ftz.f32 %pd, %a32, %b32;", 1, 0x80000002, 1);
    listed("and.pred %pd, %pa, %pb;", 3, 2, 0);
    listed("or.pred %pd, %pa, %pb;", 3, 2, 1);
    listed("xor.pred %pd, %pa, !%pb;", 3, 2, 0);
    listed("not.pred %pd, %pa;", 3, 2, 0);
    listed("mov.pred %pd, %pa;", 3, 2, 1);
    listed("mov.pred %pd, 0;", 3, 2, 0);
    listed("mov.pred %pd, -1;", 3, 2, 1);
}

}  // namespace ptx::test
