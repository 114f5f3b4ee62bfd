// What is refused when a module is parsed, and what is known of a kernel afterwards.
#include "check.h"

namespace ptx::test {

namespace {

struct Row {
    const char *body, *told;
};

// Each is one line of a kernel; an instruction or modifier that is not known is refused, not guessed at.
const Row refused[] = {
    {"frobnicate.b32 %r1, %r2;", "frobnicate.b32: this instruction is not interpreted"},
    {"add.f32.ftz.wobble %f1, %f1, %f1;", "the modifier .wobble is not interpreted"},
    {"add.cc.u32 %r1, %r1, %r2;", "the modifier .cc is not interpreted"},
    {"add.u32 %r1, %r2;", "with 2 operands"},
    {"add.u32 %r1, %rd1, %r2;", "%rd1 has 64 bits"},
    {"add.u64 %rd1, %rd1, %r2;", "%r2 has 32 bits"},
    {"add.u32 %r1, %p1, %r2;", "%p1 has 1 bits"},
    {"add.u32 %r1, %r99, %r2;", "unknown name \"%r99\""},
    {"add.u32 5, %r1, %r2;", "not a register"},
    {"add.u32 %r1, 0f3F800000, %r2;", "a fraction"},
    {"add.u32 %r1, 1.5, %r2;", "cannot read the number"},
    {"mul.u32 %r1, %r1, %r2;", "without any of .lo .hi .wide"},
    {"fma.f32 %f1, %f1, %f1, %f1;", "without a rounding"},
    {"add.rz.ftz.f32 %f1, %f1, %f1;", "is not interpreted with .ftz"},
    {"cvt.f16.f32 %h1, %f1;", "without a rounding"},
    {"cvt.rn.s32.f32 %r1, %f1;", "needs an integer's rounding"},
    {"cvt.rna.tf32.f32 %r1, %f1;", "is not interpreted"},
    {"cvt.rn.satfinite.e4m3x2.f32 %h1, %f1, %f1;", "not interpreted"},
    {"setp.ltu.s32 %p1, %r1, %r2;", "floating point"},
    {"setp.lt.b32 %p1, %r1, %r2;", "bits are only equal or not"},
    {"@%r1 add.u32 %r1, %r1, %r2;", "is not a predicate"},
    {"bra NOWHERE;", "there is no label \"NOWHERE\""},
    {"ld.global.v3.u32 {%r1, %r1, %r2}, [%rd1];", "data's size"},
    {"ld.global.v2.u32 {%r1, %r1, %r2}, [%rd1];", "data's size"},
    {"ld.global.v4.u64 {%rd1, %rd2, %rd1, %rd1}, [%rd1];", "more than 16 bytes"},
    {"ld.global.acquire.u32 %r1, [%rd1];", "the modifier .acquire"},
    {"ld.global.u32 %r1, [%r2];", "%r2 cannot hold an address"},
    {"ld.shared.u32 %r1, [p0];", "another state space"},
    {"ld.shared.nc.u32 %r1, [%r2];", ".nc is for global memory"},
    {"shfl.bfly.b32 %r1, %r2, 1, 31;", "without any of .sync"},
    {"wgmma.fence.sync.aligned;", "this instruction is not interpreted"},
    {"mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
     "{%f1,%f1,%f1,%f1},{%r1,%r1,%r1,%r1},{%r1,%r1},{%f1,%f1,%f1,%f1};",
     "is not interpreted"},
    {"mma.sync.aligned.m16n8k16.row.col.f16.f16.f16.f16 {%r1,%r1},{%r1,%r1,%r1,%r1},{%r1,%r1},{%r1,%r1};",
     "only f32 ="},
    {"mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%f1,%f1,%f1},{%r1,%r1,%r1,%r1},{%r1,%r1},{%f1,%f1,%f1,%f1};",
     "needs 4"},
    {"ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%r1}, [%r2];", "one register a tile"},
    {"cp.async.cg.shared.global [%r1], [%rd1], 8;", "cannot copy 8 bytes"},
    {"cp.async.bulk.commit_group;", "is not interpreted"},
    {"add.f64 %rd1, %rd1, %rd2;", "a type is missing or is not interpreted"},
    {".reg .f64 %x;", "unknown type"},
    {"fma.rn.bf16x2 %r1, %r1, %r2, %r3;", "this instruction is not interpreted"},
    {"cvt.rz.bf16.f32 %h1, %f1;", "only f32 to .rn and back"},
    {"cvt.sat.u8.s32 %h1, %r1;", "the modifier .sat"},
    {"setp.lt.and.s32 %p1, %r1, %r2, %p2;", "with 4 operands"},
    {"setp.lt.s32 %p1|%p2, %r1, %r2;", "the result has to be a predicate"},
    {"atom.global.add.u32 %r1, [%rd1], 1;", "this instruction is not interpreted"},
    {"vote.sync.ballot.b32 %r1, %p1, -1;", "this instruction is not interpreted"},
    {"bar.sync 1, 64;", "with 2 operands"},
    {"bar.sync 1;", "barriers other than 0"},
    {"bar.red.popc.u32 %r1, 0, %p1;", "without any of .sync"},
    {"ld.local.u32 %r1, [%rd1];", "the modifier .local"},
    {"st.param.u32 [p0], %r1;", "cannot write there"},
    {"mov.u32 %r1, %clock;", "unknown name"},
    {"mov.u32 %r1, %tid.w;", "unknown name"},
    {"mov.u32 %r1, %tid;", "unknown name"},
    {"mov.u32 %r1, %laneid.x;", "unknown name"},
    {"call foo;", "this instruction is not interpreted"},
    {"tex.1d.v4.f32.s32 {%f1,%f1,%f1,%f1}, [x];", "this instruction is not interpreted"},
    {"add.u32 %r1, %r1, %r2", "expected \";\""},
    {".reg .u33 %x;", "unknown type"},
    {".reg .b32 %r<4>;", "for the second time"},
    {".reg .b32 %big<99999999>;", "is not within"},
    {"L: L: ret;", "a label for the second time"},
    {"mov.u32 %r1, 0x12zz;", "cannot read the number"},
    {"{ add.u32 %r1, %r1, %r2;", "found the end"},
    {"# pragma", "unexpected character"},
};

void check_refusals() {
    for (const Row &row : refused) {
        const std::string text =
            kernel(1, ".reg .b64 %rd<3>; .reg .b32 %r<4>; .reg .f32 %f<3>; .reg .b16 %h<3>; .reg .pred %p<3>;\n" +
                          std::string(row.body));
        std::string told = error_of([&] { Module::parse(text); });
        check_contains(told, "ptx: line ", row.body);
        check_contains(told, row.told, row.body);
    }
    const char *modules[][2] = {
        {".func f() { ret; }", "cannot interpret \".func\""},
        {".entry k() .explicitcluster { ret; }", "cannot interpret the directive"},
        {".entry k() { ret; } .entry k() { ret; }", "kernel k for the second time"},
        {".global .u32 x;", "cannot interpret \".global\""},
        {".const .u32 x = 1;", "cannot interpret \".const\""},
        {".entry k() { .local .b8 x[4]; ret; }", "cannot interpret the directive \".local\""},
        {".shared .u32 x; .shared .u32 x; .entry k() { ret; }", "x for the second time"},
        {".shared .u32 x = 1;", "cannot be initialised"},
        {".entry k(", "expected .param"},
        {"/* never closed", "a comment without an end"},
    };
    for (auto &m : modules) check_contains(error_of([&] { Module::parse(m[0]); }), m[1], m[0]);
}

void check_accepted() {
    auto module =
        Module::parse("\n.version 9.0 // comment\n/* one\n more */ .target sm_80, debug\n.address_size 64\n"
                      ".visible .entry first(.param .u64 .ptr .global .align 16 a, .param .u32 b, .param .u64 c,"
                      ".param .u16 d) .reqntid 32, 2 .maxnreg 40 { .pragma \"nounroll\"; .loc 1 2 3\n ret; }\n"
                      ".weak .entry second() { .shared .align 8 .b8 x[24]; { { ret; } } }\0 behind the end");
    check(module->kernels().size() == 2, "there are two kernels");
    const Kernel *k = module->find("first");
    check(k && k->parameters.size() == 4 && k->parameter_bytes == 26 && k->max_threads == 64, "what is known of first");
    const int offsets[] = {0, 8, 16, 24}, sizes[] = {8, 4, 8, 2};
    for (size_t i = 0; k && i < 4; i++) {
        check(k->parameters[i].offset == offsets[i] && k->parameters[i].size == sizes[i],
              "parameter " + std::to_string(i));
    }
    check(module->find("second")->static_shared == 24, "second's shared memory");
    check(module->find("third") == nullptr, "a kernel that is not there");
}

}  // namespace

void parsing() {
    check_refusals();
    check_accepted();
}

}  // namespace ptx::test
