// Kernels around a few lines of PTX.
#include <algorithm>
#include <functional>

#include "check.h"

namespace ptx::test {

namespace {

// Every address there is: the tests' own memory is checked by what comes out of it.
bool anything(uint64_t, uint64_t *from, uint64_t *to) {
    *from = 1 << 16;
    *to = uint64_t{1} << 55;
    return true;
}

}  // namespace

std::string kernel(int parameters, const std::string &body) {
    std::string text = ".version 9.0\n.target sm_80\n.address_size 64\n.visible .entry k(";
    for (int i = 0; i < parameters; i++) text += (i ? ", .param .u64 p" : ".param .u64 p") + std::to_string(i);
    return text + ")\n{\n" + body + "\nret;\n}\n";
}

Counters launch(const std::string &text, const std::vector<void *> &parameters, const Setup &setup) {
    auto module = Module::parse(text);
    const Kernel *k = module->find("k");
    if (!k) throw Error("there is no kernel k");
    Launch l;
    l.grid[0] = setup.grid;
    l.block[0] = setup.threads;
    l.dynamic_shared = setup.shared;
    l.parameters = reinterpret_cast<const unsigned char *>(parameters.data());
    Machine m;
    m.seed = setup.seed;
    m.threads = setup.workers;
    m.range = setup.range ? setup.range : anything;
    m.instruction_limit = setup.limit;
    return run(*k, l, m);
}

std::vector<uint64_t> evaluate(const std::string &snippet, int width, const std::vector<Inputs> &inputs) {
    constexpr uint64_t untouched = 0x5a5a5a5a5a5a5a5a;
    const std::string w = std::to_string(width);
    const std::string text = kernel(2, R"(
        .reg .b64 %in, %out, %t, %a64, %b64, %c64, %d64; .reg .b32 %i, %odd, %a32, %b32, %c32, %d32;
        .reg .b16 %a16, %b16, %c16, %d16; .reg .pred %pa, %pb, %pc, %pd, %pe, %off;
        ld.param.u64 %in, [p0]; ld.param.u64 %out, [p1];
        mov.u32 %i, %tid.x;
        mad.wide.u32 %in, %i, 24, %in;
        mad.wide.u32 %out, %i, 16, %out;
        ld.global.u64 %a64, [%in]; ld.global.u64 %b64, [%in+8]; ld.global.u64 %c64, [%in+16];
        cvt.u32.u64 %a32, %a64; cvt.u32.u64 %b32, %b64; cvt.u32.u64 %c32, %c64;
        cvt.u16.u64 %a16, %a64; cvt.u16.u64 %b16, %b64; cvt.u16.u64 %c16, %c64;
        and.b32 %odd, %a32, 1; setp.ne.s32 %pa, %odd, 0;
        and.b32 %odd, %b32, 1; setp.ne.s32 %pb, %odd, 0;
        and.b32 %odd, %c32, 1; setp.ne.s32 %pc, %odd, 0;
        mov.u64 %d64, 0;
    )" + snippet + "\nst.global.b" + w + " [%out], %d" +
                                           w + R"(;
        mov.u64 %d64, 0x5a5a5a5a5a5a5a5a; mov.u32 %d32, 0x5a5a5a5a; mov.b16 %d16, 0x5a5a;
        and.b32 %odd, %i, 1; setp.ne.s32 %off, %odd, 0;
        @%off bra AGAIN_END;
    )" + snippet + "\nAGAIN_END: st.global.b" +
                                           w + " [%out+8], %d" + w + ";");
    struct Outputs {
        uint64_t all = 0, half = 0;
    };
    std::vector<Inputs> padded = inputs;
    padded.resize((inputs.size() + 31) / 32 * 32);
    std::vector<Outputs> out(padded.size());
    for (size_t at = 0; at < padded.size(); at += 32) launch(text, {&padded[at], &out[at]});
    const uint64_t mask = width == 64 ? ~uint64_t{0} : (uint64_t{1} << width) - 1;
    std::vector<uint64_t> results;
    for (size_t i = 0; i < inputs.size(); i++) {
        uint64_t want = i % 2 ? untouched & mask : out[i].all;
        check(out[i].half == want, snippet + ": under a mask, lane " + std::to_string(i % 32) + " has " +
                                       hex64(out[i].half) + ", not " + hex64(want));
        results.push_back(out[i].all);
    }
    return results;
}

uint64_t Numbers::next() {
    state_ ^= state_ << 13;  // xorshift64 (Marsaglia, 2003)
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_;
}

float Numbers::real(float range) {
    return (static_cast<float>(next() >> 40) / static_cast<float>(1 << 23) - 1) * range;
}

}  // namespace ptx::test
