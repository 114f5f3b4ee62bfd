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

// Each bit of the result is the bit of the table that the three source bits number.
void check_lop3() {
    const uint64_t a = 0x12345678, b = 0x9abcdef0, c = 0x0f1e2d3c;
    for (uint32_t table = 0; table < 256; table++) {
        uint64_t want = 0;
        for (int bit = 0; bit < 32; bit++) {
            uint32_t row = static_cast<uint32_t>((a >> bit & 1) << 2 | (b >> bit & 1) << 1 | (c >> bit & 1));
            want |= static_cast<uint64_t>(table >> row & 1) << bit;
        }
        std::string snippet = "lop3.b32 %d32, %a32, %b32, %c32, " + std::to_string(table) + ";";
        uint64_t got = evaluate(snippet, 32, {{a, b, c}})[0];
        check(got == want, snippet + ": " + hex64(got) + ", not " + hex64(want));
    }
}

// bfe by the ISA's pseudo-code, bit for bit.
uint64_t extract(uint64_t a, uint32_t position, uint32_t length, bool is_signed, int width) {
    const int msb = width - 1;
    const uint32_t p = position & 0xff, n = length & 0xff;
    uint64_t sign = 0, out = 0;
    if (is_signed && n) sign = a >> std::min<uint32_t>(p + n - 1, static_cast<uint32_t>(msb)) & 1;
    for (uint32_t i = 0; i <= static_cast<uint32_t>(msb); i++) {
        uint64_t bit = i < n && p + i <= static_cast<uint32_t>(msb) ? a >> (p + i) & 1 : sign;
        out |= bit << i;
    }
    return out;
}

void check_fields() {
    const uint64_t values[] = {0x89abcdef01234567, 0x0fedcba987654321};
    for (uint32_t position : {0u, 1u, 7u, 16u, 31u, 32u, 40u, 63u, 64u, 255u}) {
        for (uint32_t length : {0u, 1u, 8u, 31u, 32u, 33u, 64u, 255u}) {
            for (uint64_t a : values) {
                const std::string tail = ", " + std::to_string(position) + ", " + std::to_string(length) + ";";
                auto one = [&](const std::string &name, int width, bool is_signed) {
                    std::string w = std::to_string(width), snippet = name + " %d" + w + ", %a" + w + tail;
                    uint64_t source = width == 32 ? a & 0xffffffff : a;
                    uint64_t got = evaluate(snippet, width, {{a, 0, 0}})[0];
                    uint64_t want = extract(source, position, length, is_signed, width);
                    check(got == want, snippet + " of " + hex64(source) + ": " + hex64(got) + ", not " + hex64(want));
                };
                one("bfe.u32", 32, false);
                one("bfe.s32", 32, true);
                one("bfe.u64", 64, false);
                one("bfe.s64", 64, true);
            }
            uint32_t want = 0x0fedcba9;
            for (uint32_t i = 0; i < length && position + i < 32; i++) {
                want = (want & ~(1u << (position + i))) | ((0x87654321u >> i & 1u) << (position + i));
            }
            std::string snippet =
                "bfi.b32 %d32, %a32, %b32, " + std::to_string(position) + ", " + std::to_string(length) + ";";
            uint64_t got = evaluate(snippet, 32, {{0x87654321, 0x0fedcba9, 0}})[0];
            check(got == (length > 31 && position == 0 ? 0x87654321 : want),
                  snippet + ": " + hex64(got) + ", not " + hex64(want));
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
            inputs.push_back({u32(a), u32(b), 1});
        }
    }
    for (const Relation &r : relations) {
        // p and q at once: p is the relation or c, q its opposite or c.
        std::string name = r.name, snippet = "setp." + name +
                                             ".or.f32 %pd|%pe, %a32, %b32, %pc;\n"
                                             "selp.b32 %d32, 2, 0, %pd; @%pe add.s32 %d32, %d32, 1;";
        std::vector<uint64_t> got = evaluate(snippet, 32, inputs);
        for (size_t i = 0; i < inputs.size(); i++) {
            bool holds = r.holds(f32(inputs[i].a), f32(inputs[i].b)), also = inputs[i].c;
            uint64_t want = (holds || also ? 2 : 0) + (!holds || also ? 1 : 0);
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
        {"cnot.b32 %d32, %a32;", 32, 0, 0, 0, 1},
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
        {"brev.b32 %d32, %a32;", 32, 0x1, 0, 0, 0x80000000},
        {"bfind.u32 %d32, %a32;", 32, 0x100, 0, 0, 8},
        {"bfind.s32 %d32, %a32;", 32, 0xfffffeff, 0, 0, 8},
        {"bfind.shiftamt.u32 %d32, %a32;", 32, 0x100, 0, 0, 23},
        {"bfind.u64 %d32, %a64;", 32, 0, 0, 0, 0xffffffff},
        {"slct.b32.s32 %d32, %a32, %b32, %c32;", 32, 1, 2, 0xffffffff, 2},
        {"slct.f32.f32 %d32, %a32, %b32, %c32;", 32, 1, 2, 0, 1},
    });
    check_lop3();
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
    listed("setp.lo.u32 %pd, %a32, %b32;", 1, 2, 1);
    listed("setp.hs.u32 %pd, %a32, %b32;", 1, 2, 0);
    listed("setp.ge.s64 %pd, %a64, %b64;", ~0ull, 0, 0);
    listed("setp.eq.b16 %pd, %a16, %b16;", 0x10001, 1, 1);
    listed("setp.gt.f64 %pd, %a64, %b64;", u64(2), u64(-3), 1);
    listed("setp.lt.f16 %pd, %a16, %b16;", 0xbc00, 0x3c00, 1);
    listed("setp.gt.bf16 %pd, %a16, %b16;", 0x7fff, 0x3f80, 0);
    listed("setp.eq.ftz.f32 %pd, %a32, %b32;", 1, 0x80000002, 1);
    listed("setp.eq.and.s32 %pd, %a32, %b32, !%pa;", 2, 2, 1);
    listed("setp.eq.and.s32 %pd, %a32, %b32, !%pa;", 3, 3, 0);
    listed("setp.ne.xor.s32 %pd, %a32, %b32, %pa;", 3, 3, 1);
    listed("and.pred %pd, %pa, %pb;", 3, 2, 0);
    listed("or.pred %pd, %pa, %pb;", 3, 2, 1);
    listed("xor.pred %pd, %pa, !%pb;", 3, 2, 0);
    listed("not.pred %pd, %pa;", 3, 2, 0);
    listed("mov.pred %pd, %pa;", 3, 2, 1);
    listed("mov.pred %pd, 0;", 3, 2, 0);
    listed("mov.pred %pd, -1;", 3, 2, 1);
    listed("testp.notanumber.f32 %pd, %a32;", 0x7fc00000, 0, 1);
    listed("testp.subnormal.f32 %pd, %a32;", 1, 0, 1);
    listed("testp.finite.f32 %pd, %a32;", 0x7f800000, 0, 0);
}

}  // namespace ptx::test
