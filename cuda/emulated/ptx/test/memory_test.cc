// Loads and stores of every state space, and what is refused at run time.
#include <numeric>

#include "check.h"

namespace ptx::test {

namespace {

alignas(64) unsigned char arena[256];

// The only memory there is: arena.
bool arena_only(uint64_t address, uint64_t *from, uint64_t *to) {
    *from = reinterpret_cast<uint64_t>(arena);
    *to = *from + sizeof arena;
    return address >= *from && address < *to;
}

// Bytes 0x80, 0x81 ... at the address in %rd1; the result of the loads goes to %d64.
uint64_t loaded(const std::string &loads) {
    alignas(16) unsigned char data[32];
    std::iota(data, data + sizeof data, static_cast<unsigned char>(0x80));
    uint64_t out[1] = {0};
    launch(kernel(2, ".reg .b64 %rd<4>; .reg .b32 %r<5>; .reg .b16 %rs<3>;\n"
                     "ld.param.u64 %rd1, [p0]; ld.param.u64 %rd2, [p1]; mov.u64 %rd3, 0;\n" +
                         loads + "\nst.global.u64 [%rd2], %rd3;"),
           {data, out}, {1, 1});
    return out[0];
}

void check_loads() {
    struct Row {
        const char *loads;
        uint64_t want;
    };
    const Row rows[] = {
        {"ld.global.u8 %rs1, [%rd1]; cvt.u64.u16 %rd3, %rs1;", 0x80},
        {"ld.global.s8 %rs1, [%rd1]; cvt.u64.u16 %rd3, %rs1;", 0xff80},
        {"ld.global.s8 %r1, [%rd1+1]; cvt.u64.u32 %rd3, %r1;", 0xffffff81},
        {"ld.global.u8 %rd3, [%rd1+2];", 0x82},
        {"ld.global.nc.u16 %rs1, [%rd1+2]; cvt.u64.u16 %rd3, %rs1;", 0x8382},
        {"ld.global.s16 %r1, [%rd1+2]; cvt.u64.u32 %rd3, %r1;", 0xffff8382},
        {"ld.global.s32 %rd3, [%rd1+4];", 0xffffffff87868584},
        {"ld.global.L1::no_allocate.L2::128B.b64 %rd3, [%rd1+8];", 0x8f8e8d8c8b8a8988},
        {"ld.global.v2.u32 {%r1, %r2}, [%rd1+8]; mov.b64 %rd3, {%r2, %r1};", 0x8b8a89888f8e8d8c},
        {"ld.global.v4.u8 {%r1, %r2, %r3, %r4}, [%rd1+4]; cvt.u64.u32 %rd3, %r4;", 0x87},
        {"ld.global.nc.v4.u32 {%r1, _, _, %r4}, [%rd1+16]; mov.b64 %rd3, {%r1, %r4};", 0x9f9e9d9c93929190},
        {"add.s64 %rd1, %rd1, 16; ld.global.u32 %rd3, [%rd1+-8];", 0x8b8a8988},
        {"cvta.to.global.u64 %rd1, %rd1; ld.u32 %rd3, [%rd1];", 0x83828180},
        {"ld.global.u64 %rd1, [%rd1]; mov.u64 %rd3, %rd1;", 0x8786858483828180},
    };
    for (const Row &row : rows) {
        uint64_t got = loaded(row.loads);
        check(got == row.want, std::string(row.loads) + ": " + hex64(got) + ", not " + hex64(row.want));
    }
}

// Shared variables: the function's own, and dynamic memory behind them.
void check_variables() {
    const std::string head = ".version 9.0\n.target sm_80\n.address_size 64\n"
                             ".extern .shared .align 16 .b8 dynamic[];\n";
    uint64_t out[32] = {};
    launch(head + R"(.visible .entry k(.param .u64 .ptr .align 8 out, .param .u32 n, .param .align 4 .b8 s[8]) {
        .reg .b64 %rd<8>; .reg .b32 %r<6>;
        .shared .b8 first[5]; .shared .align 8 .b8 fixed[15];
        ld.param.u64 %rd1, [out];
        mov.u32 %r1, %tid.x; mad.wide.u32 %rd1, %r1, 8, %rd1;
        // fixed begins at 8, dynamic behind it at a multiple of 16
        mov.u32 %r5, dynamic; mov.u32 %r2, fixed; add.s32 %r2, %r2, %r5;
        // its memory is seen through generic addresses too
        shl.b32 %r3, %r1, 2; add.s32 %r5, %r5, %r3; st.shared.u32 [%r5], %r1;
        cvt.u64.u32 %rd4, %r5; cvta.shared.u64 %rd4, %rd4; ld.u32 %r4, [%rd4]; add.s32 %r2, %r2, %r4;
        cvt.u64.u32 %rd4, %r2; st.global.u64 [%rd1], %rd4;
    })",
           {out}, {1, 32, 128});
    for (uint64_t i = 0; i < 32; i++) {
        check(out[i] == i + 32 + 8, "variables: lane " + std::to_string(i) + " has " + hex64(out[i]));
    }
}

struct Fault {
    const char *body, *told;
};

