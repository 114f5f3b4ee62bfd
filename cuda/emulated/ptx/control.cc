// Control flow and barriers: bra ret exit trap, bar and barrier; fences and sleeping, which change nothing here.
#include "block.h"
#include "instructions.h"

namespace ptx {

namespace {

void nothing(Warp &, const Instruction &, Mask) {}

void trap(Warp &w, const Instruction &in, Mask active) { w.fail(in, "executed by lanes " + hex(active)); }

void decode_branch(Decoder &d) {
    d.has("uni");
    d.need_operands(1);
    int64_t target =
        d.operand(0).kind == syntax::Operand::name ? d.names.find_label(d.operand(0).text, d.statement().scope) : -1;
    if (target < 0) d.refuse("there is no label \"" + std::string(d.operand(0).text) + "\"");
    d.out.flow = Flow::branch;
    d.out.target = static_cast<uint32_t>(target);
}

void decode_leave(Decoder &d) {
    d.has("uni");
    d.need_operands(0);
    d.out.flow = Flow::leave;
}

void decode_trap(Decoder &d) {
    d.need_operands(0);
    d.out.execute = trap;
}

// r: result, barrier, threads, source predicate (negated by mode 16). mode's low bits: whether it waits, the reduction.
enum BarrierMode : uint8_t { reduction_bits = 3, arrives_only = 8, negated = 16 };

void barrier(Warp &w, const Instruction &in, Mask active) {
    Block::Arrival a;
    a.id = w.values<uint32_t>(in.r[1])[0];
    if (in.r[2] != no_register) a.threads = w.values<uint32_t>(in.r[2])[0];
    a.waits = !(in.mode & arrives_only);
    a.reduction = static_cast<Reduction>(in.mode & reduction_bits);
    if (in.r[3] != no_register) a.predicate = (w.predicate(in.r[3]) ^ (in.mode & negated ? all_lanes : 0)) & active;
    a.result = in.r[0];
    w.block.arrive(w, in, a);
}

// bar.red.popc d, id {, threads}, p and bar.red.{and,or} p, id {, threads}, q.
void decode_reduction(Decoder &d) {
    constexpr Reduction reductions[] = {Reduction::count, Reduction::all, Reduction::any};
    Reduction r = reductions[d.need_one_of({"popc", "and", "or"})];
    d.out.mode = static_cast<uint8_t>(r);
    if (d.type() != (r == Reduction::count ? Type::u32 : Type::pred)) d.refuse("not interpreted for this type");
    d.need_operands(3, 4);
    d.out.r[0] = r == Reduction::count ? d.destination(0, Type::u32) : d.predicate_destination(d.operand(0).text);
    d.out.r[1] = d.source(1, Type::u32);
    if (d.operands() == 4) d.out.r[2] = d.source(2, Type::u32);
    bool inverted = false;
    d.out.r[3] = d.predicate(d.operand(d.operands() - 1), &inverted);
    d.out.mode |= inverted ? negated : 0;
}

// barrier without .aligned, which warps may execute in parts, is taken only if they do not.
void decode_barrier(Decoder &d) {
    if (d.has("warp")) return decode_warp_barrier(d);
    d.has("cta");
    d.has("aligned");
    d.out.flow = Flow::barrier;
    d.out.execute = barrier;
    int form = d.need_one_of({"sync", "arrive", "red"});
    if (form == 2) return decode_reduction(d);
    if (form == 1) d.out.mode = arrives_only;
    d.need_operands(form == 1 ? 2 : 1, 2);
    d.out.r[1] = d.source(0, Type::u32);
    if (d.operands() == 2) d.out.r[2] = d.source(1, Type::u32);
}

// Threads of a block see each other's writes in the order of execution, so fences have nothing to do.
void decode_fence(Decoder &d) {
    d.one_of({"sc", "acq_rel"});
    d.need_one_of({"cta", "gl", "gpu", "sys"});
    d.need_operands(0);
    d.out.execute = nothing;
}

void decode_nanosleep(Decoder &d) {
    d.type();
    d.need_operands(1);
    d.out.execute = nothing;
}

}  // namespace

std::vector<Entry> control_instructions() {
    constexpr Operands any = Operands::any;
    return {
        {"bra", any, decode_branch},   {"ret", any, decode_leave},   {"exit", any, decode_leave},
        {"trap", any, decode_trap},    {"bar", any, decode_barrier}, {"barrier", any, decode_barrier},
        {"membar", any, decode_fence}, {"fence", any, decode_fence}, {"nanosleep", any, decode_nanosleep},
    };
}

}  // namespace ptx
