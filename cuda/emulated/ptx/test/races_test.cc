// The race detector: pairs of kernels that differ in what orders their accesses.
#include "check.h"

namespace ptx::test {

namespace {

struct Row {
    const char *name, *body;
    const char *told;  // nullptr: no race; which of two accesses comes second depends on the order of warps
    unsigned threads = 64;
};

// %r1 is the thread, %r2 its lane, %r3 four times the thread, %p1 whether it is of warp 0, %p2 whether it is lane 0.
const Row rows[] = {
    {"a barrier between write and read",
     "st.shared.u32 [%r3], %r1; bar.sync 0; xor.b32 %r4, %r3, 128; ld.shared.u32 %r5, [%r4];", nullptr},
    {"no barrier between write and read", "st.shared.u32 [%r3], %r1; xor.b32 %r4, %r3, 128; ld.shared.u32 %r5, [%r4];",
     "after the"},
    {"a barrier between read and write",
     "@%p1 st.shared.u32 [%r3], 1; bar.sync 0; ld.shared.u32 %r5, [s]; bar.sync 0; @%p1 st.shared.u32 [%r3], 2;",
     nullptr},
    {"no barrier between read and write",
     "@%p1 st.shared.u32 [%r3], 1; bar.sync 0; ld.shared.u32 %r5, [s]; @%p1 st.shared.u32 [%r3], 2;", "after the"},
    {"two warps write", "@%p2 st.shared.u32 [s], 1;", "write after the write"},
    {"many read", "@%p1 st.shared.u32 [%r3], 1; bar.sync 0; ld.shared.u32 %r5, [s]; ld.shared.u32 %r5, [s];", nullptr},
    {"neighbouring halves", "shl.b32 %r4, %r1, 1; st.shared.u16 [%r4], %h1; bar.sync 0; ld.shared.u16 %h1, [s];",
     nullptr},
    {"neighbouring bytes", "st.shared.u8 [%r1], %h1; bar.sync 0; ld.shared.u8 %h1, [s];", nullptr},
    {"a loop with one barrier too few",
     "mov.u32 %r6, 0; L: st.shared.u32 [%r3], %r6; bar.sync 0; xor.b32 %r4, %r3, 128; ld.shared.u32 %r5, [%r4];"
     "add.s32 %r6, %r6, 1; setp.lt.u32 %p3, %r6, 4; @%p3 bra L;",
     "after the"},
    {"a loop with its barriers",
     "mov.u32 %r6, 0; L: st.shared.u32 [%r3], %r6; bar.sync 0; xor.b32 %r4, %r3, 128; ld.shared.u32 %r5, [%r4];"
     "bar.sync 0; add.s32 %r6, %r6, 1; setp.lt.u32 %p3, %r6, 4; @%p3 bra L;",
     nullptr},
    {"a warp that ended before the barrier",
     "@!%p1 bra A; st.shared.u32 [%r3], 1; exit; A: bar.sync 0; ld.shared.u32 %r5, [s];", "after the"},
    {"a warp that ended before the barrier, long read",
     "@!%p1 bra A; bar.sync 0; ld.shared.u32 %r5, [s+128]; exit; A: st.shared.u32 [%r3], 1; bar.sync 0; bar.sync 0;"
     "ld.shared.u32 %r5, [s+128]; bar.sync 0; st.shared.u32 [%r3], 2;",
     "after the"},
    {"a warp that ended behind the barrier",
     "@!%p1 bra A; st.shared.u32 [%r3], 1; bar.sync 0; exit; A: bar.sync 0; ld.shared.u32 %r5, [s];", nullptr},
    // Lanes of one warp.
    {"lanes without __syncwarp", "st.shared.u32 [%r3], %r1; xor.b32 %r4, %r3, 4; ld.shared.u32 %r5, [%r4];", "by lanes",
     32},
    {"lanes with __syncwarp",
     "st.shared.u32 [%r3], %r1; bar.warp.sync -1; xor.b32 %r4, %r3, 4; ld.shared.u32 %r5, [%r4];", nullptr, 32},
    {"a shuffle orders no memory",
     "st.shared.u32 [%r3], %r1; shfl.sync.bfly.b32 %r6, %r1, 1, 31, -1; xor.b32 %r4, %r3, 4; ld.shared.u32 %r5, [%r4];",
     "by lanes", 32},
    {"lanes overwrite what others read",
     "st.shared.u32 [%r3], 1; bar.warp.sync -1; ld.shared.u32 %r5, [s]; st.shared.u32 [%r3], 2;",
     "write by lane 0 after the read", 32},
    {"lanes store different values to one place", "st.shared.u32 [s], %r1;", "write by lanes", 32},
    {"lanes store one value to one place", "st.shared.u32 [s], 7;", nullptr, 32},
    {"a lane reads what it wrote", "st.shared.u32 [%r3], %r1; ld.shared.u32 %r5, [%r3]; st.shared.u32 [%r3], 3;",
     nullptr},
    {"ldmatrix without __syncwarp", "st.shared.u32 [%r3], %r1; ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r5}, [s];",
     "by lanes", 32},
    // Asynchronous copies.
    {"a copy without its wait",
     "cp.async.ca.shared.global [%r3], [%rd1], 4; cp.async.commit_group; ld.shared.u32 %r5, [%r3];",
     "before the wait for the asynchronous copy"},
    {"a copy with its wait",
     "cp.async.ca.shared.global [%r3], [%rd1], 4; cp.async.commit_group; cp.async.wait_group 0; ld.shared.u32 %r5, "
     "[%r3];",
     nullptr},
    {"a wait for too few",
     "cp.async.ca.shared.global [%r3], [%rd1], 4; cp.async.commit_group; cp.async.wait_group 1; ld.shared.u32 %r5, "
     "[%r3];",
     "before the wait"},
    {"the second of two groups, waited for down to one",
     "cp.async.ca.shared.global [%r3], [%rd1], 4; cp.async.commit_group;"
     "cp.async.ca.shared.global [%r3+512], [%rd1], 4; cp.async.commit_group;"
     "cp.async.wait_group 1; ld.shared.u32 %r5, [%r3+512];",
     "before the wait"},
    {"the first of two groups, waited for down to one",
     "cp.async.ca.shared.global [%r3], [%rd1], 4; cp.async.commit_group;"
     "cp.async.ca.shared.global [%r3+512], [%rd1], 4; cp.async.commit_group;"
     "cp.async.wait_group 1; ld.shared.u32 %r5, [%r3];",
     nullptr},
    {"another warp's copy without a barrier",
     "cp.async.ca.shared.global [%r3], [%rd1], 4; cp.async.wait_all; xor.b32 %r4, %r3, 128; ld.shared.u32 %r5, [%r4];",
     "after the"},
    {"another warp's copy with a barrier",
     "cp.async.ca.shared.global [%r3], [%rd1], 4; cp.async.wait_all; bar.sync 0; xor.b32 %r4, %r3, 128; ld.shared.u32 "
     "%r5, [%r4];",
     nullptr},
    {"another warp's copy, waited for behind the barrier",
     "cp.async.ca.shared.global [%r3], [%rd1], 4; bar.sync 0; cp.async.wait_all; xor.b32 %r4, %r3, 128; ld.shared.u32 "
     "%r5, [%r4];",
     "the"},
    {"a copy over what others still read",
     "st.shared.u32 [%r3], 1; bar.sync 0; xor.b32 %r4, %r3, 128; ld.shared.u32 %r5, [%r4];"
     "cp.async.ca.shared.global [%r3], [%rd1], 4; cp.async.wait_all;",
     "after the"},
    {"a store into a copy under way", "cp.async.ca.shared.global [%r3], [%rd1], 4; st.shared.u32 [%r3], 1;",
     "before the wait"},
};

}  // namespace

void races() {
    uint32_t word = 5;
    for (const Row &row : rows) {
        for (uint64_t seed = 0; seed < 4; seed++) {
            Setup setup;
            setup.threads = row.threads;
            setup.grid = 2;
            setup.seed = seed;
            const std::string text = kernel(1, ".reg .b64 %rd<3>; .reg .b32 %r<10>; .reg .b16 %h<3>; .reg .pred %p<5>;"
                                               ".shared .align 16 .b8 s[1024]; ld.param.u64 %rd1, [p0]; mov.b16 %h1, 1;"
                                               "mov.u32 %r1, %tid.x; mov.u32 %r2, %laneid; shl.b32 %r3, %r1, 2;"
                                               "setp.lt.u32 %p1, %r1, 32; setp.eq.s32 %p2, %r2, 0;\n" +
                                                   std::string(row.body));
            std::string told = error_of([&] { launch(text, {&word}, setup); });
            const std::string name = std::string(row.name) + ", seed " + std::to_string(seed);
            if (!row.told) {
                check(told.empty(), name + ": " + told);
            } else {
                check_contains(told, "race on shared memory", name);
                check_contains(told, row.told, name);
            }
        }
    }
}

}  // namespace ptx::test
