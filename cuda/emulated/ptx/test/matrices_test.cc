// ldmatrix, mma.sync and cp.async against the layouts the PTX ISA draws.
#include <cmath>

#include "exact.h"

namespace ptx::test {

namespace {

// Four tiles of 8 x 8 in shared memory, element = its index; what each lane gets of tile m must be elements
// (lane / 4, 2 (lane % 4)) and the one behind, or the mirrored ones.
void check_ldmatrix(int tiles, bool transposed) {
    uint32_t out[32][4] = {};
    const std::string list[] = {"{%r2}", "{%r2, %r3}", "", "{%r2, %r3, %r4, %r5}"};
    launch(kernel(1, R"(.reg .b64 %rd<3>; .reg .b32 %r<20>; .reg .b16 %h<3>; .shared .align 16 .b8 s[512];
        mov.u32 %r1, %laneid; mov.u32 %r9, s; shl.b32 %r10, %r1, 4; add.s32 %r9, %r9, %r10;
        shl.b32 %r11, %r1, 3; mov.u32 %r12, 0;
        L: add.s32 %r13, %r11, %r12; cvt.u16.u32 %h1, %r13; shl.b32 %r14, %r12, 1; add.s32 %r14, %r14, %r9;
        st.shared.u16 [%r14], %h1; add.s32 %r12, %r12, 1; setp.lt.u32 %p1, %r12, 8; @%p1 bra L;
        bar.warp.sync -1;
        mov.u32 %r2, 0; mov.u32 %r3, 0; mov.u32 %r4, 0; mov.u32 %r5, 0;
        ldmatrix.sync.aligned.m8n8.x)" +
                         std::to_string(tiles) + (transposed ? ".trans" : "") + ".shared.b16 " + list[tiles - 1] +
                         R"(, [%r9];
        ld.param.u64 %rd1, [p0]; mad.wide.u32 %rd2, %r1, 16, %rd1; st.global.v4.b32 [%rd2], {%r2, %r3, %r4, %r5};
        .reg .pred %p1;)"),
           {out});
    for (uint32_t lane = 0; lane < 32; lane++) {
        for (uint32_t m = 0; m < static_cast<uint32_t>(tiles); m++) {
            uint32_t row = lane / 4, column = lane % 4 * 2;
            uint32_t low = transposed ? column * 8 + row : row * 8 + column;
            uint32_t high = transposed ? (column + 1) * 8 + row : row * 8 + column + 1;
            uint32_t want = (m * 64 + high) << 16 | (m * 64 + low);
            check(out[lane][m] == want, "ldmatrix x" + std::to_string(tiles) + (transposed ? " trans" : "") + " lane " +
                                            std::to_string(lane) + " tile " + std::to_string(m) + ": " +
                                            hex64(out[lane][m]) + ", not " + hex64(want));
        }
    }
}

// Fragments by the figures of the ISA: groupID = lane / 4, threadID_in_group = lane % 4, and for element i of each:
// A (16 x depth): row = groupID, plus 8 for i in {2,3,6,7}; column = 2 threadID + (i & 1), plus 8 for i >= 4.
// B (depth x 8):  row = 2 threadID + (i & 1), plus 8 for i >= 2; column = groupID.
// C (16 x 8):     row = groupID, plus 8 for i >= 2; column = 2 threadID + (i & 1).
void check_mma(const char *type, const Format &f, int depth) {
    Numbers random(static_cast<uint64_t>(depth));
    std::vector<std::vector<uint64_t>> a(16, std::vector<uint64_t>(static_cast<size_t>(depth)));
    std::vector<std::vector<uint64_t>> b(static_cast<size_t>(depth), std::vector<uint64_t>(8));
    float c[16][8];
    auto number = [&] { return round_exactly(f, random.real(2), false, Way::nearest); };
    for (auto &row : a) {
        for (auto &x : row) x = number();
    }
    for (auto &row : b) {
        for (auto &x : row) x = number();
    }
    for (auto &row : c) {
        for (auto &x : row) x = random.real(1);
    }
    const int a_elements = depth / 2, b_elements = depth / 4;
    uint32_t in[32][12] = {};  // registers: 4 of A, 2 of B, 4 of C
    for (int lane = 0; lane < 32; lane++) {
        const int group = lane / 4, thread = lane % 4;
        for (int i = 0; i < a_elements; i++) {
            size_t row = static_cast<size_t>(group + (i & 2 ? 8 : 0)),
                   column = static_cast<size_t>(thread * 2 + (i & 1) + (i >= 4 ? 8 : 0));
            in[lane][i / 2] |= static_cast<uint32_t>(a[row][column] << 16 * (i & 1));
        }
        for (int i = 0; i < b_elements; i++) {
            size_t row = static_cast<size_t>(thread * 2 + (i & 1) + (i >= 2 ? 8 : 0));
            in[lane][4 + i / 2] |= static_cast<uint32_t>(b[row][static_cast<size_t>(group)] << 16 * (i & 1));
        }
        for (int i = 0; i < 4; i++)
            in[lane][6 + i] = static_cast<uint32_t>(u32(c[group + (i >= 2 ? 8 : 0)][thread * 2 + (i & 1)]));
    }
    float out[32][4] = {};
    const std::string fragments = depth == 16 ? "{%r2, %r3, %r4, %r5}, {%r6, %r7}" : "{%r2, %r3}, {%r6}";
    Counters counters = launch(kernel(2, R"(.reg .b64 %rd<4>; .reg .b32 %r<20>; .reg .f32 %f<8>;
        ld.param.u64 %rd1, [p0]; ld.param.u64 %rd2, [p1]; mov.u32 %r1, %laneid;
        mad.wide.u32 %rd1, %r1, 48, %rd1; mad.wide.u32 %rd2, %r1, 16, %rd2;
        ld.global.v4.b32 {%r2, %r3, %r4, %r5}, [%rd1]; ld.global.v2.b32 {%r6, %r7}, [%rd1+16];
        ld.global.v2.f32 {%f4, %f5}, [%rd1+24]; ld.global.v2.f32 {%f6, %f7}, [%rd1+32];
        mma.sync.aligned.m16n8k)" + std::to_string(depth) +
                                             ".row.col.f32." + type + "." + type + ".f32 {%f0, %f1, %f2, %f3}, " +
                                             fragments +
                                             ", {%f4, %f5, %f6, %f7};\nst.global.v4.f32 [%rd2], {%f0, %f1, %f2, %f3};"),
                               {in, out});
    double worst = 0;
    for (int lane = 0; lane < 32; lane++) {
        for (int i = 0; i < 4; i++) {
            size_t row = static_cast<size_t>(lane / 4 + (i >= 2 ? 8 : 0)),
                   column = static_cast<size_t>(lane % 4 * 2 + (i & 1));
            double want = c[row][column];
            for (size_t k = 0; k < static_cast<size_t>(depth); k++) want += f.value(a[row][k]) * f.value(b[k][column]);
            worst = std::max(worst, std::fabs(out[lane][i] - want));
        }
    }
    check(worst < 1e-5,
          std::string("mma ") + type + " depth " + std::to_string(depth) + ": off by " + std::to_string(worst));
    check(counters.mma_flops == static_cast<uint64_t>(2 * 16 * 8 * depth), "mma's operations are not counted");
}