// %rd1 is the arena's address; the kernel runs with 32 threads and 64 bytes of dynamic shared memory behind 16 static
// ones.
const Fault faults[] = {
    {"st.global.u32 [%rd1+256], %r1;", "bytes beyond the end of the allocation of 256 bytes"},
    {"ld.global.v4.u32 {%r1, %r2, %r3, %r4}, [%rd1+240+8];", ""},
    {"ld.global.u32 %r1, [%rd1+-4];", "which no allocation holds"},
    {"mov.u64 %rd2, 0; ld.global.u32 %r1, [%rd2];", "illegal global address 0x0"},
    {"mov.u64 %rd2, -1; ld.global.u8 %r1, [%rd2];", "illegal global address"},
    {"ld.global.u32 %r1, [%rd1+2];", "is not a multiple of 4"},
    {"ld.global.v2.u64 {%rd2, %rd3}, [%rd1+8];", "is not a multiple of 16"},
    {"@%p st.global.u32 [%rd1+4096], %r1;", "which no allocation holds"},
    {"st.shared.u32 [s+80], %r1;", "are outside the block's 80 bytes of shared memory"},
    {"mov.u32 %r1, -4; st.shared.u32 [%r1], %r1;", "outside the block's 80 bytes"},
    {"ld.shared.u32 %r1, [s+2];", "is not a multiple of 4"},
    {"mov.u64 %rd2, s; cvta.shared.u64 %rd2, %rd2; st.u64 [%rd2+80], %rd2;", "outside the block's 80 bytes"},
    {"ld.param.u64 %rd2, [p0+8];", "outside the kernel's parameters"},
    {"cp.async.cg.shared.global [s], [%rd1+256], 16;", "bytes beyond the end"},
    {"cp.async.ca.shared.global [s+80], [%rd1], 4;", "outside the block's 80 bytes"},
    {"cp.async.cg.shared.global [s], [%rd1+8], 16;", "is not a multiple of 16"},
    {"mov.u32 %r1, 17; cp.async.cg.shared.global [s], [%rd1], 16, %r1;", "the source's size is 17 bytes"},
    {"trap;", "executed by lanes ffffffff"},
    {"AGAIN: bra AGAIN;", "instructions without an end"},
};

void check_faults() {
    for (const Fault &f : faults) {
        const std::string text =
            kernel(1, ".reg .b64 %rd<4>; .reg .b32 %r<5>; .reg .pred %p; .shared .align 16 .b8 s[80];"
                      "ld.param.u64 %rd1, [p0]; mov.u32 %r1, %laneid; setp.eq.s32 %p, %r1, 9;\n" +
                          std::string(f.body));
        Setup setup;
        setup.range = arena_only;
        setup.limit = 10000;
        std::string told = error_of([&] { launch(text, {arena}, setup); });
        if (*f.told == 0) {  // not PTX: refused before it runs
            check_contains(told, "ptx: line", f.body);
            continue;
        }
        check_contains(told, f.told, f.body);
        check_contains(told, "k: block (0,0,0)", f.body);
    }
    const std::string copy =
        kernel(2, ".reg .b64 %rd<3>; .reg .b32 %r1; ld.param.u64 %rd1, [p0]; ld.param.u64 %rd2, [p1];"
                  "ld.global.u32 %r1, [%rd1+252]; st.global.u32 [%rd2], %r1;");
    Setup setup;
    setup.range = arena_only;
    check(error_of([&] { launch(copy, {arena, arena}, setup); }).empty(), "the last word of an allocation is refused");
}

void check_limits() {
    const std::string text =
        ".version 9.0\n.target sm_80\n.address_size 64\n.entry k() .maxntid 64, 1, 1 .minnctapersm 2 { ret; }";
    Setup setup;
    setup.threads = 96;
    check_contains(error_of([&] { launch(text, {}, setup); }), "96 threads a block; the limit is 64", "maxntid");
    setup.threads = 64;
    check(error_of([&] { launch(text, {}, setup); }).empty(), "as many threads as allowed");
    setup.threads = 2048;
    check_contains(error_of([&] { launch(kernel(0, ""), {}, setup); }), "the limit is 1024", "a block too large");
}

void check_counters() {
    alignas(16) unsigned char data[1024] = {};
    Counters c = launch(kernel(1, R"(.reg .b64 %rd<3>; .reg .f32 %f<5>; .reg .b32 %r1;
        ld.param.u64 %rd1, [p0]; mov.u32 %r1, %tid.x; mad.wide.u32 %rd2, %r1, 16, %rd1;
        ld.global.v4.f32 {%f1, %f2, %f3, %f4}, [%rd2];
        fma.rn.f32 %f1, %f2, %f3, %f4; add.f32 %f1, %f1, %f2;
        st.global.f32 [%rd2], %f1;)"),
                        {data}, {1, 32});
    check(c.loaded == 512, "loaded " + std::to_string(c.loaded));
    check(c.stored == 128, "stored " + std::to_string(c.stored));
    check(c.fma_flops == 96, "flops " + std::to_string(c.fma_flops));
    check(c.written >= reinterpret_cast<uint64_t>(data) && c.written < reinterpret_cast<uint64_t>(data + 512),
          "written");
}

}  // namespace

void memory() {
    check_loads();
    check_variables();
    check_faults();
    check_limits();
    check_counters();
}

}  // namespace ptx::test
