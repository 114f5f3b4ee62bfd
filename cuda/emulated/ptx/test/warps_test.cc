// What the lanes of a warp and the warps of a block do together: divergence, exchanges, barriers.
#include "check.h"

namespace ptx::test {

namespace {

// Runs body, which leaves its result in %r0, with %r1 the thread's number; the results of all threads.
std::vector<uint32_t> results(const std::string &body, const Setup &setup = {}) {
    std::vector<uint32_t> out(setup.threads * setup.grid, 0xdddddddd);
    launch(kernel(1, ".reg .b64 %rd<3>; .reg .b32 %r<20>; .reg .pred %p<10>; .shared .align 16 .b8 s[4096];\n"
                     "mov.u32 %r1, %tid.x; mov.u32 %r2, %laneid; mov.u32 %r0, 0;\n" +
                         body +
                         "\nEND: ld.param.u64 %rd1, [p0]; mov.u32 %r3, %ctaid.x; mov.u32 %r4, %ntid.x;\n"
                         "mad.lo.s32 %r5, %r3, %r4, %r1; mad.wide.u32 %rd2, %r5, 4, %rd1; st.global.u32 [%rd2], %r0;"),
           {out.data()}, setup);
    return out;
}

template <typename F> void check_lanes(const std::string &body, F want, const Setup &setup = {}) {
    std::vector<uint32_t> got = results(body, setup);
    for (uint32_t i = 0; i < got.size(); i++) {
        uint32_t due = want(i);
        check(got[i] == due, body + ": thread " + std::to_string(i) + " has " + hex64(got[i]) + ", not " + hex64(due));
    }
}

void check_divergence() {
    // Loops of different lengths in every lane.
    check_lanes("L: setp.ge.u32 %p1, %r0, %r2; @%p1 bra END; add.s32 %r0, %r0, 1; bra.uni L;",
                [](uint32_t i) { return i; });
    // Both sides of a branch, and the place where they meet.
    check_lanes(R"(and.b32 %r6, %r2, 1; setp.eq.s32 %p1, %r6, 0; @%p1 bra EVEN;
        mov.u32 %r0, 10; bra.uni JOIN;
        EVEN: mov.u32 %r0, 20;
        JOIN: shfl.sync.idx.b32 %r7, %r0, 0, 31, -1; add.s32 %r0, %r0, %r7;)",
                [](uint32_t i) { return (i % 2 ? 10u : 20u) + 20; });
    // The join lies before one of the sides: those that come early wait for the exchange.
    check_lanes(R"(setp.lt.u32 %p1, %r2, 16; mov.u32 %r0, %r2; @!%p1 bra FAR;
        JOIN: shfl.sync.bfly.b32 %r0, %r0, 16, 31, -1; bra.uni END;
        FAR: add.s32 %r0, %r0, 100; bra.uni JOIN;)",
                [](uint32_t i) { return i < 16 ? i + 16 + 100 : i - 16; });
    // Halves of the warp exchange among themselves, converged or not.
    check_lanes(
        "and.b32 %r6, %r2, 16; mov.u32 %r7, 0xffff; shl.b32 %r7, %r7, %r6; shfl.sync.idx.b32 %r0, %r2, %r6, 31, %r7;",
        [](uint32_t i) { return i & 16; });
    // Predicated instructions and exits leave the other lanes alone.
    check_lanes("setp.lt.u32 %p1, %r2, 5; @%p1 mov.u32 %r0, 7; setp.gt.u32 %p2, %r2, 30; @%p2 exit;", [](uint32_t i) {
        return i < 5 ? 7u : i > 30 ? 0xdddddddd : 0u;
    });
}

void check_exchanges() {
    check_lanes("shfl.sync.up.b32 %r0|%p1, %r2, 3, 0, -1; @!%p1 mov.u32 %r0, 99;",
                [](uint32_t i) { return i < 3 ? 99 : i - 3; });
    check_lanes("shfl.sync.down.b32 %r0|%p1, %r2, 3, 31, -1; @!%p1 mov.u32 %r0, 99;",
                [](uint32_t i) { return i > 28 ? 99 : i + 3; });
    check_lanes("shfl.sync.down.b32 %r0, %r2, 3, 31, -1;", [](uint32_t i) { return i > 28 ? i : i + 3; });
    check_lanes("shfl.sync.bfly.b32 %r0, %r2, 5, 31, -1;", [](uint32_t i) { return i ^ 5; });
    check_lanes("shfl.sync.idx.b32 %r0, %r2, 9, 31, -1;", [](uint32_t) { return 9; });
    // Width 8: c = (32 - 8) << 8 | 31.
    check_lanes("shfl.sync.idx.b32 %r0, %r2, 2, 6175, -1;", [](uint32_t i) { return (i & 24) + 2; });
    check_lanes("shfl.sync.down.b32 %r0, %r2, 3, 6175, -1;", [](uint32_t i) { return i % 8 > 4 ? i : i + 3; });
}