// Copies come with their wait, groups in order; the rest of a short source is zeros.
void check_async() {
    alignas(16) unsigned char data[48];
    for (int i = 0; i < 48; i++) data[i] = static_cast<unsigned char>(i + 1);
    uint32_t out[8] = {};
    launch(kernel(2, R"(.reg .b64 %rd<3>; .reg .b32 %r<9>; .shared .align 16 .b8 s[64];
        ld.param.u64 %rd1, [p0]; ld.param.u64 %rd2, [p1]; mov.u32 %r0, 6; mov.u32 %r8, 0;
        cp.async.cg.shared.global [s], [%rd1], 16; cp.async.commit_group;
        cp.async.ca.shared.global.L2::128B [s+16], [%rd1+16], 8, %r0;
        cp.async.ca.shared.global [s+24], [%rd1+24], 4; cp.async.commit_group;
        cp.async.wait_group 1; ld.shared.u32 %r1, [s+4];
        cp.async.wait_group 0; ld.shared.u32 %r2, [s+16]; ld.shared.u32 %r3, [s+20]; ld.shared.u32 %r4, [s+24];
        cp.async.cg.shared.global [s+32], [%rd1+32], 16, 16;
        cp.async.cg.shared.global [s+48], [0], 16, %r8; cp.async.wait_all;
        ld.shared.u32 %r5, [s+44]; ld.shared.u32 %r6, [s+60];
        st.global.v4.u32 [%rd2], {%r1, %r2, %r3, %r4}; st.global.v2.u32 [%rd2+16], {%r5, %r6};)"),
           {data, out}, {1, 1});
    const uint32_t want[] = {0x08070605, 0x14131211, 0x00001615, 0x1c1b1a19, 0x302f2e2d, 0};
    for (int i = 0; i < 6; i++) check(out[i] == want[i], "cp.async word " + std::to_string(i) + ": " + hex64(out[i]));
}

}  // namespace

void matrices() {
    for (int tiles : {1, 2, 4}) {
        check_ldmatrix(tiles, false);
        check_ldmatrix(tiles, true);
    }
    for (int depth : {8, 16}) {
        check_mma("bf16", format_bf16, depth);
        check_mma("f16", format_f16, depth);
    }
    check_async();
}

}  // namespace ptx::test
