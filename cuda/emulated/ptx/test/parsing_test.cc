// What the parser refuses, and that damaged text never does worse than be refused.
#include <fstream>
#include <sstream>

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
    {"add.u32 %r1, 1.5, %r2;", "a fraction"},
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
    {"st.const.u32 [%rd1], %r1;", "cannot write there"},
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
    {"call foo;", "this instruction is not interpreted"},
    {"tex.1d.v4.f32.s32 {%f1,%f1,%f1,%f1}, [x];", "this instruction is not interpreted"},
    {"add.u32 %r1, %r1, %r2", "expected \";\""},
    {".reg .u33 %x;", "unknown type"},
    {".reg .b32 %r<4>;", "for the second time"},
    {".reg .b32 %big<99999999>;", "is not within"},
    {"L: L: ret;", "a label for the second time"},
    {".local .b8 huge[60000000];", "more local memory"},
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
        {".global .u32 x; .const .u32 x;", "x for the second time"},
        {".global .f32 x = 1;", "another kind than the variable"},
        {".global .b8 x[2] = {1, 2, 3};", "more values than elements"},
        {".entry k(", "expected .param"},
        {"/* never closed", "a comment without an end"},
    };
    for (auto &m : modules) check_contains(error_of([&] { Module::parse(m[0]); }), m[1], m[0]);
}

void check_accepted() {
    auto module =
        Module::parse("\n.version 9.0 // comment\n/* one\n more */ .target sm_80, debug\n.address_size 64\n"
                      ".visible .entry first(.param .u64 .ptr .global .align 16 a, .param .u32 b, .param .f64 c,"
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

unsigned char arena[4096];

bool arena_only(uint64_t address, uint64_t *from, uint64_t *to) {
    *from = reinterpret_cast<uint64_t>(arena);
    *to = *from + sizeof arena;
    return address >= *from && address < *to;
}

// One random change: a byte, a piece taken out, a piece put elsewhere, or two lines exchanged.
std::string mangled(std::string text, Numbers &random) {
    const size_t at = random.next() % text.size(), length = 1 + random.next() % 40;
    switch (random.next() % 5) {
    case 0:
        text[at] = static_cast<char>(random.next());
        break;
    case 1:
        text.erase(at, length);
        break;
    case 2:
        text.insert(random.next() % text.size(), text.substr(at, length));
        break;
    case 3:
        text[at] = "0123456789%.;,[]{}"[random.next() % 18];
        break;
    default: {
        size_t begin = text.find('\n', at), other = text.find('\n', random.next() % text.size());
        if (begin != text.npos && other != text.npos)
            text.insert(other, text.substr(begin, text.find('\n', begin + 1) - begin));
    }
    }
    return text;
}

// Parses, and runs what can be parsed on memory where little is allowed. Nothing but Error may come of it.
bool survives(const std::string &text) {
    try {
        auto module = Module::parse(text);
        for (const auto &k : module->kernels()) {
            if (k->parameter_bytes > 4096 || k->static_shared > 1 << 20) continue;
            std::vector<uint64_t> parameters(512, reinterpret_cast<uint64_t>(arena));
            Launch l;
            l.block[0] = 64;
            l.dynamic_shared = 1024;
            l.parameters = reinterpret_cast<const unsigned char *>(parameters.data());
            Machine m;
            m.range = arena_only;
            m.instruction_limit = 2000;
            run(*k, l, m);
        }
        return true;
    } catch (const Error &) {
        return false;
    }
}

void check_mangled() {
    std::ifstream file(KERNELS_PTX);
    std::stringstream stream;
    stream << file.rdbuf();
    const std::string text = stream.str();
    check(text.size() > 1000, std::string("cannot read ") + KERNELS_PTX);
    if (text.empty()) return;
    Numbers random(99);
    int accepted = 0;
    for (int i = 0; i < 400; i++) {
        std::string damaged = text;
        for (uint64_t n = random.next() % 4 + 1; n > 0; n--) damaged = mangled(damaged, random);
        accepted += survives(damaged);
    }
    check(accepted < 400, "no damage is noticed");
    for (size_t length = 0; length < text.size(); length += 1 + text.size() / 100) survives(text.substr(0, length));
}

}  // namespace

void parsing() {
    check_refusals();
    check_accepted();
    check_mangled();
}

}  // namespace ptx::test