// Threads of a block exchange through shared memory.
void check_barriers() {
    for (uint64_t seed = 0; seed < 6; seed++) {
        Setup setup;
        setup.threads = 128;
        setup.grid = 3;
        setup.seed = seed;
        setup.workers = seed % 2 ? 2 : 1;
        check_lanes(
            R"(shl.b32 %r6, %r1, 2; st.shared.u32 [%r6], %r1;
            bar.sync 0;
            xor.b32 %r6, %r6, 508; ld.shared.u32 %r0, [%r6];)",
            [](uint32_t i) { return i % 128 ^ 127; }, setup);
    }
    // A warp that has left is not waited for; a last warp may have few lanes.
    Setup odd;
    odd.threads = 70;
    check_lanes(
        "setp.lt.u32 %p1, %r1, 32; @%p1 exit; bar.sync 0; mov.u32 %r0, 3;",
        [](uint32_t i) { return i < 32 ? 0xdddddddd : 3u; }, odd);
}

void check_faults() {
    struct Row {
        const char *body, *told;
        unsigned threads;
    };
    const Row rows[] = {
        {"setp.lt.u32 %p1, %r2, 8; @%p1 bar.sync 0;", "all have to execute it", 32},
        {"setp.lt.u32 %p1, %r2, 8; @%p1 bra A; bar.sync 0; bra END; A: bar.sync 0;", "divergent code", 32},
        {"setp.lt.u32 %p1, %r2, 8; @%p1 exit; bar.sync 0;", "only lanes ffffff00 of ffffffff are left", 32},
        {"setp.lt.u32 %p1, %r2, 8; @!%p1 bra END; shfl.sync.bfly.b32 %r0, %r1, 1, 31, 0xf0;",
         "not all in the mask 000000f0", 32},
        {"setp.lt.u32 %p1, %r2, 8; @%p1 bra A; shfl.sync.bfly.b32 %r0, %r1, 1, 31, -1; bra END;"
         "A: shfl.sync.bfly.b32 %r0, %r1, 1, 31, -1;",
         "divergent code", 32},
        {"setp.lt.u32 %p1, %r2, 8; @%p1 bra A; bra END; A: bar.warp.sync -1; bar.sync 0;", "", 32},
        {"mov.u32 %r6, s; ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r0}, [%r6];", "all have to execute it", 16},
    };
    for (const Row &row : rows) {
        Setup setup;
        setup.threads = row.threads;
        std::string body = row.body;
        if (row.threads == 16) body = "setp.lt.u32 %p1, %r2, 4; @%p1 exit; " + body;
        std::string told = error_of([&] { results(body, setup); });
        check(!told.empty(), body + ": no error");
        check_contains(told, row.told, body);
    }
}

// The same result whatever the order of warps and blocks, and on several threads.
void check_orders() {
    const std::string body = R"(shl.b32 %r6, %r1, 2; mov.u32 %r0, %r1; mov.u32 %r8, 0;
        L: st.shared.u32 [%r6], %r0; bar.sync 0;
        add.s32 %r7, %r6, 148; and.b32 %r7, %r7, 1023; ld.shared.u32 %r9, [%r7]; mad.lo.s32 %r0, %r0, 3, %r9; bar.sync 0;
        add.s32 %r8, %r8, 1; setp.lt.u32 %p1, %r8, 20; @%p1 bra L;)";
    Setup setup;
    setup.threads = 256;
    setup.grid = 7;
    std::vector<uint32_t> first = results(body, setup);
    for (uint64_t seed = 1; seed < 8; seed++) {
        setup.seed = seed;
        setup.workers = 1 + seed % 3;
        check(results(body, setup) == first, "seed " + std::to_string(seed) + " gives another result");
    }
}

}  // namespace

void warps() {
    check_divergence();
    check_exchanges();
    check_barriers();
    check_faults();
    check_orders();
}

}  // namespace ptx::test
