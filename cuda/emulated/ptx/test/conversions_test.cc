// cvt between all types, and mov: exhaustive over 16 bits, over corner cases beyond.
#include "exact.h"

namespace ptx::test {

namespace {

std::vector<Inputs> all_halves() {
    std::vector<Inputs> out;
    for (uint64_t i = 0; i < 65536; i++) out.push_back({i, 0, 0});
    return out;
}

void check_widening() {
    const std::vector<Inputs> inputs = all_halves();
    for (bool bf : {false, true}) {
        const Format &f = bf ? format_bf16 : format_f16;
        std::vector<uint64_t> got = evaluate(bf ? "cvt.f32.bf16 %d32, %a16;" : "cvt.f32.f16 %d32, %a16;", 32, inputs);
        for (uint64_t i = 0; i < 65536; i++) {
            float want = static_cast<float>(f.value(i));
            bool same = std::isnan(want) ? std::isnan(f32(got[i])) : got[i] == u32(want);
            check(same, std::string(bf ? "bf16 " : "f16 ") + hex64(i) + " to f32: " + hex64(got[i]));
        }
    }
}

// Numbers of float32: all exponents, and those around the middle between two numbers of 16 bits.
std::vector<Inputs> floats() {
    Numbers random(17);
    std::vector<Inputs> out;
    for (int i = 0; i < 4000; i++) {
        uint64_t bits = random.next() & 0xffffffff;
        if (i % 4 == 1) bits = (bits & ~uint64_t{0x1fff}) | 0x1000;  // halfway for f16
        if (i % 4 == 2) bits = (bits & ~uint64_t{0xffff}) | 0x8000;  // halfway for bf16
        if (i % 4 == 3) bits = (bits & 0x87ffffff) | 0x30000000;     // small numbers, denormal in f16
        out.push_back({bits, random.next() & 0xffffffff, 0});
    }
    for (uint64_t bits : {0x0u, 0x80000000u, 0x1u, 0x477fefffu, 0x477ff000u, 0x477fffffu, 0x7f7fffffu, 0x7f800000u,
                          0xff800000u, 0x7fc00000u, 0x33000000u, 0x33000001u, 0x32ffffffu}) {
        out.push_back({bits, bits, 0});
    }
    return out;
}

uint64_t narrowed(const Format &f, float x) {
    return std::isnan(x) ? 0x7fff : round_exactly(f, x, std::signbit(x), Way::nearest);
}

void check_narrowing() {
    const std::vector<Inputs> inputs = floats();
    for (bool bf : {false, true}) {
        const Format &f = bf ? format_bf16 : format_f16;
        const std::string to = bf ? "bf16" : "f16", snippet = "cvt.rn." + to + ".f32 %d16, %a32;",
                          pair = "cvt.rn." + to + "x2.f32 %d32, %a32, %b32;";
        std::vector<uint64_t> got = evaluate(snippet, 16, inputs), pairs = evaluate(pair, 32, inputs);
        for (size_t i = 0; i < inputs.size(); i++) {
            uint64_t want = narrowed(f, f32(inputs[i].a)), low = narrowed(f, f32(inputs[i].b));
            check(got[i] == want,
                  snippet + " of " + hex64(inputs[i].a) + ": " + hex64(got[i]) + ", not " + hex64(want));
            check(pairs[i] == (want << 16 | low),
                  pair + " of " + hex64(inputs[i].a) + " " + hex64(inputs[i].b) + ": " + hex64(pairs[i]));
        }
    }
}

void check_one(const char *snippet, int width, uint64_t a, uint64_t want) {
    uint64_t got = evaluate(snippet, width, {{a, 0, 0}})[0];
    check(got == want, std::string(snippet) + " of " + hex64(a) + ": " + hex64(got) + ", not " + hex64(want));
}

void check_listed() {
    // Integers to integers: the source's low bits count, the destination's register is filled by its sign.
    check_one("cvt.s64.s32 %d64, %a32;", 64, 0x80000000, 0xffffffff80000000);
    check_one("cvt.u64.u32 %d64, %a32;", 64, 0x80000000, 0x80000000);
    check_one("cvt.u32.u64 %d32, %a64;", 32, 0x123456789abcdef0, 0x9abcdef0);
    check_one("cvt.u16.u8 %d16, %a16;", 16, 0x1ff, 0xff);
    check_one("cvt.s16.s8 %d16, %a16;", 16, 0x180, 0xff80);
    check_one("cvt.u32.u8 %d32, %a16;", 32, 0x1ff, 0xff);
    check_one("cvt.s32.s8 %d32, %a32;", 32, 0x180, 0xffffff80);
    check_one("cvt.s32.s16 %d32, %a16;", 32, 0x8000, 0xffff8000);
    check_one("cvt.u32.u16 %d32, %a16;", 32, 0x8000, 0x8000);
    check_one("cvt.s8.s32 %d32, %a32;", 32, 0x1280, 0xffffff80);
    // Integers to floating point.
    check_one("cvt.rn.f32.s32 %d32, %a32;", 32, 0xffffffff, u32(-1));
    check_one("cvt.rn.f32.u32 %d32, %a32;", 32, 0xffffffff, u32(4294967296.0f));
    check_one("cvt.rz.f32.u32 %d32, %a32;", 32, 0xffffffff, 0x4f7fffff);
    check_one("cvt.rp.f32.s32 %d32, %a32;", 32, 0x1000001, 0x4b800001);
    check_one("cvt.rm.f32.s64 %d32, %a64;", 32, static_cast<uint64_t>(-0x1000001), 0xcb800001);
    check_one("cvt.rn.f32.u16 %d32, %a16;", 32, 65535, u32(65535));
    check_one("cvt.rn.f32.u8 %d32, %a16;", 32, 0x1ff, u32(255));
    check_one("cvt.rn.f32.s8 %d32, %a16;", 32, 0x1ff, u32(-1));
    // Floating point to integers: clamped; NaN is zero in 32 bits.
    check_one("cvt.rzi.s32.f32 %d32, %a32;", 32, u32(-2.7f), static_cast<uint32_t>(-2));
    check_one("cvt.rni.s32.f32 %d32, %a32;", 32, u32(2.5f), 2);
    check_one("cvt.rni.s32.f32 %d32, %a32;", 32, u32(3.5f), 4);
    check_one("cvt.rmi.s32.f32 %d32, %a32;", 32, u32(-2.1f), static_cast<uint32_t>(-3));
    check_one("cvt.rpi.s32.f32 %d32, %a32;", 32, u32(2.1f), 3);
    check_one("cvt.rzi.s32.f32 %d32, %a32;", 32, u32(3e9f), 0x7fffffff);
    check_one("cvt.rzi.s32.f32 %d32, %a32;", 32, u32(-3e9f), 0x80000000);
    check_one("cvt.rzi.s32.f32 %d32, %a32;", 32, 0x7fc00000, 0);
    check_one("cvt.rzi.u32.f32 %d32, %a32;", 32, u32(-1), 0);
    check_one("cvt.rzi.u32.f32 %d32, %a32;", 32, u32(1e10f), 0xffffffff);
    check_one("cvt.rzi.u64.f32 %d64, %a32;", 64, u32(1e19f), 9999999980506447872u);
    check_one("cvt.rzi.s64.f32 %d64, %a32;", 64, 0x7fc00000, 0x8000000000000000);
    check_one("cvt.rzi.u8.f32 %d32, %a32;", 32, u32(300), 255);
    // Floating point to floating point.
    check_one("cvt.rni.f32.f32 %d32, %a32;", 32, u32(-0.5f), 0x80000000);
    check_one("cvt.rmi.f32.f32 %d32, %a32;", 32, u32(-0.5f), u32(-1));
    check_one("cvt.sat.f32.f32 %d32, %a32;", 32, u32(1.5f), u32(1));
    check_one("cvt.sat.f32.f32 %d32, %a32;", 32, 0x7fc00000, 0);
    check_one("cvt.ftz.f32.f32 %d32, %a32;", 32, 0x80000001, 0x80000000);
}

void check_moves() {
    check_one("mov.b32 %d32, {%a16, %b16};", 32, 0x1234, 0x1234);
    check_one("{ .reg .b16 %x; mov.b32 {_, %x}, %a32; cvt.u32.u16 %d32, %x; }", 32, 0x12345678, 0x1234);
    check_one("{ .reg .b32 %x, %y; mov.b64 {%x, %y}, %a64; mov.b64 %d64, {%y, %x}; }", 64, 0x1122334455667788,
              0x5566778811223344);
    check_one("{ .reg .b16 %w, %x, %y, %z; mov.b64 {%w, %x, %y, %z}, %a64; mov.b64 %d64, {%z, %y, %x, %w}; }", 64,
              0x1111222233334444, 0x4444333322221111);
    check_one("mov.b32 %d32, 0f3F800000;", 32, 0, 0x3f800000);
    check_one("mov.b16 %d16, 0x3f80U;", 16, 0, 0x3f80);
    check_one("mov.b32 %d32, -1;", 32, 0, 0xffffffff);
}

}  // namespace

void conversions() {
    check_widening();
    check_narrowing();
    check_listed();
    check_moves();
}

}  // namespace ptx::test
