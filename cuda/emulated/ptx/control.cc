// Control flow and barriers: bra ret exit trap, bar.sync and bar.warp.sync.
#include "block.h"
#include "instructions.h"

namespace ptx {

namespace {

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

// __syncthreads, the one barrier of a block that is interpreted: named ones, and those that reduce, are refused.
void barrier(Warp &w, const Instruction &, Mask) { w.block.arrive(w); }

// __syncwarp: the lanes of the mask have come together (Flow::gather).
void warp_barrier(Warp &w, const Instruction &, Mask) { w.block.shared.synchronise_warp(w.index); }

void decode_barrier(Decoder &d) {
    const bool of_warp = d.has("warp");
    d.need("sync");
    d.need_operands(1);
    if (of_warp) {
        d.out.execute = warp_barrier;
        d.out.flow = Flow::gather;
        d.out.r[member_mask] = d.source(0, Type::b32);
        return;
    }
    if (d.integer(0) != 0) d.refuse("barriers other than 0 are not interpreted");
    d.out.execute = barrier;
    d.out.flow = Flow::barrier;
}

}  // namespace

std::vector<Entry> control_instructions() {
    constexpr Operands any = Operands::any;
    return {
        {"bra", any, decode_branch}, {"ret", any, decode_leave},   {"exit", any, decode_leave},
        {"trap", any, decode_trap},  {"bar", any, decode_barrier},
    };
}

}  // namespace ptx
